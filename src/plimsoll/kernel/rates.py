"""How often something may happen, as people write it: `1/year`, `2/week`."""

from __future__ import annotations

import re

_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(day|week|month|year)")


def parse_rate(text: str) -> float:
    """Times a day. Raises ValueError for what is no rate above zero."""
    match = _RATE.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        message = f"{text!r} is not a rate such as 1/year"
        raise ValueError(message)
    return float(match[1]) / _DAYS[match[2]]
