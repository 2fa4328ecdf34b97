"""The processes that the shim keeps running: doors and workers, with the sockets and channels that outlive them."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from plimsoll.serving.shim.log import note, shorten
from plimsoll.serving.shim.sockets import receive, send, unix_listener

STOP_WITHIN_S = 15.0
BACKOFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
REMEMBERED_S = 3600.0
"""How long the death of a process is held against it."""
STEADY_S = 10.0
"""A process that lived this long starts again without delay."""


class Child:
    """A process that is kept running, with growing pauses while it keeps ending."""

    def __init__(self, role: str, log: Path, start: Callable[[Path], subprocess.Popen[bytes]]) -> None:
        self.role = role
        self._deaths: list[float] = []
        self.due = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._log = log
        self._start = start
        self._begun = 0.0
        self._quick_exits = 0

    def turn(self, now: float) -> bool:
        """Start it when it is due; True when it was found to have ended."""
        ended = False
        if self.process is not None and (status := self.process.poll()) is not None:
            note(f"{self.role} {self.process.pid} ended with {status}")
            self._quick_exits = 0 if now - self._begun > STEADY_S else self._quick_exits + 1
            self.due = now + BACKOFF_S[min(max(self._quick_exits - 1, 0), len(BACKOFF_S) - 1)]
            self._deaths.append(now)
            self.process, ended = None, True
        if self.process is None and now >= self.due:
            shorten(self._log)
            self.process, self._begun = self._start(self._log), now
            note(f"{self.role} {self.process.pid} started")
        return ended

    def deaths(self, now: float) -> int:
        """How often it ended by itself of late: what happened long ago says nothing of what it does today."""
        self._deaths = [moment for moment in self._deaths if now - moment < REMEMBERED_S]
        return len(self._deaths)

    def end(self) -> subprocess.Popen[bytes] | None:
        """Ask it to end; returns what is still to be waited for."""
        if self.process is not None:
            self.process.terminate()
        return self.process


class Worker:
    """A release's worker with the listening socket that outlives it."""

    def __init__(self, page: dict[str, str], *, keys: str, sockets: Path, logs: Path) -> None:
        self.page = page
        self.path = sockets / f"worker-{page['digest'][:16]}.sock"
        self._listener = unix_listener(self.path)
        self._keys = keys
        self._lifeline: socket.socket | None = None
        log = logs / f"worker-{page['digest'][:8]}.log"
        self.child = Child(f"worker of {page['name']}", log, self._start)

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        self._lifeline = ours
        with theirs:
            page, listen, lifeline = self.page, self._listener.fileno(), theirs.fileno()
            arguments = ["--name", page["name"], "--digest", page["digest"], "--bundle", page["bundle"]]
            arguments += ["--keys", self._keys, "--listen", str(listen), "--lifeline", str(lifeline)]
            python = page.get("python") or sys.executable
            return _python(python, "plimsoll.serving.worker", arguments, log, keep=(listen, lifeline))

    def end(self) -> subprocess.Popen[bytes] | None:
        """End the process and give up its socket."""
        self._listener.close()
        self.path.unlink(missing_ok=True)
        return self.child.end()


class Keeper(Protocol):
    """Who keeps the doors: what they listen on, what they are told, and what follows from what they say."""

    selector: selectors.BaseSelector
    listener: socket.socket | None

    def news(self) -> dict[str, Any]: ...
    def keep_workers(self) -> None: ...
    def remember(self, live: dict[str, str] | None) -> None: ...


class Door:
    """One of the doors on the environment's socket: its process, its channel, and the last it said."""

    def __init__(self, keeper: Keeper, slot: str, *, logs: Path) -> None:
        self.slot = slot
        self.needs: dict[str, dict[str, str]] = {}
        """Workers it needs, by digest; what a dead one needed is kept until its successor speaks."""
        self.perhaps: set[str] = set()
        """Digests of which it does not know yet whether they need a worker: one that runs is kept for it."""
        self._keeper = keeper
        self._status: dict[str, Any] = {}
        self._channel: socket.socket | None = None
        self._heard = b""
        self.child = Child(slot, logs / f"{slot}.log", self._start)

    @property
    def status(self) -> dict[str, Any]:
        """Its own last word, which a dead door does not have."""
        return self._status if self.child.process is not None else {}

    def tell(self, message: dict[str, Any]) -> None:
        """Say something to the door, if it runs; one that starts is told everything."""
        if self._channel is not None:
            send(self._channel, message)

    def end(self) -> subprocess.Popen[bytes] | None:
        """Ask it to answer what it has and to end."""
        return self.child.end()

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        listener = self._keeper.listener
        assert listener is not None
        ours, theirs = socket.socketpair()
        self._close_channel()
        self._channel, self._heard, self._status = ours, b"", {}
        ours.settimeout(2.0)
        with theirs:
            listen, channel = listener.fileno(), theirs.fileno()
            arguments = ["--slot", self.slot, "--listen", str(listen), "--channel", str(channel)]
            process = _python(sys.executable, "plimsoll.serving.door", arguments, log, keep=(listen, channel))
        self._keeper.selector.register(ours, selectors.EVENT_READ, self._hear)
        self.tell(self._keeper.news())
        return process

    def _hear(self, channel: socket.socket) -> None:
        content = receive(channel)
        if not content:
            self._close_channel()
            return
        *lines, self._heard = (self._heard + content).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "workers" in message:
                self.needs = {page["digest"]: page for page in message["workers"]}
                self.perhaps = set(message["perhaps"])
                self._keeper.keep_workers()
            if "status" in message:
                self._status = message["status"]
                self._keeper.remember(self._status["live"])

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._keeper.selector.unregister(self._channel)
            self._channel.close()
            self._channel = None


def _python(
    python: str, module: str, arguments: list[str], log: Path, *, keep: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            [python, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            pass_fds=keep,
            env=environment_of(python),
        )


def environment_of(python: str) -> dict[str, str]:
    """The variables of a door or a worker that runs in this interpreter; one thread each unless told."""
    environment = {**os.environ}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")
    if python != sys.executable:  # what leads this interpreter to its packages would lead another one astray
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
    return environment


def wait_for_ends(leaving: list[tuple[float, subprocess.Popen[bytes]]]) -> None:
    while leaving:
        deadline, process = leaving.pop()
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
