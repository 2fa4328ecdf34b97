"""Who runs the controllers: one process a workspace, by a lock that the system releases however the process ends.

`plimsoll up` holds it as long as it runs. Without a server, a command takes it for one turn.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.server.errors import note_incident

log = logging.getLogger("plimsoll.controllers")

INTERVAL_S = 0.5
LONGEST_PAUSE_S = 30.0


class ControllerLock:
    """The lock file `controller.lock`; its content says who holds it."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.state / "controller.lock"
        self._held: IO[str] | None = None

    def take(self, *, holder: dict[str, Any]) -> bool:
        """Take the lock at once and write down who has it; False when somebody else has."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stream = self._path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return False
        self._held = stream
        self.note(holder)
        return True

    def note(self, holder: dict[str, Any]) -> None:
        """Replace what the file says about its holder."""
        assert self._held is not None
        self._held.seek(0)
        self._held.truncate()
        self._held.write(json.dumps(holder) + "\n")
        self._held.flush()

    def holder(self) -> dict[str, Any]:
        """What the file says; it may be about a process that is gone."""
        try:
            document = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def release(self) -> None:
        if self._held is not None:
            # Closing alone is not enough: a child that is just being started may still have the file open.
            fcntl.flock(self._held, fcntl.LOCK_UN)
            self._held.close()
            self._held = None


@contextmanager
def brief_control(workspace: Workspace) -> Iterator[bool]:
    """The lock for one turn; yields False at once when somebody else has it, who will see the change anyway."""
    lock = ControllerLock(workspace)
    taken = lock.take(holder={"pid": os.getpid(), "what": "a command"})
    try:
        yield taken
    finally:
        lock.release()


class ControllerLoop:
    """Calls the controllers again and again in a thread; no error ends it, each is logged and tried again."""

    def __init__(self, turn: Callable[[], None], *, interval_s: float = INTERVAL_S) -> None:
        self._turn = turn
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="controllers", daemon=True)
        self.problem = ""
        """What the last turn failed with; empty when it did not."""

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Let the running turn end; False when it takes longer."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause_s = self._interval_s
        while not self._stop.wait(pause_s):
            problem = self._try_turn()
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S) if problem else self._interval_s
            if problem and problem != self.problem:
                log.warning("the controllers cannot work: %s", problem)
            elif self.problem and not problem:
                log.info("the controllers work again")
            self.problem = problem

    def _try_turn(self) -> str:
        try:
            self._turn()
        except PlimsollError as error:
            return f"{error.code}: {error}"
        except Exception as error:  # noqa: BLE001 - the loop's edge: it must outlive every fault
            return str(note_incident(error, where="the controllers' loop"))
        return ""
