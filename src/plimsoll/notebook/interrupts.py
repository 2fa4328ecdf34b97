"""What an interrupt of a run does: in this process the run ends by itself, on a server it has to be told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.kernel.errors import PlimsollError
from plimsoll.notebook.asking import Folder, ask

_LOOKED_AT = 20


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; every process that it started has ended."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback through Plimsoll's own code."""
        return [f"Interrupted: {self}"]


@contextmanager
def interruptible(project: Folder | None) -> Iterator[None]:
    """Around what begins a run: an interrupt ends it wherever it is carried out. Raises Interrupted."""
    remote = project is None and bool(os.environ.get("PLIMSOLL_URL"))
    before = _under_way() if remote else set()
    try:
        yield
    except KeyboardInterrupt:
        said = _cancel(before) if remote else "what was finished is kept, and the next run goes on from there"
        raise Interrupted(said) from None


def _cancel(before: set[str]) -> str:
    """Cancel the run that began since; what is to be said about it."""
    try:
        begun = _under_way() - before
        if len(begun) == 1:
            (run,) = begun
            ask("runs.cancel", run=run)
            return f"{run} is cancelled on the server; what was finished is kept"
    except PlimsollError as error:
        return f"the run may go on on the server ({error}); `plimsoll cancel` ends it"
    if not begun:
        return "no run had begun on the server yet"
    return (
        f"several runs began meanwhile, and one of them is yours: {', '.join(sorted(begun))}; `plimsoll cancel` ends it"
    )


def _under_way() -> set[str]:
    runs = ask("runs.list", limit=_LOOKED_AT)
    return {one["run"]["id"] for one in runs if one["run"]["state"] == "running"}
