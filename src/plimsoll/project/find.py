"""Finds the project around a folder."""

from __future__ import annotations

from pathlib import Path

from plimsoll.kernel.errors import Kind, PlimsollError

PROJECT_FILE = "plimsoll.yaml"


class ProjectNotFound(PlimsollError):
    """No project file here or in any folder above."""

    code = "project.not_found"
    kind = Kind.MISSING
    text = "There is no plimsoll.yaml in {folder} or any folder above it."
    hint = "Change to your project's folder, or make a new project with `plimsoll init my-project`."


def find_project(start: Path) -> Path:
    """The folder of the project around a folder, as git finds its repository. Raises ProjectNotFound."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ProjectNotFound(folder=str(start))
