"""What a state folder remembers of what is wanted, and who may change it: the one shim that holds its lock."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import Any

OLDER, SHIM_RUNS = 3, 4
"""What a stop that cannot be recorded exits with."""


def read_state(state: Path) -> dict[str, Any]:
    """What a state folder remembers: the newest revision, whether that was a stop, and what was desired last."""
    nothing = {"revision": 0, "stopped": False, "desired": {}, "answering": None}
    try:
        return {**nothing, **json.loads((state / "serving.json").read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return nothing


def write_state(state: Path, page: dict[str, Any]) -> None:
    temporary = state / ".serving.json.new"
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(page, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(state / "serving.json")


def lock(state: Path) -> int | None:
    """Hold the state folder's lock for as long as this process lives; None when another shim does."""
    descriptor = os.open(state / "shim.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return descriptor


def record_stop(state: Path, revision: int) -> None:
    """Stop where no shim runs. Exits with SHIM_RUNS where one does: it must be asked; or with OLDER."""
    state.mkdir(parents=True, exist_ok=True)
    if lock(state) is None:
        sys.exit(SHIM_RUNS)
    page = read_state(state)
    if revision < page["revision"]:
        sys.exit(OLDER)
    write_state(state, {**page, "revision": revision, "stopped": True})
