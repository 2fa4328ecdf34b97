"""What the shim writes about what it does, and how its logs are kept short."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

LARGEST_LOG = 5 * 1024 * 1024


def note(text: str) -> None:
    """A line in the shim's log, which standard error is."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    sys.stderr.flush()


def shorten(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".old.log"))
