"""The shim: the small process that owns an environment's sockets and keeps its door and workers running.

Run as `python -I -S shim.py STATE_DIR`; standard library only, so that it starts at once, stays small and survives
every upgrade. It detaches, so it outlives who started it; only one lives for a state folder. On a control socket it
takes one JSON object a line and answers one: `apply` with the whole desired state, `observe`, `stop`. What is desired
is kept in `serving.json`; a shim that starts again goes on from there.
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
        self.exits = 0
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
            self.process, self.exits, ended = None, self.exits + 1, True
        if self.process is None and now >= self.due:
            _shorten(self._log)
            self.process, self._begun = self._start(self._log), now
            note(f"{self.role} {self.process.pid} started")
        return ended

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
            return _python("plimsoll.serving.worker", arguments, log, keep=(listen, lifeline))

    def end(self) -> subprocess.Popen[bytes] | None:
        """End the process and give up its socket."""
        self._listener.close()
        self.path.unlink(missing_ok=True)
        return self.child.end()


class Shim:
    """One environment's sockets and processes."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.sockets = socket_folder(state)
        self.logs = state / "logs"
        self.desired: dict[str, Any] = {}
        self._answering: dict[str, str] | None = None
        self._turn = 0
        self._status: dict[str, Any] = {}
        self._listener: socket.socket | None = None
        self._channel: socket.socket | None = None
        self._heard = b""
        self._door = Child("door", self.logs / "door.log", self._start_door)
        self._workers: dict[str, Worker] = {}
        self._leaving: list[tuple[float, subprocess.Popen[bytes]]] = []
        self._selector = selectors.DefaultSelector()
        self._stopping: list[socket.socket] = []

    def run(self, control: socket.socket) -> None:
        """Serve until told to stop."""
        self._selector.register(control, selectors.EVENT_READ, self._accept)
        self._wake_on_child()
        self._restore()
        while not self._stopping:
            for key, _ in self._selector.select(self._pause()):
                key.data(key.fileobj)
            self._turn_children()
        self._end()

    # What can be asked on the control socket.

    def apply(self, desired: dict[str, Any], *, wait_s: float = 0.0) -> dict[str, Any]:
        """Take the whole desired state; the door is told, and the rest follows."""
        if not is_loopback(desired["host"]):
            raise Refusal("serving.not_loopback", f"{desired['host']} can be reached from other machines")
        self._listen(desired["host"], desired["port"], wait_s=wait_s)
        assert self._listener is not None
        self.desired = {**desired, "port": self._listener.getsockname()[1]}
        self._turn += 1
        self._save()
        self._tell_desired()
        return self.observe()

    def observe(self) -> dict[str, Any]:
        """How everything is; `status` is the door's own last word, which a dead door does not have."""
        children = [self._door, *(worker.child for worker in self._workers.values())]
        return {
            "turn": self._turn,
            "desired": self.desired,
            "status": self._status if self._door.process is not None else {},
            "exits": self._door.exits,
            "processes": [
                ["shim", os.getpid()],
                *([child.role.split()[0], child.process.pid] for child in children if child.process is not None),
            ],
        }

    # Sockets.

    def _listen(self, host: str, port: int, *, wait_s: float) -> None:
        """Own a listening socket on host and port; 0 keeps the port there is, or takes a free one."""
        if self._listener is not None:
            bound = self._listener.getsockname()[:2]
            if host == self.desired["host"] and port in (0, bound[1]):
                return
        remembered = self.desired.get("port", 0) if host == self.desired.get("host") else 0
        listener = _tcp_listener(host, port or remembered, wait_s=wait_s)
        old, self._listener = self._listener, listener
        if old is not None:
            old.close()
            self._door.end()  # it drains what it has; its successor takes the new socket

    def _accept(self, control: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = control.accept()
            client.settimeout(2.0)
            heard = bytearray()

            def read(stream: socket.socket) -> None:
                self._read_client(stream, heard)

            self._selector.register(client, selectors.EVENT_READ, read)

    def _read_client(self, client: socket.socket, heard: bytearray) -> None:
        content = _receive(client)
        heard += content
        if not content or len(heard) > LONGEST_LINE:
            self._selector.unregister(client)
            client.close()
            return
        while (end := heard.find(b"\n")) >= 0:
            line = bytes(heard[:end])
            del heard[: end + 1]
            answer = self._answer(line, client)
            if answer is not None:
                _send(client, answer)

    def _answer(self, line: bytes, client: socket.socket) -> dict[str, Any] | None:
        try:
            request = json.loads(line)
            match request["do"]:
                case "apply":
                    return self.apply(request["desired"])
                case "observe":
                    return self.observe()
                case "stop":
                    self._stopping.append(client)
                    return None
                case unknown:
                    return Refusal("serving.unknown_request", f"the shim cannot {unknown}").answer
        except Refusal as refusal:
            return refusal.answer
        except (ValueError, KeyError, TypeError, OSError) as error:
            note(f"a request failed: {error!r}")
            return {"error": {"code": "serving.shim_failed", "text": f"{type(error).__name__}: {error}"}}

    # Children.

    def _start_door(self, log: Path) -> subprocess.Popen[bytes]:
        assert self._listener is not None
        ours, theirs = socket.socketpair()
        self._close_channel()
        self._channel, self._heard, self._status = ours, b"", {}
        ours.settimeout(2.0)
        with theirs:
            listen, channel = self._listener.fileno(), theirs.fileno()
            arguments = ["--listen", str(listen), "--channel", str(channel)]
            process = _python("plimsoll.serving.door", arguments, log, keep=(listen, channel))
        self._selector.register(ours, selectors.EVENT_READ, self._hear_door)
        self._tell_desired()
        self._tell_sockets()
        return process

    def _hear_door(self, channel: socket.socket) -> None:
        content = _receive(channel)
        if not content:
            self._close_channel()
            return
        *lines, self._heard = (self._heard + content).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "workers" in message:
                self._set_workers(message["workers"])
            if "status" in message:
                self._set_status(message["status"])

    def _set_status(self, status: dict[str, Any]) -> None:
        self._status = status
        if status["live"] is not None and status["live"] != self._answering:
            self._answering = status["live"]
            self._save()

    def _set_workers(self, pages: list[dict[str, str]]) -> None:
        wanted = {page["digest"]: page for page in pages}
        for digest in [digest for digest in self._workers if digest not in wanted]:
            self._let_go(self._workers.pop(digest).end())
        for digest, page in wanted.items():
            if digest not in self._workers:
                self._workers[digest] = Worker(self, page)
        self._tell_sockets()

    def _turn_children(self) -> None:
        now = time.monotonic()
        if self.desired:
            self._door.turn(now)
        for digest, worker in self._workers.items():
            if worker.child.turn(now):
                self._tell({"exited": digest})
        for deadline, process in list(self._leaving):
            if process.poll() is not None:
                self._leaving.remove((deadline, process))
            elif now > deadline:
                process.kill()

    def _let_go(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            self._leaving.append((time.monotonic() + STOP_WITHIN_S, process))

    def _pause(self) -> float | None:
        """Seconds until something is due without being woken."""
        children = [self._door, *(worker.child for worker in self._workers.values())] if self.desired else []
        due = [child.due for child in children if child.process is None] + [deadline for deadline, _ in self._leaving]
        return max(0.0, min(due) - time.monotonic()) + 0.001 if due else None

    def _wake_on_child(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.append(ours))
        self._selector.register(ours, selectors.EVENT_READ, _receive)

    # What the door is told.

    def _tell(self, message: dict[str, Any]) -> None:
        if self._channel is not None:
            _send(self._channel, message)

    def _tell_desired(self) -> None:
        self._tell({"desired": self.desired, "answering": self._answering, "turn": self._turn})

    def _tell_sockets(self) -> None:
        self._tell({"sockets": {digest: str(worker.path) for digest, worker in self._workers.items()}})

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._selector.unregister(self._channel)
            self._channel.close()
            self._channel = None

    # What outlives the shim.

    def _save(self) -> None:
        temporary = self.state / ".serving.json.new"
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump({"desired": self.desired, "answering": self._answering}, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.state / "serving.json")

    def _restore(self) -> None:
        """Go on from what was desired last. A killed predecessor's door may still be giving up the port."""
        try:
            page = json.loads((self.state / "serving.json").read_text(encoding="utf-8"))
            self._answering = page["answering"]
            self.apply(page["desired"], wait_s=BIND_WITHIN_S)
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, OSError, Refusal) as error:
            note(f"what was desired before is left until it is applied again: {error!r}")

    def _end(self) -> None:
        """End every process; in-flight requests are answered first."""
        note("stopping")
        self._let_go(self._door.end())
        _wait(self._leaving)
        for worker in self._workers.values():
            self._let_go(worker.end())
        _wait(self._leaving)
        control_socket(self.state).unlink(missing_ok=True)
        for client in self._stopping:
            _send(client, {"stopped": True})


def note(text: str) -> None:
    """A line in the shim's log, which standard error is."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _python(module: str, arguments: list[str], log: Path, *, keep: tuple[int, ...]) -> subprocess.Popen[bytes]:
    environment = {**os.environ}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
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
    main(Path(sys.argv[1]).absolute())
