"""Tells whether the process that wrote something down is still alive, however its number is reused later.

A process is known by host, boot, number and start time. Starting and ending processes is not done here.
"""

from __future__ import annotations

import os
import socket
import subprocess
from functools import cache
from pathlib import Path


def this_process() -> str:
    """The identity of the running process, as text to keep."""
    return _identity(os.getpid()) or ""


def is_dead(identity: str) -> bool:
    """Whether the process is certainly gone. One on another host is never certain."""
    host, _, rest = identity.partition(" ")
    if host != socket.gethostname():
        return False
    return _identity(int(rest.split(" ")[0])) != identity


def _identity(pid: int) -> str | None:
    started = _start_time(pid)
    return None if started is None else f"{socket.gethostname()} {pid} {started} {_boot()}"


def _start_time(pid: int) -> str | None:
    """When a process started, in any unit that does not change; None when there is no such process (or a zombie)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else fields[19]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip().replace(" ", "_") or None


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"
