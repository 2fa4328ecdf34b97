"""A project written out with every default filled in, for people to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from plimsoll.project.entities import Project
from plimsoll.project.load import written_values
from plimsoll.project.problems import Path as Place
from plimsoll.project.problems import place
from plimsoll.project.reader import Tree, plain_value
from plimsoll.project.source_rules import without_password

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./*%")


def shown_values(project: Project) -> dict[str, Any]:
    """The project as plain values, fit to be shown: URLs of databases without their passwords."""
    values = written_values(project)
    for dataset in values["data"].values():
        if dataset["url"] is not None:
            dataset["url"] = without_password(dataset["url"])
    return values


def unwritten(project: Project, tree: Tree) -> list[str]:
    """The settings that the file leaves to their defaults, each by its place, such as `gates[0].min_rows`."""
    return [place(path) for path in _paths(written_values(project), ()) if path not in tree.lines]


def project_text(checked: Mapping[str, Any]) -> str:
    """The checked project for people, as YAML; what the file leaves to its default is marked."""
    return "\n".join(_lines(checked["project"], (), frozenset(checked["defaults"])))


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
                told = _compact(item, (*here, position), defaults) if isinstance(item, Mapping) else _flow(item)
                yield f"{indent}  - {told}"
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
        plain = value and value[0] not in "-*.%" and set(value) <= _PLAIN and plain_value(value) == value
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
