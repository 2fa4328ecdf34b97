"""The scratch workspace in which a run is made again, and the process that does it.

The bytes that the run was made of are checked against their digests before they are used, and not copied. The folder
goes when the work is over; one that a killed process left behind goes before the next one is made.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.hashing import digest_file
from plimsoll.kernel.lifeline import PATIENCE_S
from plimsoll.release.errors import NotRepeatable

PROGRAM = "plimsoll.release.rerun_process"
_TAIL = 2000
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The scratch folder, while it is ours."""

    folder: Path
    artifacts: FolderStore
    release: str
    held: int
    """Descriptor of the lock that says that somebody is at work here; the process inherits it."""

    @property
    def code(self) -> Path:
        return self.folder / "code"

    def bring(self, source: FolderStore, digests: Sequence[str]) -> dict[str, str]:
        """Make artifacts usable here. Those that are not: digest -> `gone`, or `damaged` where other bytes lie."""
        lost = {}
        for digest in digests:
            if self.artifacts.has(digest):
                continue
            if not source.has(digest):
                lost[digest] = "gone"
            elif digest_file(source.path(digest)) != digest:
                lost[digest] = "damaged"
            else:
                place = self.artifacts.root / digest[:2] / digest[2:]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(source.path(digest).absolute())
        return lost

    def bring_tree(self, source: FolderStore, digest: str) -> dict[str, str]:
        """Make a tree usable here, with all that it names; what is lost as `bring` says."""
        return self.bring(source, (digest,)) or self.bring(source, tuple(self.artifacts.tree(digest).values()))

    def ask(
        self,
        python: Path,
        request: Mapping[str, Any],
        *,
        name: str,
        environment: Mapping[str, str],
        told: Callable[[Mapping[str, Any]], None],
    ) -> dict[str, Any]:
        """The answer of a process of that interpreter. name: of the work, a word. told: hears its progress.

        Raises NotRepeatable when it died, or when what it says has nothing to do with the project's code.
        """
        asked, place, log = (self.folder / f"{name}.{kind}" for kind in ("request", "answer", "log"))
        asked.write_text(json.dumps({**request, "code": str(self.code), "artifacts": str(self.artifacts.root)}))
        code = self._carry_out([str(python), "-P", "-m", PROGRAM, str(asked), str(place)], log, environment, told)
        if not place.exists():
            how = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with {code}"
            last = log.read_text(errors="replace")[-_TAIL:].strip().rpartition("\n")[2]
            cure = "Try again; if it ends so again, the line above says what stood in its way."
            raise NotRepeatable(release=self.release, problem=f"{how}{f': {last}' if last else ''}", cure=cure)
        answer: dict[str, Any] = json.loads(place.read_text())
        if "error" in answer and not answer["expected"]:
            error = answer["error"]
            raise NotRepeatable(
                release=self.release, problem=f"{error['code']}: {error['text']}", cure=error.get("hint") or ""
            )
        return answer

    def _carry_out(
        self,
        command: list[str],
        log: Path,
        environment: Mapping[str, str],
        told: Callable[[Mapping[str, Any]], None],
    ) -> int:
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                pass_fds=(self.held,),
                start_new_session=True,  # Ctrl-C is for this process, which ends the other
            )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                with suppress(ValueError):  # what a library printed
                    told(json.loads(line))
            return process.wait()
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End it as Ctrl-C would, and for good when it does not."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(PATIENCE_S * 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


@contextmanager
def open_bench(parent: Path, *, name: str, release: str) -> Iterator[Bench]:
    """A new scratch folder below `parent`, gone afterwards. Raises NotRepeatable when the disk refuses."""
    try:
        folder, held = _make(parent, name)
    except OSError as error:
        raise _no_room(release, parent, error) from error
    try:
        yield Bench(folder=folder, artifacts=FolderStore(folder / "artifacts"), release=release, held=held)
    except OSError as error:
        raise _no_room(release, folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _no_room(release: str, folder: Path, error: OSError) -> NotRepeatable:
    problem = f"{folder} cannot be worked in: {error.strerror or error}."
    return NotRepeatable(
        release=release, problem=problem, cure="Free some space or repair the disk, then run the same command again."
    )


def _make(parent: Path, name: str) -> tuple[Path, int]:
    """The folder and its lock; under a lock of all, so that nobody takes a new one for one that was left behind."""
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / _LOCK).open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for old in parent.iterdir():
            if old.is_dir():
                _remove_if_dead(old)
        folder = parent / name
        (folder / "artifacts").mkdir(parents=True)
        held = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
    return folder, held


def _remove_if_dead(folder: Path) -> None:
    try:
        held = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)
