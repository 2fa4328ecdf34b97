"""YAML text -> plain values, with the line of every key and item, and everything wrong found on the way.

Scalars follow YAML 1.2, so `on:` and `NO` are words and `1e-3` is a number. `${NAME}` and `${NAME:-default}` are
taken from the environment, `$$` is a dollar sign. Nothing here knows what a project file may say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from plimsoll.project.problems import Path, Problem, describe, place
from plimsoll.project.syntax import explain_syntax

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:_\d{3})+)")
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\$|\{([^}]*)(\}?))")
_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """Composes nodes only; what a scalar means is decided here and not by YAML 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the name and the type are PyYAML's


@dataclass(slots=True, kw_only=True)
class Tree:
    """A file's values with the places they were written at."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    """The line of each key and list item, by its path."""
    problems: list[Problem] = field(default_factory=list)
    _reported: set[Path] = field(default_factory=set)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def report(self, path: Path, found: str, expected: str, *, nearest: str = "", line: int = 0) -> None:
        """Add a problem; without a line of its own, a place that already has a problem is left alone."""
        if path in self._reported and not line:
            return
        self._reported.add(path)
        self.problems.append(
            Problem(
                file=self.file,
                line=line or self.line(path),
                where=place(path),
                found=found,
                expected=expected,
                nearest=nearest,
            )
        )


def read_tree(text: str, *, file: str, environ: Mapping[str, str]) -> Tree:
    """The values of one YAML document. Its syntax errors and all other problems are in `problems`."""
    tree = Tree(file=file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        tree.problems.append(explain_syntax(error, text, file))
        return tree
    except RecursionError:
        tree.report((), "lists or mappings nested hundreds deep", "a project file")
        return tree
    if node is not None:
        tree.value = _Reading(tree, environ).value(node, ())
    return tree


class _Reading:
    """One walk over the nodes of a document."""

    def __init__(self, tree: Tree, environ: Mapping[str, str]) -> None:
        self._tree = tree
        self._environ = environ
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        if any(node is outer for outer in self._open):
            self._tree.report(path, "an alias of something that contains it", "a value", line=_line(node))
            return None
        if node.tag and not node.tag.startswith("tag:yaml.org,2002:"):
            self._tree.report(path, f"the YAML tag {node.tag}", "a plain value", line=_line(node))
            return None
        self._open.append(node)
        try:
            match node:
                case yaml.MappingNode():
                    return self._mapping(node, path)
                case yaml.SequenceNode():
                    return [self._item(item, (*path, position)) for position, item in enumerate(node.value)]
                case yaml.ScalarNode():
                    return self._scalar(node, path)
            return None
        finally:
            self._open.pop()

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self._tree.lines[path] = _line(node)
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        written: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._tree.report(path, "a list or mapping as a name", "a word before the colon", line=line)
                continue
            key = key_node.value
            if key == "<<" and key_node.style is None:
                merged |= self._merged(value_node, path)
            elif key in written:
                found = f"{key!r} a second time (the first is on line {first_lines[key]})"
                self._tree.report((*path, key), found, "each name once", line=line)
            else:
                first_lines[key] = self._tree.lines[*path, key] = line
                written[key] = self.value(value_node, (*path, key))
        return merged | written

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What `<<: *alias` brings in; of several, earlier ones win."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                merged = self.value(source, path) | merged
            else:
                self._tree.report((*path, "<<"), "something else", "an alias of a mapping", line=_line(node))
        return merged

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text = self._substituted(node.value, path, _line(node))
        if node.style is not None:
            return text
        if _NOT_FINITE.fullmatch(text):
            self._tree.report(path, text, "a finite number", line=_line(node))
            return 0.0
        return plain_value(text)

    def _substituted(self, text: str, path: Path, line: int) -> str:
        def replacement(match: re.Match[str]) -> str:
            if match.group() == "$$":
                return "$"
            reference = _REFERENCE.fullmatch(match.group(1)) if match.group(2) else None
            if reference is None:
                self._tree.report(
                    path, describe(match.group()), "${NAME} or ${NAME:-default}; $${ stands for ${ itself", line=line
                )
                return ""
            name, default = reference.groups()
            value = self._environ.get(name, "")
            if not value and default is None and name not in self._environ:
                expected = f"the environment variable {name} to be set, or a default: ${{{name}:-default}}"
                self._tree.report(path, f"${{{name}}}", expected, line=line)
            return value or default or ""

        return _VARIABLE.sub(replacement, text)


def plain_value(text: str) -> Any:
    """What an unquoted scalar means: nothing, true or false, a number, or itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
