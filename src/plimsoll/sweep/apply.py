"""Writes parameters into the text of a project file and leaves every other character as it is, or refuses.

Works on text alone. What it gives is read again and must say what the old text said, but for the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

import yaml

from plimsoll.project.reader import read_tree


class NotSafe(Exception):
    """Why parameters cannot be put into a text."""


def with_params(text: str, params: Mapping[str, Any]) -> str:
    """The text with these values under `pipeline.params`. Raises NotSafe."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    written = _mapping_at(root, "pipeline", "params")
    edits: list[tuple[int, int, str]] = []
    for name, value in params.items():
        if name not in written:
            problem = f"{name} does not stand under `pipeline.params`"
            raise NotSafe(problem)
        node = written[name]
        begin, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            problem = f"{name} is written over several lines"
            raise NotSafe(problem)
        if "$" in text[begin:end]:
            problem = f"{name} is taken from the environment"
            raise NotSafe(problem)
        edits.append((begin, end, json.dumps(value, ensure_ascii=False)))
    changed = text
    for begin, end, value in sorted(edits, reverse=True):
        changed = changed[:begin] + value + changed[end:]
    _require_same(text, changed, params)
    return changed


def params_text(params: Mapping[str, Any]) -> str:
    """The parameters as lines to copy into a project file."""
    return "\n".join(["  params:", *(f"    {name}: {json.dumps(value)}" for name, value in params.items())])


def diff_text(before: str, after: str, *, name: str) -> str:
    """What changes, as a unified diff without context."""
    lines = unified_diff(before.splitlines(), after.splitlines(), name, name, n=0, lineterm="")
    return "\n".join(lines)


def _mapping_at(node: yaml.Node | None, *path: str) -> dict[str, yaml.Node]:
    """The values of the mapping at a path, by key. Raises NotSafe."""
    found: dict[str, yaml.Node] = {}
    for part in (*path, None):
        if not isinstance(node, yaml.MappingNode):
            problem = f"there is no mapping `{'.'.join(path)}`"
            raise NotSafe(problem)
        found = {str(key.value): value for key, value in node.value}
        node = found.get(part) if part is not None else None
    return found


def _require_same(before: str, after: str, params: Mapping[str, Any]) -> None:
    was, now = (read_tree(text, file="", environ=_AnyVariable()) for text in (before, after))
    wanted = was.value
    wanted["pipeline"]["params"] = {**wanted["pipeline"]["params"], **params}
    if now.problems or json.dumps(now.value) != json.dumps(wanted):
        problem = "the values cannot be put there without changing others"
        raise NotSafe(problem)


class _AnyVariable(dict[str, str]):
    """Environment in which every variable has its own name for a value."""

    def __missing__(self, name: str) -> str:
        return name

    def get(self, name: str, _default: Any = None) -> str:
        return name

    def __contains__(self, name: object) -> bool:
        return True
