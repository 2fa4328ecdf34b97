"""Keeps what is wanted running: told on a control socket, from its state folder after a restart.

On the control socket it takes one JSON object a line and answers one: `apply` with the whole desired state, `observe`,
`stop`. What is desired is kept in `serving.json` with its revision; a shim that starts again goes on from there, and
whoever comes with an older revision is refused.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from plimsoll.serving.shim.children import STOP_WITHIN_S, Child, Door, Worker, wait_for_ends
from plimsoll.serving.shim.control import Control, Refusal
from plimsoll.serving.shim.log import note
from plimsoll.serving.shim.sockets import control_socket, is_loopback, receive, send, socket_folder, tcp_listener
from plimsoll.serving.shim.state import read_state, write_state

BIND_WITHIN_S = 5.0
LISTEN_AGAIN_S = 2.0
"""How often a port that could not be had is tried again."""
IDLE_S = 10.0
"""A shim that has no door to keep, and that nobody asks anything for so long, ends."""


class Shim:
    """One environment's sockets and processes."""

    def __init__(self, state: Path, control: socket.socket) -> None:
        self.state = state
        self.sockets = socket_folder(state)
        self.logs = state / "logs"
        self.desired: dict[str, Any] = {}
        self.listener: socket.socket | None = None
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._revision = 0
        self._stopped = False
        self._answering: dict[str, str] | None = None
        self._problem = ""
        self._listen_due = 0.0
        self._control = Control(control, self.selector, self._do)
        self._doors: dict[str, Door] = {}
        self._workers: dict[str, Worker] = {}
        self._leaving: list[tuple[float, subprocess.Popen[bytes]]] = []
        self._stopping: list[socket.socket] = []

    def run(self) -> None:
        """Serve until told to stop."""
        self._wake_on_child()
        self._restore()
        while not (self._stopping or self._is_idle()):
            for key, _ in self.selector.select(self._pause()):
                key.data(key.fileobj)
            self._turn()
        self._end()

    # What can be asked on the control socket.

    def _do(self, request: dict[str, Any], client: socket.socket) -> dict[str, Any] | None:
        match request["do"]:
            case "apply":
                return self.apply(request["desired"])
            case "observe":
                return self.observe()
            case "stop":
                self.stop(request["revision"], client)
                return None
            case unknown:
                raise Refusal("serving.unknown_request", f"the shim cannot {unknown}")

    def apply(self, desired: dict[str, Any]) -> dict[str, Any]:
        """Take the whole desired state; the doors are told, and the rest follows."""
        revision = desired["revision"]
        if revision < self._revision or (self._stopped and revision == self._revision):
            raise _stale(revision, self._revision)
        if revision == self._revision and self.listener is not None:
            return self.observe()
        if not is_loopback(desired["host"]):
            raise Refusal("serving.not_loopback", f"{desired['host']} can be reached from other machines")
        self.desired = {**desired, "port": self._listen(desired["host"], desired["port"])}
        self._revision, self._stopped, self._problem = revision, False, ""
        self._save()
        self._keep_doors()
        for door in self._doors.values():
            door.tell(self.news())
        return self.observe()

    def observe(self) -> dict[str, Any]:
        """How everything is."""
        return {
            "revision": self._revision,
            "stopped": self._stopped,
            "desired": self.desired,
            "status": self._status(),
            "problem": self._problem
            or next(filter(None, (door.status.get("problem") for door in self._doors.values())), ""),
            "deaths": {digest: worker.child.deaths(time.monotonic()) for digest, worker in self._workers.items()},
            "processes": [
                ["shim", os.getpid()],
                *([_kind(child.role), child.process.pid] for child in self._children() if child.process is not None),
            ],
        }

    def stop(self, revision: int, client: socket.socket) -> None:
        """End everything; `client` is answered once it has ended. An older revision is refused."""
        if revision < self._revision:
            raise _stale(revision, self._revision)
        self._revision, self._stopped = revision, True
        self._save()
        self._stopping.append(client)

    def _status(self) -> dict[str, Any]:
        """What the doors say together: something is so when every one of them says it."""
        said = [door.status for door in self._doors.values()]
        live = said[0].get("live") if said else None
        of_release = [item.get("releases", {}) for item in said]
        return {
            "settled": self._stopped or (bool(said) and all(item.get("settled") == self._revision for item in said)),
            "ready": bool(said) and all(item.get("ready") for item in said),
            "live": live if live and all(item.get("live") == live for item in said) else None,
            "releases": {
                release["digest"]: _together([item.get(release["digest"], {}) for item in of_release])
                for release in self.desired.get("releases", [])
            },
        }

    # Sockets.

    def _listen(self, host: str, port: int, *, wait_s: float = 0.0) -> int:
        """Own a listening socket on host and port, and tell the port; 0 keeps the one there is, or takes a free one.

        wait_s: how long a port that another process has may take to become free. Raises Refusal.
        """
        if self.listener is not None:
            bound: int = self.listener.getsockname()[1]
            if host == self.desired["host"] and port in (0, bound):
                return bound
        remembered = self.desired.get("port", 0) if host == self.desired.get("host") else 0
        try:
            listener = tcp_listener(host, port or remembered, wait_s=wait_s)
        except OSError as error:
            text = f"cannot listen on {host} port {port}: {error.strerror}"
            raise Refusal("serving.port_taken", text) from error
        old, self.listener = self.listener, listener
        if old is not None:
            old.close()
            for door in self._doors.values():
                door.end()  # it drains what it has; its successor takes the new socket
        chosen: int = listener.getsockname()[1]
        return chosen

    def _listen_again(self, *, wait_s: float = 0.0) -> None:
        """Go on with what is desired; a port that cannot be had is told by observe, and tried again."""
        try:
            self._listen(self.desired["host"], self.desired["port"], wait_s=wait_s)
        except Refusal as refusal:
            if not self._problem:
                note(str(refusal))
            self._problem = f"{refusal.answer['error']['code']}: {refusal}"
            self._listen_due = time.monotonic() + LISTEN_AGAIN_S
        else:
            self._problem = ""
            self._keep_doors()

    # Children.

    def keep_workers(self) -> None:
        """Run the workers that some door needs; those that no door may need any more end."""
        wanted = {digest: page for door in self._doors.values() for digest, page in door.needs.items()}
        kept = wanted.keys() | {digest for door in self._doors.values() for digest in door.perhaps}
        for digest in self._workers.keys() - kept:
            self._let_go(self._workers.pop(digest).end())
        for digest in wanted.keys() - self._workers.keys():
            self._workers[digest] = Worker(
                wanted[digest], keys=self.desired["keys"], sockets=self.sockets, logs=self.logs
            )
        self._tell_all(self._sockets_page())

    def _children(self) -> list[Child]:
        return [door.child for door in self._doors.values()] + [worker.child for worker in self._workers.values()]

    def _keep_doors(self) -> None:
        slots = [f"door-{number}" for number in range(1, self.desired["doors"] + 1)]
        for slot in [slot for slot in self._doors if slot not in slots]:
            self._let_go(self._doors.pop(slot).end())
        for slot in slots:
            if slot not in self._doors:
                self._doors[slot] = Door(self, slot, logs=self.logs)

    def _turn(self) -> None:
        """Start what is due, and see to what ended."""
        now = time.monotonic()
        if self._lacks_port() and now >= self._listen_due:
            self._listen_again()
        for door in self._doors.values():
            door.child.turn(now)
        for digest, worker in self._workers.items():
            if worker.child.turn(now):
                self._tell_all({"exited": digest})
        for deadline, process in list(self._leaving):
            if process.poll() is not None:
                self._leaving.remove((deadline, process))
            elif now > deadline:
                process.kill()

    def _is_idle(self) -> bool:
        return not self._doors and not self._lacks_port() and time.monotonic() > self._control.asked + IDLE_S

    def _lacks_port(self) -> bool:
        return bool(self.desired) and not self._stopped and self.listener is None

    def _let_go(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            self._leaving.append((time.monotonic() + STOP_WITHIN_S, process))

    def _pause(self) -> float | None:
        """Seconds until something is due without being woken."""
        due = [child.due for child in self._children() if child.process is None] + [
            deadline for deadline, _ in self._leaving
        ]
        due += [self._listen_due] if self._lacks_port() else []
        due += [] if self._doors else [self._control.asked + IDLE_S]
        return max(0.0, min(due) - time.monotonic()) + 0.001 if due else None

    def _wake_on_child(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.append(ours))
        self.selector.register(ours, selectors.EVENT_READ, receive)

    # What the doors are told.

    def news(self) -> dict[str, Any]:
        """All that a door must know."""
        return {"desired": self.desired, "answering": self._answering, **self._sockets_page()}

    def _tell_all(self, message: dict[str, Any]) -> None:
        for door in self._doors.values():
            door.tell(message)

    def _sockets_page(self) -> dict[str, Any]:
        return {"sockets": {digest: str(worker.path) for digest, worker in self._workers.items()}}

    # What outlives the shim.

    def remember(self, live: dict[str, str] | None) -> None:
        """Keep which release answers, for a door that starts while its successor cannot be loaded."""
        if live is not None and live != self._answering:
            self._answering = live
            self._save()

    def _save(self) -> None:
        write_state(
            self.state,
            {
                "revision": self._revision,
                "stopped": self._stopped,
                "desired": self.desired,
                "answering": self._answering,
            },
        )

    def _restore(self) -> None:
        """Go on from what was desired last. A killed predecessor's doors may still be giving up the port."""
        try:
            page = read_state(self.state)
            self._revision, self._stopped = page["revision"], page["stopped"]
            self._answering, self.desired = page["answering"], page["desired"]
            if self._lacks_port():
                self._listen_again(wait_s=BIND_WITHIN_S)
        except (ValueError, KeyError, TypeError, OSError) as error:
            note(f"what was desired before is left until it is applied again: {error!r}")

    def _end(self) -> None:
        """End every process; in-flight requests are answered first."""
        note("stopping")
        for door in self._doors.values():
            self._let_go(door.end())
        wait_for_ends(self._leaving)
        for worker in self._workers.values():
            self._let_go(worker.end())
        wait_for_ends(self._leaving)
        control_socket(self.state).unlink(missing_ok=True)
        for client in self._stopping:
            send(client, {"stopped": True})


def _stale(revision: int, known: int) -> Refusal:
    return Refusal("serving.stale", f"revision {revision} is older than {known}, which was told before")


def _kind(role: str) -> str:
    return role.replace("-", " ").split()[0]


def _together(said: list[dict[str, Any]]) -> dict[str, Any]:
    """One release as all doors see it: ready when it is in each, refused when it is in one."""
    refused = next((item["refused"] for item in said if item.get("refused")), None)
    return {"ready": bool(said) and all(item.get("ready") for item in said), "refused": refused}
