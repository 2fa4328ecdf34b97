"""What a command line says that a sweep shall try: `rate=0.01,0.1`, `rate=log:0.001..0.3`, `depth=int:2..8`. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from plimsoll.project.sweep_rules import RANGES

_RANGE = re.compile(rf"({'|'.join(RANGES)}):(.+)\.\.(.+)")


def tried(text: str) -> tuple[str, Any]:
    """The parameter, and what the project file would say about it. Raises ValueError for other text."""
    name, equals, said = text.partition("=")
    if not equals or not name.isidentifier() or not said:
        raise ValueError(text)
    found = _RANGE.fullmatch(said)
    if found is not None:
        kind, *ends = found.groups()
        return name, {kind: [_plain(end) for end in ends]}
    try:
        whole = json.loads(f"[{said}]")
    except ValueError:
        return name, [_plain(value) for value in said.split(",")]
    return name, whole


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
