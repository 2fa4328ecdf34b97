"""The shim: the small process that owns an environment's sockets and keeps its doors and workers running.

Run as `python -I -S shim.py STATE_DIR`; standard library only, so that it starts at once, stays small and survives
every upgrade. It detaches, so it outlives who started it; only one lives for a state folder. On a control socket it
takes one JSON object a line and answers one: `apply` with the whole desired state, `observe`, `stop`. What is desired
is kept in `serving.json` with its revision; a shim that starts again goes on from there, and whoever comes with an
older revision is refused. `shim.py STATE_DIR --stop REVISION` records a stop where no shim runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import json
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST_SOCKET_PATH = 100
"""The system takes 107 bytes."""
BACKLOG = 2048
LONGEST_LINE = 1 << 20
LARGEST_LOG = 5 * 1024 * 1024
BIND_WITHIN_S = 5.0
STOP_WITHIN_S = 15.0
BACKOFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
OLDER, SHIM_RUNS = 3, 4
"""What a stop that cannot be recorded exits with."""
LISTEN_AGAIN_S = 2.0
"""How often a port that could not be had is tried again."""
IDLE_S = 10.0
"""A shim that has no door to keep, and that nobody asks anything for so long, ends."""
REMEMBERED_S = 3600.0
"""How long the death of a process is held against it."""
STEADY_S = 10.0
"""A process that lived this long starts again without delay."""


def socket_folder(state: Path) -> Path:
    """Where the Unix sockets of a state folder are: inside it, or under /tmp when that path would be too long.

    The same from every process, whatever its environment variables say.
    """
    inside = state.absolute() / "run"
    if len(os.fsencode(inside / "worker-0123456789abcdef.sock")) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:16]
    return Path(f"/tmp/plimsoll-{os.getuid()}") / digest  # noqa: S108 - made 0700 and checked to be ours


def control_socket(state: Path) -> Path:
    """The socket on which the shim of a state folder is asked."""
    return socket_folder(state) / "control.sock"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Refusal(Exception):
    """A request of the control socket that cannot be done: code and text go back to who asked."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.answer = {"error": {"code": code, "text": text}}


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
            _shorten(self._log)
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

    def __init__(self, shim: Shim, page: dict[str, str]) -> None:
        self.page = page
        self.path = shim.sockets / f"worker-{page['digest'][:16]}.sock"
        self._listener = _unix_listener(self.path)
        self._keys = shim.desired["keys"]
        self._lifeline: socket.socket | None = None
        log = shim.logs / f"worker-{page['digest'][:8]}.log"
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


class Door:
    """One of the doors on the environment's socket: its process, its channel, and the last it said."""

    def __init__(self, shim: Shim, slot: str) -> None:
        self.slot = slot
        self.needs: dict[str, dict[str, str]] = {}
        """Workers it needs, by digest; what a dead one needed is kept until its successor speaks."""
        self.perhaps: set[str] = set()
        """Digests of which it does not know yet whether they need a worker: one that runs is kept for it."""
        self._shim = shim
        self._status: dict[str, Any] = {}
        self._channel: socket.socket | None = None
        self._heard = b""
        self.child = Child(slot, shim.logs / f"{slot}.log", self._start)

    @property
    def status(self) -> dict[str, Any]:
        """Its own last word, which a dead door does not have."""
        return self._status if self.child.process is not None else {}

    def tell(self, message: dict[str, Any]) -> None:
        """Say something to the door, if it runs; one that starts is told everything."""
        if self._channel is not None:
            _send(self._channel, message)

    def end(self) -> subprocess.Popen[bytes] | None:
        """Ask it to answer what it has and to end."""
        return self.child.end()

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        listener = self._shim.listener
        assert listener is not None
        ours, theirs = socket.socketpair()
        self._close_channel()
        self._channel, self._heard, self._status = ours, b"", {}
        ours.settimeout(2.0)
        with theirs:
            listen, channel = listener.fileno(), theirs.fileno()
            arguments = ["--slot", self.slot, "--listen", str(listen), "--channel", str(channel)]
            process = _python(sys.executable, "plimsoll.serving.door", arguments, log, keep=(listen, channel))
        self._shim.selector.register(ours, selectors.EVENT_READ, self._hear)
        self.tell(self._shim.news())
        return process

    def _hear(self, channel: socket.socket) -> None:
        content = _receive(channel)
        if not content:
            self._close_channel()
            return
        *lines, self._heard = (self._heard + content).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "workers" in message:
                self.needs = {page["digest"]: page for page in message["workers"]}
                self.perhaps = set(message["perhaps"])
                self._shim.keep_workers()
            if "status" in message:
                self._status = message["status"]
                self._shim.remember(self._status["live"])

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._shim.selector.unregister(self._channel)
            self._channel.close()
            self._channel = None


