"""The shape of a project file: which settings exist and what type each has, by pydantic, told as problems.

Pydantic reads plain values straight into the frozen types of `entities`; its errors are put into our words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from plimsoll.kernel.nearest import nearest
from plimsoll.project import entities
from plimsoll.project.breach import DURATION, SHARE, SIZE
from plimsoll.project.entities import Project
from plimsoll.project.problems import Path, describe, one_of
from plimsoll.project.reader import Tree

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping of names to values",
    "dict_type": "a mapping of names to values",
    "dataclass_type": "a mapping of settings",
}
_DURATIONS = ("timeout", "backoff", "bake", "hold", "stage_deadline", "ready", "warm", "look", "candidate_deadline")
_EXPECTED_AT = {**dict.fromkeys(_DURATIONS, DURATION), "max_added_errors": SHARE, "memory": SIZE}


@cache
def project_type() -> TypeAdapter[Project]:
    """The reader and writer of projects; made once, since that takes a tenth of a second."""
    return TypeAdapter(Project)


def read_shape(tree: Tree) -> Project | None:
    """The typed project, or None when the tree got problems; all of them are reported at once."""
    try:
        return project_type().validate_python(tree.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    unknown = {_named(tree, detail) for detail in details if detail["type"] == "unexpected_keyword_argument"}
    absent = {_named(tree, detail) for detail in details if detail["type"] == "missing"}
    for path in sorted(absent, key=str):
        _report_missing(tree, path, unknown)
    for path in sorted(unknown, key=str):
        _report_unknown(tree, path)
    grouped: dict[Path, list[ErrorDetails]] = {}
    for detail in details:
        if detail["type"] not in ("missing", "unexpected_keyword_argument"):
            grouped.setdefault(_written(tree, tuple(detail["loc"])), []).append(detail)
    for path, alternatives in grouped.items():
        if not any(other[: len(path)] == path for other in (*grouped, *unknown, *absent) if other != path):
            _report_wrong(tree, path, alternatives)
    return None


def readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for which rules can speak: a misspelt section is there, but nothing is known about it."""
    sections = _settings(())
    meant = (nearest(name, sections) for name in values if name not in sections)
    return {**dict.fromkeys(filter(None, meant), ...), **values}


def _report_missing(tree: Tree, path: Path, unknown: set[Path]) -> None:
    """A required setting that is not there, unless a misspelt one beside it explains that."""
    name = str(path[-1])
    siblings = [str(other[-1]) for other in unknown if other[:-1] == path[:-1]]
    if any(nearest(sibling, _settings(path[:-1])) == name for sibling in siblings):
        return
    tree.report(path, "nothing", f"a setting `{name}:`")


def _report_unknown(tree: Tree, path: Path) -> None:
    settings = _settings(path[:-1])
    name = path[-1]
    tree.report(path, repr(name), one_of(settings), nearest=nearest(name, settings))


def _report_wrong(tree: Tree, path: Path, alternatives: list[ErrorDetails]) -> None:
    """A value of the wrong type; a union reports once for each of its types."""
    value = alternatives[0]["input"]
    words = [word for detail in alternatives for word in _words(detail)]
    types = dict.fromkeys(_EXPECTED[detail["type"]] for detail in alternatives if detail["type"] in _EXPECTED)
    if words and not types:
        tree.report(path, describe(value), one_of(words), nearest=nearest(value, words))
        return
    expected = _either([*types, *words]) or alternatives[0]["msg"]
    if "text" in types and path[-1] in _EXPECTED_AT:
        expected = _EXPECTED_AT[str(path[-1])]
    if value is None and "a mapping of settings" in types:
        expected += "; {} takes every default"
    elif types.keys() == {"text"} and path[-1] not in _EXPECTED_AT and isinstance(value, int | float):
        expected += "; put it in quotes"
    tree.report(path, describe(value), expected)


def _either(types: list[str]) -> str:
    """`text, a number or true or false`."""
    if "a number" in types and "a whole number" in types:
        types.remove("a whole number")
    return " or ".join(part for part in (", ".join(types[:-1]), *types[-1:]) if part)


def _words(detail: ErrorDetails) -> list[str]:
    """The allowed words of a setting that takes only some."""
    if detail["type"] != "literal_error":
        return []
    listed = detail.get("ctx", {}).get("expected", "").replace(" or ", ", ")
    return [word.strip("'") for word in listed.split(", ")]


def _written(tree: Tree, location: Path) -> Path:
    """Pydantic's location without what it adds for unions: only the parts that are in the file."""
    path: Path = ()
    for part in location:
        if (*path, part) in tree.lines:
            path = (*path, part)
    return path


def _named(tree: Tree, detail: ErrorDetails) -> Path:
    """Where a setting is that should not be there, or should."""
    *way, name = detail["loc"]
    return (*_written(tree, tuple(way)), name)


def _settings(path: Path) -> tuple[str, ...]:
    """The names that may stand in the mapping at a path."""
    kind: Any = Project
    for part in path:
        if dataclasses.is_dataclass(kind):
            kind = _field_types(kind)[str(part)]
        else:
            kind = get_args(kind)[0 if isinstance(part, int) else -1]
        if get_origin(kind) in (Union, UnionType):
            kind = next((option for option in get_args(kind) if option not in (str, NoneType)), kind)
    return tuple(_field_types(kind))


def _field_types(kind: Any) -> dict[str, Any]:
    """Setting -> type, of one of the entities."""
    hints = get_type_hints(kind, vars(entities))
    return {field.name.rstrip("_"): hints[field.name] for field in dataclasses.fields(kind)}
