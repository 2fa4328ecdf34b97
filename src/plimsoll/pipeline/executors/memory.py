"""How much memory a process and everything that it started hold now."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def held_by(pid: int) -> int:
    """Resident bytes of a process and its descendants; a page that several of them share counts for each.

    0 when the process is gone, or where the system does not tell.
    """
    if (_PROC / "self" / "statm").exists():
        return sum(_resident(member) for member in _family(pid))
    answer = subprocess.run(["ps", "-o", "rss=", "-g", str(pid)], capture_output=True, text=True, check=False)
    return sum(int(line) * 1024 for line in answer.stdout.split() if line.isdigit())


def _family(pid: int) -> list[int]:
    """The process, its children and theirs."""
    members = [pid]
    for member in members:
        for thread in _names(_PROC / str(member) / "task"):
            try:
                children = (_PROC / str(member) / "task" / thread / "children").read_text()
            except OSError:
                continue
            members.extend(int(child) for child in children.split())
    return members


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - asked twenty times a second
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
