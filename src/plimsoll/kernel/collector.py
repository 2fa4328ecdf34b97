"""The collector of garbage, which has nothing to do while a program starts: imports make objects to keep."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the collector from looking, and afterwards from ever looking at what was made meanwhile.

    A tenth of a command's time would go there.
    """
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not _must_look():
            gc.freeze()
        if looks:
            gc.enable()


def leave_quickly() -> None:
    """Spare the interpreter its last look at everything when the process ends: as much again, for nothing."""
    if _must_look():
        gc.unfreeze()
    else:
        gc.freeze()


def _must_look() -> bool:
    """Whether DuckDB is imported: without a last look its bindings report all that they made as leaked, at length."""
    return "_duckdb" in sys.modules