class Shim:
    """One environment's sockets and processes."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.sockets = socket_folder(state)
        self.logs = state / "logs"
        self.desired: dict[str, Any] = {}
        self.listener: socket.socket | None = None
        self.selector = selectors.DefaultSelector()
        self._revision = 0
        self._stopped = False
        self._answering: dict[str, str] | None = None
        self._problem = ""
        self._listen_due = 0.0
        self._asked = time.monotonic()
        self._doors: dict[str, Door] = {}
        self._workers: dict[str, Worker] = {}
        self._leaving: list[tuple[float, subprocess.Popen[bytes]]] = []
        self._stopping: list[socket.socket] = []

    def run(self, control: socket.socket) -> None:
        """Serve until told to stop."""
        self.selector.register(control, selectors.EVENT_READ, self._accept)
        self._wake_on_child()
        self._restore()
        while not (self._stopping or self._is_idle()):
            for key, _ in self.selector.select(self._pause()):
                key.data(key.fileobj)
            self._turn()
        self._end()

    # What can be asked on the control socket.

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
        """Own a listening socket on host and port, and tell the port; 0 keeps the one there is, or takes a free one."""
        if self.listener is not None:
            bound: int = self.listener.getsockname()[1]
            if host == self.desired["host"] and port in (0, bound):
                return bound
        remembered = self.desired.get("port", 0) if host == self.desired.get("host") else 0
        listener = _tcp_listener(host, port or remembered, wait_s=wait_s)
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

    def _accept(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = control.accept()
            client.settimeout(2.0)
            heard = bytearray()

            def read(stream: socket.socket) -> None:
                self._read_client(stream, heard)

            self.selector.register(client, selectors.EVENT_READ, read)

    def _read_client(self, client: socket.socket, heard: bytearray) -> None:
        content = _receive(client)
        heard += content
        if not content or len(heard) > LONGEST_LINE:
            self.selector.unregister(client)
            client.close()
            return
        while (end := heard.find(b"\n")) >= 0:
            line = bytes(heard[:end])
            del heard[: end + 1]
            answer = self._answer(line, client)
            if answer is not None:
                _send(client, answer)

    def _answer(self, line: bytes, client: socket.socket) -> dict[str, Any] | None:
        self._asked = time.monotonic()
        try:
            request = json.loads(line)
            match request["do"]:
                case "apply":
                    return self.apply(request["desired"])
                case "observe":
                    return self.observe()
                case "stop":
                    self.stop(request["revision"], client)
                    return None
                case unknown:
                    return Refusal("serving.unknown_request", f"the shim cannot {unknown}").answer
        except Refusal as refusal:
            return refusal.answer
        except (ValueError, KeyError, TypeError, OSError) as error:
            note(f"a request failed: {error!r}")
            return {"error": {"code": "serving.shim_failed", "text": f"{type(error).__name__}: {error}"}}

    # Children.

    def keep_workers(self) -> None:
        """Run the workers that some door needs; those that no door may need any more end."""
        wanted = {digest: page for door in self._doors.values() for digest, page in door.needs.items()}
        kept = wanted.keys() | {digest for door in self._doors.values() for digest in door.perhaps}
        for digest in self._workers.keys() - kept:
            self._let_go(self._workers.pop(digest).end())
        for digest in wanted.keys() - self._workers.keys():
            self._workers[digest] = Worker(self, wanted[digest])
        self._tell_all(self._sockets_page())

    def _children(self) -> list[Child]:
        return [door.child for door in self._doors.values()] + [worker.child for worker in self._workers.values()]

    def _keep_doors(self) -> None:
        slots = [f"door-{number}" for number in range(1, self.desired["doors"] + 1)]
        for slot in [slot for slot in self._doors if slot not in slots]:
            self._let_go(self._doors.pop(slot).end())
        for slot in slots:
            if slot not in self._doors:
                self._doors[slot] = Door(self, slot)

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
        return not self._doors and not self._lacks_port() and time.monotonic() > self._asked + IDLE_S

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
        due += [] if self._doors else [self._asked + IDLE_S]
        return max(0.0, min(due) - time.monotonic()) + 0.001 if due else None

    def _wake_on_child(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.append(ours))
        self.selector.register(ours, selectors.EVENT_READ, _receive)

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
        _write_state(
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
        _wait(self._leaving)
        for worker in self._workers.values():
            self._let_go(worker.end())
        _wait(self._leaving)
        control_socket(self.state).unlink(missing_ok=True)
        for client in self._stopping:
            _send(client, {"stopped": True})


def read_state(state: Path) -> dict[str, Any]:
    """What a state folder remembers: the newest revision, whether that was a stop, and what was desired last."""
    nothing = {"revision": 0, "stopped": False, "desired": {}, "answering": None}
    try:
        return {**nothing, **json.loads((state / "serving.json").read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return nothing


def _write_state(state: Path, page: dict[str, Any]) -> None:
    temporary = state / ".serving.json.new"
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(page, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(state / "serving.json")


def _stale(revision: int, known: int) -> Refusal:
    return Refusal("serving.stale", f"revision {revision} is older than {known}, which was told before")


def _kind(role: str) -> str:
    return role.replace("-", " ").split()[0]


def _together(said: list[dict[str, Any]]) -> dict[str, Any]:
    """One release as all doors see it: ready when it is in each, refused when it is in one."""
    refused = next((item["refused"] for item in said if item.get("refused")), None)
    return {"ready": bool(said) and all(item.get("ready") for item in said), "refused": refused}


def note(text: str) -> None:
    """A line in the shim's log, which standard error is."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _python(
    python: str, module: str, arguments: list[str], log: Path, *, keep: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    environment = {**os.environ}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")
    if python != sys.executable:  # what leads this interpreter to its packages would lead another one astray
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
    with log.open("ab") as stream:
        return subprocess.Popen(
            [python, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            pass_fds=keep,
            env=environment,
        )


def _tcp_listener(host: str, port: int, *, wait_s: float) -> socket.socket:
    """A listening socket. wait_s: how long a port that another process has may take to become free."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    deadline = time.monotonic() + wait_s
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if time.monotonic() > deadline:
                text = f"cannot listen on {host} port {port}: {error.strerror}"
                raise Refusal("serving.port_taken", text) from error
            time.sleep(0.05)
        else:
            return listener


def _unix_listener(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


def _receive(stream: socket.socket) -> bytes:
    try:
        return stream.recv(1 << 16)
    except OSError:
        return b""


def _send(stream: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        stream.sendall(json.dumps(message).encode() + b"\n")


def _wait(leaving: list[tuple[float, subprocess.Popen[bytes]]]) -> None:
    while leaving:
        deadline, process = leaving.pop()
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _shorten(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".old.log"))


def _private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter. Raises PermissionError when somebody else made it first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for place in (folder, folder.parent) if folder.parts[1] == "tmp" else (folder,):
        facts = place.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise PermissionError(f"{place} belongs to somebody else")
        place.chmod(0o700)


def _lock(state: Path) -> int | None:
    """Hold the state folder's lock for as long as this process lives; None when another shim does."""
    descriptor = os.open(state / "shim.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return descriptor


def record_stop(state: Path, revision: int) -> None:
    """Stop where no shim runs. Exits with SHIM_RUNS where one does: it must be asked; or with OLDER."""
    state.mkdir(parents=True, exist_ok=True)
    if _lock(state) is None:
        sys.exit(SHIM_RUNS)
    page = read_state(state)
    if revision < page["revision"]:
        sys.exit(OLDER)
    _write_state(state, {**page, "revision": revision, "stopped": True})


def main(state: Path) -> None:
    """Become the state folder's shim, in the background; return at once when there is one. Ready on return."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "logs").mkdir(exist_ok=True)
    lock = _lock(state)
    if lock is None:
        return
    _private_folder(socket_folder(state))
    control = _unix_listener(control_socket(state))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.truncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    _shorten(state / "logs" / "shim.log")
    log = os.open(state / "logs" / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    try:
        Shim(state).run(control)
    except Exception as error:
        note(f"ended by {error!r}")
        raise


if __name__ == "__main__":
    if sys.argv[2:3] == ["--stop"]:
        record_stop(Path(sys.argv[1]).absolute(), int(sys.argv[3]))
    else:
        main(Path(sys.argv[1]).absolute())
