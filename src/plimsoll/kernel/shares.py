"""Shares as people write them in a project file: `0.5%`, or the number 0.005."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def parse_share(written: str | float) -> float:
    """A share from 0 to 1, of a text such as `0.5%` or of a number. Raises ValueError that says what is expected."""
    share = written
    if isinstance(written, str):
        match = _PERCENT.fullmatch(written.strip())
        share = float(match.group(1)) / 100 if match else -1.0
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        message = f"{written!r} is not a share; write a percentage such as 0.5%, or a number from 0 to 1 such as 0.005"
        raise ValueError(message)
    return float(share)
