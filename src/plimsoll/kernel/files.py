"""Files that appear whole or not at all: written beside their place, then moved there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(folder: Path) -> Iterator[Path]:
    """An empty file that only its owner may read, to fill and then to move; removed when it was not moved."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text whole: a reader finds the old one or the new one. It may not survive a power cut."""
    with new_file(path.parent) as new:
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def sync_file(path: Path) -> None:
    """Make a file's content durable before its name is: a name must not outlive what it stands for."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, else a power cut can take a new one away again."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
