"""SHA-256 digests of bytes, files and JSON values, written as 64 hexadecimal characters."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from plimsoll.kernel.canonical import canonical_json

_PIECE = 1 << 20


def digest_bytes(content: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_json(value: Any) -> str:
    """The SHA-256 of the value's canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """The SHA-256 of a file's content, read in pieces into one buffer. Threads may do this side by side."""
    hasher = hashlib.sha256()
    buffer = memoryview(bytearray(min(_PIECE, path.stat().st_size + 1)))
    with path.open("rb", buffering=0) as stream:
        while size := stream.readinto(buffer):
            hasher.update(buffer[:size])
    return hasher.hexdigest()
