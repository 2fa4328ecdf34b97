"""The process that carries a retraining out for a server: one at a time, ended with the server.

A child hears of the server's end by the end of its standard input, whichever way the server ended.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from functools import lru_cache

from plimsoll.kernel.workspace import Workspace
from plimsoll.retrain.entities import Judged, Retraining, Running

PROGRAM = "plimsoll.server.retraining"
"""The module that a child runs; it makes the context that this process has."""
PATIENCE_S = 10.0


class Crew:
    """The one child of this process for a workspace, and for which attempt at what it was sent."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._child: subprocess.Popen[bytes] | None = None
        self._sent_for: tuple[str, int] | None = None

    def see_to(self, retraining: Retraining) -> bool:
        """Send a child, unless one is on its way; False when the one sent for this attempt ended without a claim."""
        assert isinstance(retraining.state, Running | Judged), "there is work to do"
        errand = (retraining.id, retraining.state.attempt)
        if errand == self._sent_for:
            return self._child is not None and self._child.poll() is None
        self._end()
        self._child, self._sent_for = self._send(*errand), errand
        return True

    def let_go(self, working: frozenset[str]) -> None:
        """End a child whose retraining was called off; one that has done its work ends by itself."""
        if self._child is None or self._sent_for is None:
            return
        if self._child.poll() is not None:
            self._close(self._child)
            self._child = None
        elif self._sent_for[0] not in working:
            self._end()

    def _send(self, retraining: str, attempt: int) -> subprocess.Popen[bytes]:
        log = self._workspace.logs / retraining / "work.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", PROGRAM, str(self._workspace.root), retraining, str(attempt)],
                cwd=self._workspace.root,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C is for the server, which tells it
            )

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        self._close(child)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @staticmethod
    def _close(child: subprocess.Popen[bytes]) -> None:
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()


@lru_cache(maxsize=64)
def crew_of(workspace: Workspace) -> Crew:
    """The crew of this process for a workspace."""
    return Crew(workspace)
