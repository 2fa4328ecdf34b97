"""Sends what is logged outside of a step to its run, in batches from one thread: every 0.2 s, or 1,000 points.

Whoever logs waits only when 100,000 points lie unsent. What the sending meets is raised at the next call, or when it is
closed; nothing is sent twice.
"""

from __future__ import annotations

import atexit
import threading
from typing import Any, Self

from plimsoll.edge.client import ask
from plimsoll.edge.context import silent
from plimsoll.pipeline.points import said

PAUSE_S = 0.2
BATCH = 1_000
_MOST_UNSENT = 100_000


class Batches:
    """A book (see tracking.py) whose records go to a run through `metrics.log`. Use as a context."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._points: list[tuple[str, int, float | str, float]] = []
        self._params: dict[str, Any] = {}
        self._next: dict[str, int] = {}
        self._changed = threading.Condition()
        self._open = True
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="plimsoll-log", daemon=True)

    def __enter__(self) -> Self:
        self._run = ask("runs.show", silent, run=self._run)["run"]["id"]
        self._thread.start()
        atexit.register(self.close)  # a notebook's kernel may end within
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None:
            self._raise()

    def point(self, metric: str, step: int | None, value: float, at: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._points) < _MOST_UNSENT or self._failure is not None)
            self._raise()
            here = self._next.get(metric, 0) if step is None else step
            self._next[metric] = here + 1
            self._points.append((metric, here, said(value), at))
            if len(self._points) == BATCH:
                self._changed.notify_all()

    def note(self, **what: Any) -> None:
        with self._changed:
            self._raise()
            self._params |= what.get("params", {})

    def close(self) -> None:
        """Send the rest; returns when it has arrived or failed."""
        atexit.unregister(self.close)
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            with self._changed:
                self._changed.wait_for(lambda: len(self._points) >= BATCH or not self._open, timeout=PAUSE_S)
                points, self._points = self._points[:BATCH], self._points[BATCH:]
                params, self._params = self._params, {}
                going = self._open or bool(self._points)
                self._changed.notify_all()
            if points or params:
                going = self._send(points, params) and going

    def _send(self, points: list[tuple[str, int, float | str, float]], params: dict[str, Any]) -> bool:
        try:
            ask("metrics.log", silent, run=self._run, points=points, params=params)
        except Exception as error:  # noqa: BLE001 - told to whoever logs, in their own thread
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            return False
        return True

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure
