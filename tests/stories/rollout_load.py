"""Steady load on a door from a process of its own, and what it writes down of the answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stories.workspace import until

CONNECTIONS = 4


@dataclass(frozen=True)
class LoadFiles:
    """What a running load writes: its status, and the id of each answer."""

    status: Path
    id_file: Path

    def page(self) -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self.status.read_text())
        return page

    def failed(self) -> int:
        return int(self.page()["failed"])

    def reasons(self) -> tuple[str, ...]:
        return tuple(self.page()["reasons"])

    def answered(self) -> int:
        return len(self.ids())

    def ids(self) -> list[str]:
        """Whole lines only."""
        return self.id_file.read_text().split("\n")[:-1]

    def grow(self, *, by: int) -> None:
        """Wait until so many more requests were answered."""
        goal = self.answered() + by
        until(lambda: self.answered() >= goal, of=f"{by} more answers")

    def refresh(self) -> None:
        """Wait until the status is from now on."""
        sent = self.page()["sent"]
        until(lambda: self.page()["sent"] > sent, of="a newer status")


@contextmanager
def load(url: str, bodies: Sequence[bytes], scratch: Path, *, rate: float) -> Iterator[LoadFiles]:
    """So many keep-alive requests a second from another process, until its end is asked for."""
    requests, status, ids = scratch / "requests.jsonl", scratch / "status.json", scratch / "ids.txt"
    requests.write_bytes(b"\n".join(bodies) + b"\n")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "plimsoll.demo.load", url, str(requests), "--status", str(status)),
            *("--ids", str(ids), "--connections", str(CONNECTIONS), "--rate", f"{rate:g}", "--timeout", "30"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: status.exists() and ids.exists(), of="the load's first status")
        files = LoadFiles(status, ids)
        files.grow(by=50)
        yield files
    finally:
        process.terminate()
        process.wait()
