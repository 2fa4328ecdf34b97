"""The collector of garbage, which has nothing to do while a program starts: imports make objects to keep."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the collector from looking, and afterwards from ever looking at what was made meanwhile.

    A tenth of a command's time would go there, and as much again at the end of the process.
    """
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if looks:
            gc.enable()
