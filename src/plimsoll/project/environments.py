"""Finds an environment of a project by name, or says which name was probably meant."""

from __future__ import annotations

import difflib

from plimsoll.kernel.errors import Kind, PlimsollError
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
    near = difflib.get_close_matches(name, project.environments, n=1)
    raise UnknownEnvironment(
        project=project.project,
        environment=name,
        known=", ".join(project.environments) or "none",
        advice=f"Did you mean {near[0]}?" if near else "Add it under `environments` in plimsoll.yaml.",
    )
