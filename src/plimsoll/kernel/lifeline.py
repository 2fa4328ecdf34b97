"""A process that ends with whoever started it: the starter holds its standard input open and writes nothing.

However the starter ends, the pipe closes, and this process is interrupted as Ctrl-C would do it.
"""

from __future__ import annotations

import os
import signal
import threading

PATIENCE_S = 5.0
"""How long an interrupted process has to write down how far it came."""


def end_with_starter(*, code: int, patience_s: float = PATIENCE_S) -> None:
    """Watch standard input from now on. code: the exit code of a process that does not end by itself in time."""
    threading.Thread(target=_watch, args=(code, patience_s), name="starter", daemon=True).start()


def _watch(code: int, patience_s: float) -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    if not threading.Event().wait(patience_s):
        os._exit(code)
