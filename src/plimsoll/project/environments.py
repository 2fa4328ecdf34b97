"""Finds an environment of a project by name, or says which name was probably meant."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.nearest import nearest
from plimsoll.project.entities import Environment, Project


class UnknownEnvironment(PlimsollError):
    """A name that is not under `environments` in the project file."""

    code = "project.unknown_environment"
    kind = Kind.MISSING
    text = "{project} has no environment {environment!r}; it has {known}."
    hint = "{advice}"


def find_environment(project: Project, name: str) -> Environment:
    """The environment of that name. Raises UnknownEnvironment."""
    if name in project.environments:
        return project.environments[name]
    near = nearest(name, project.environments)
    raise UnknownEnvironment(
        project=project.project,
        environment=name,
        known=", ".join(project.environments) or "none",
        advice=f"Did you mean {near}?" if near else "Add it under `environments` in plimsoll.yaml.",
    )
