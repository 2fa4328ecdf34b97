"""`plimsoll check`: the project with every default filled in, and its steps, as plain data and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.project.code import Code, read_code
from plimsoll.project.entities import Project
from plimsoll.project.load import read_project, written_values
from plimsoll.project.problems import Path as Place
from plimsoll.project.problems import place
from plimsoll.project.reader import plain_value

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./*")


class ProjectNotFound(PlimsollError):
    """No project file here or in any folder above."""

    code = "project.not_found"
    kind = Kind.MISSING
    text = "There is no plimsoll.yaml in {folder} or any folder above it."
    hint = "Change to your project's folder, or make a new project with `plimsoll init my-project`."


def find_project(start: Path) -> Path:
    """The folder of the project around a folder, as git finds its repository. Raises ProjectNotFound."""
    for folder in (start, *start.parents):
        if (folder / "plimsoll.yaml").is_file():
            return folder
    raise ProjectNotFound(folder=str(start))


def check_project(start: Path) -> dict[str, Any]:
    """Load the project around a folder and read its code; returns JSON-ready data.

    Raises ProjectNotFound, ProjectFileMissing, and ProjectInvalid or CodeInvalid with every problem.
    """
    root = find_project(start)
    project, tree = read_project(root / "plimsoll.yaml")
    code = read_code(root, project.code)
    values = written_values(project)
    return {
        "file": str(root / "plimsoll.yaml"),
        "project": values,
        "defaults": [place(path) for path in _paths(values, ()) if path not in tree.lines],
        "steps": list(_steps(project, code)),
    }


def project_text(checked: Mapping[str, Any]) -> str:
    """The checked project for people, as YAML; what the file leaves to its default is marked."""
    return "\n".join(_lines(checked["project"], (), frozenset(checked["defaults"])))


def _steps(project: Project, code: Code) -> Iterator[dict[str, Any]]:
    for function in code.functions.values():
        options = project.pipeline.steps.get(function.name)
        yield {
            "step": function.name,
            "takes": list(function.parameters),
            "gives": list(options.outputs if options and options.outputs else (function.name,)),
            "file": function.file,
            "line": function.line,
        }


def _paths(values: Mapping[str, Any], path: Place) -> Iterator[Place]:
    """The path of every setting."""
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, Mapping):
            yield from _paths(value, (*path, key))
        elif isinstance(value, list | tuple):
            for position, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _paths(item, (*path, key, position))


def _lines(values: Mapping[str, Any], path: Place, defaults: frozenset[str]) -> Iterator[str]:
    indent = "  " * len(path)
    for key, value in values.items():
        here = (*path, key)
        name = f"{indent}{_scalar(key)}:"
        if place(here) in defaults:
            yield f"{name} {_flow(value)}  # default"
        elif isinstance(value, Mapping) and value and path[-1:] not in {("columns",), ("steps",)}:
            yield name
            yield from _lines(value, here, defaults)
        elif isinstance(value, Mapping):
            yield f"{name} {_compact(value, here, defaults)}"
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            yield name
            for position, item in enumerate(value):
                yield f"{indent}  - {_compact(item, (*here, position), defaults)}"
        else:
            yield f"{name} {_flow(value)}"


def _compact(values: Mapping[str, Any], path: Place, defaults: frozenset[str]) -> str:
    """A small mapping on one line: what is written, then what is left to its default."""
    left = {key: value for key, value in values.items() if place((*path, key)) in defaults}
    written = _flow({key: value for key, value in values.items() if key not in left})
    return f"{written}  # default: {_flow(left)[1:-1]}" if left else written


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A value as a file would write it; texts that could be taken for something else are quoted."""
    if isinstance(value, str):
        plain = value and value[0] not in "-*." and set(value) <= _PLAIN and plain_value(value) == value
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
