"""Amounts of memory as people write them in a project file, `512Mi` or `4Gi`, and as they are told to people."""

from __future__ import annotations

import re

_UNITS = {
    "": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
    "Ti": 1 << 40,
}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?|)")


def parse_size(text: str) -> int:
    """Bytes in a size such as `4Gi` (powers of 1024) or `4G` (powers of 1000), as Kubernetes writes them.

    Raises ValueError that says what is expected.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        message = f"{text!r} is not a size; write a number with Mi or Gi, such as 512Mi or 4Gi"
        raise ValueError(message)
    return round(float(found.group(1)) * _UNITS[found.group(2)])


def size_text(size: float) -> str:
    """`1.5 GiB`, `12 MiB`, `800 bytes`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            amount = size / unit
            return f"{amount:.1f} {name}" if amount < 10 else f"{amount:.0f} {name}"
    return f"{size:.0f} bytes"
