"""SHA-256 digests of bytes, files and JSON values, written as 64 hexadecimal characters."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from plimsoll.kernel.canonical import canonical_json


def digest_bytes(content: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_json(value: Any) -> str:
    """The SHA-256 of the value's canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """The SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
