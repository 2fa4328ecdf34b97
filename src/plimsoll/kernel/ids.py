"""Identifiers that sort by the time they were made and never collide in practice (ULID layout)."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from plimsoll.kernel.clock import EPOCH

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str, *, at: datetime) -> str:
    """`prefix-` and 26 characters: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32."""
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
    return f"{prefix}-{_base32(milliseconds, length=10)}{_base32(secrets.randbits(80), length=16)}"


def millisecond_of(identifier: str) -> int:
    """The Unix time in milliseconds at which an id of ours was made. Raises ValueError when it is not one."""
    _, _, body = identifier.rpartition("-")
    if len(body) != 26:
        raise ValueError(identifier)
    value = 0
    for character in body[:10]:
        value = value * 32 + _ALPHABET.index(character)
    return value


def _base32(value: int, *, length: int) -> str:
    digits = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
