"""The sockets that the shim owns: where they are, how they are made, and what goes over them."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

LONGEST_SOCKET_PATH = 100
"""The system takes 107 bytes."""
BACKLOG = 2048


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


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter. Raises PermissionError when somebody else made it first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for place in (folder, folder.parent) if folder.parts[1] == "tmp" else (folder,):
        facts = place.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise PermissionError(f"{place} belongs to somebody else")
        place.chmod(0o700)


def tcp_listener(host: str, port: int, *, wait_s: float) -> socket.socket:
    """A listening socket. wait_s: how long a port that another process has may take to become free. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    deadline = time.monotonic() + wait_s
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return listener


def unix_listener(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


def receive(stream: socket.socket) -> bytes:
    try:
        return stream.recv(1 << 16)
    except OSError:
        return b""


def send(stream: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        stream.sendall(json.dumps(message).encode() + b"\n")
