"""Durations as people write them in a project file: `250ms`, `90s`, `10m`, `6h`, `7d`."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `1h30m`. Raises ValueError that says what is expected."""
    compact = text.strip()
    matches = list(_PATTERN.finditer(compact))
    if not matches or "".join(match.group(0) for match in matches) != compact:
        message = f"{text!r} is not a duration; write a number with ms, s, m, h, d or w, such as 10m or 1h30m"
        raise ValueError(message)
    return sum(float(match.group(1)) * _SECONDS[match.group(2)] for match in matches)
