"""A run's progress in front of whoever waits: redrawn in place in a notebook, lines of text anywhere else."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from html import escape
from typing import Any, Protocol, Self

from plimsoll.edge.context import Progress
from plimsoll.edge.output import ProgressLines

_REDRAW_S = 0.1


class Watch(AbstractContextManager["Watch"], Protocol):
    """Takes progress; used as a context around the work."""

    def __call__(self, progress: Progress) -> None: ...


def watch() -> Watch:
    """What suits where this process runs."""
    return InPlace() if in_notebook() else ProgressLines()


def in_notebook() -> bool:
    """Whether a kernel runs this process, so that something can be redrawn; a terminal's IPython is none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class InPlace:
    """One output of the cell, redrawn ten times a second at most. What is to stay in sight stays below the bar."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._drawn_at = 0.0
        self._last: Progress | None = None
        self._kept: list[str] = []
        self._handle: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._last is not None:
            how = "interrupted" if kind is KeyboardInterrupt else "failed" if kind is not None else "done"
            seconds = time.monotonic() - self._begun
            self._draw(Bar(line=f"{how} after {seconds:.1f} s", kept=tuple(self._kept)))

    def __call__(self, progress: Progress) -> None:
        line = f"{progress.task}: {progress.message}"
        if progress.stays:
            self._kept.append(line)
        self._last = progress
        if time.monotonic() - self._drawn_at >= _REDRAW_S:
            self._draw(Bar(line=line, done=progress.done or 0, total=progress.total or 0, kept=tuple(self._kept)))

    def _draw(self, bar: Bar) -> None:
        from IPython.display import display

        self._drawn_at = time.monotonic()
        if self._handle is None:
            self._handle = display(bar, display_id=True)  # type: ignore[no-untyped-call] # IPython types it by halves
        else:
            self._handle.update(bar)


class Bar:
    """How far the work is, as a notebook or a terminal shows it."""

    def __init__(self, *, line: str, done: int = 0, total: int = 0, kept: tuple[str, ...] = ()) -> None:
        self._line = line
        self._done, self._total = done, total
        self._kept = kept

    def __repr__(self) -> str:
        count = f"[{self._done}/{self._total}] " if self._total else ""
        return "\n".join([f"{count}{self._line}", *self._kept])

    def _repr_html_(self) -> str:
        bar = f'<progress max="{self._total}" value="{self._done}"></progress> ' if self._total else ""
        kept = "".join(f"<br/>{escape(line)}" for line in self._kept)
        return f"<div>{bar}{escape(self._line)}{kept}</div>"
