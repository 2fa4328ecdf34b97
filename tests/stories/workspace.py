"""A project folder in the hands of a test: runs the real command line in it, as whoever the test says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class ProjectFolder:
    """Commands run in `root`; `environment` is added to that of every process."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def plimsoll(self, *arguments: str, expect: int | None = 0, **environment: str) -> Answer:
        """Run `plimsoll …` to its end. expect: the exit code it must have; None for any."""
        process = subprocess.run(
            [sys.executable, "-m", "plimsoll", *arguments],
            cwd=self.root,
            env=self._environ(environment),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        answer = Answer(process.returncode, process.stdout, process.stderr)
        assert expect is None or answer.code == expect, (
            f"{arguments} ended with {answer.code}:\n{answer.out}\n{answer.err}"
        )
        return answer

    def ask(self, *arguments: str, **environment: str) -> Any:
        """Run `plimsoll … --json` and return its document."""
        return self.plimsoll(*arguments, "--json", **environment).json

    def start(self, *arguments: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start `plimsoll …` and leave it running, its output in a file."""
        with log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "plimsoll", *arguments],
                cwd=self.root,
                env=self._environ(environment),
                stdout=stream,
                stderr=stream,
            )

    def git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *arguments], cwd=self.root, check=True, capture_output=True
        )

    def commit(self, message: str) -> None:
        """Commit everything; the author is Ada."""
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main")
            self.git("config", "user.name", "Ada")
            self.git("config", "user.email", "ada@example.com")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def end(self) -> None:
        """End whatever a deployment left running."""
        for view in self.ask("status"):
            self.plimsoll("stop", "--env", view["environment"], expect=None)

    def _environ(self, more: dict[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
        return {**clean, "NO_COLOR": "1", **self.environment, **more}


def until(what: Callable[[], Any], *, seconds: float = 30.0, of: str = "the condition") -> Any:
    """Ask again and again until the answer is true; fails, saying what was waited for, when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{of} did not come true within {seconds} s")


def kill(pid: int) -> None:
    """kill -9."""
    os.kill(pid, signal.SIGKILL)
