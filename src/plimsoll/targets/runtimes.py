"""Turns a release's lock into an interpreter with exactly its packages: an environment of its own, made once with uv.

An environment is made beside its place and moved there when it is complete, so whatever is in its place can be used.
Plimsoll's own code is linked into it, so that a worker there runs the same Plimsoll as its door.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import plimsoll
from plimsoll.bundle.runtime import lock_differences, lock_text
from plimsoll.kernel.extras import EXTRAS, PackageMissing
from plimsoll.kernel.files import sync_folder
from plimsoll.kernel.hashing import digest_bytes
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.targets.errors import (
    BadLock,
    InterpreterMissing,
    NoRoomForRuntime,
    PackagesNotFound,
    RuntimeCannotServe,
    RuntimeNotAsLocked,
    RuntimeNotMade,
)

WORKER = "plimsoll.serving.worker"
OURSELVES = Path(plimsoll.__file__).resolve().parent

_INTERPRETER = re.compile(r"python==(?P<version>\S+) (?P<implementation>\S+) (?P<platform>\S+)")
_PACKAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[A-Za-z0-9.!+_-]+")
_NOT_FOUND = re.compile(r"(?:no version of|you require) ([^\s,]+==[^\s,]+)")
_FULL = re.compile(r"no space left|quota exceeded", re.IGNORECASE)
_TELL_LOCK = "import sys; from plimsoll.bundle.runtime import lock_text; sys.stdout.write(lock_text())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A runtime that somebody asked for."""

    lock: str
    release: str
    say: Callable[[str], None]

    @property
    def digest(self) -> str:
        return digest_bytes(self.lock.encode())

    @property
    def facts(self) -> dict[str, str]:
        """What every error about it tells."""
        return {"release": self.release, "lock": self.digest[:12]}

    @property
    def interpreter(self) -> re.Match[str]:
        """Raises BadLock."""
        first = self.lock.partition("\n")[0]
        match = _INTERPRETER.fullmatch(first)
        if match is None:
            raise BadLock(line=first, **self.facts)
        return match

    @property
    def packages(self) -> list[str]:
        """`name==version` each. Raises BadLock: a line of another form could tell uv anything."""
        packages = self.lock.splitlines()[1:]
        for line in packages:
            if not _PACKAGE.fullmatch(line):
                raise BadLock(line=line, **self.facts)
        return packages


class Runtimes:
    """The environments in one folder, each named by the SHA-256 of its lock. Safe for several processes at once.

    They are kept, so that the way back to an earlier release stays short. One that is deleted by hand is made anew when
    a release needs it.
    """

    def __init__(self, folder: Path, *, must_import: str = WORKER) -> None:
        self._folder = folder.absolute()
        self._must_import = must_import

    def find(self, lock: str) -> Path | None:
        """The interpreter that has exactly this lock: this process's own, or one made earlier; else None."""
        if lock == lock_text():
            return Path(sys.executable)
        place = self._place(digest_bytes(lock.encode()))
        return _python(place) if _python(place).exists() and _is_linked(place) else None

    def python_of(
        self, lock: str, *, release: str = "the release", say: Callable[[str], None] = lambda _: None
    ) -> Path:
        """The interpreter that has exactly this lock; made when missing, which takes seconds to minutes.

        release: who needs it, for the errors. say: is told in words what happens.
        Raises PackageMissing when there is no uv, and what derives from RuntimeNotMade.
        """
        found = self.find(lock)
        if found is not None:
            return found
        wanted = Wanted(lock=lock, release=release, say=say)
        with _room_told(wanted, self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._alone_with(wanted) as held:
                return self.find(lock) or self._mend(wanted, held) or self._make(wanted, held)

    def _place(self, digest: str) -> Path:
        return self._folder / digest

    def _mend(self, wanted: Wanted, held: int) -> Path | None:
        """Link today's Plimsoll into an environment that another installation of it made; None when there is none."""
        place = self._place(wanted.digest)
        if not _python(place).exists():
            return None
        wanted.say(f"linking this installation of Plimsoll into the runtime of {wanted.release}")
        _link(place)
        self._check(wanted, place, held)
        return _python(place)

    def _make(self, wanted: Wanted, held: int) -> Path:
        """Make the environment beside its place, check it, and move it there."""
        place = self._place(wanted.digest)
        making = self._folder / f".making-{wanted.digest}"
        shutil.rmtree(making, ignore_errors=True)  # of one that was killed; nobody else is at it
        try:
            self._fill(wanted, making, held)
            shutil.rmtree(place, ignore_errors=True)  # its interpreter is gone, or it would have been found
            making.rename(place)
            sync_folder(self._folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return _python(place)

    def _fill(self, wanted: Wanted, making: Path, held: int) -> None:
        uv, packages = _uv(), wanted.packages
        wanted.say(f"making the runtime of {wanted.release}: Python {wanted.interpreter['version']}")
        self._make_empty(wanted, making, uv, held)
        if packages:
            wanted.say(f"installing its packages: {len(packages)}")
            self._install(wanted, making, uv, held)
        wanted.say("checking it")
        self._check(wanted, making, held)

    def _make_empty(self, wanted: Wanted, making: Path, uv: str, held: int) -> None:
        """An environment without packages, of the very interpreter that the lock names. Raises InterpreterMissing."""
        interpreter = wanted.interpreter
        if wanted.lock.partition("\n")[0] == lock_text().partition("\n")[0]:
            request = sys.executable
        else:
            request = f"{interpreter['implementation']}@{interpreter['version']}"
        command = [uv, "venv", "--quiet", "--relocatable", "--no-project", "--no-python-downloads"]
        ended = _run([*command, "--python", request, str(making)], held)
        if ended.returncode and not _FULL.search(ended.stderr):
            problem = _told(ended)
            python = " ".join(interpreter.groups())
            raise InterpreterMissing(request=interpreter["version"], python=python, problem=problem, **wanted.facts)
        _raise_if_failed(wanted, ended)
        _link(making)
        found = self._lock_in(wanted, making, held).partition("\n")[0]
        if found != interpreter[0]:
            raise RuntimeNotAsLocked(differences=lock_differences(interpreter[0], found), **wanted.facts)

    def _install(self, wanted: Wanted, making: Path, uv: str, held: int) -> None:
        """Install the exact versions, without asking what they depend on: the lock has it all."""
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
        ended = _run(
            [*command, "--python", str(_python(making)), "--requirements", "-"],
            held,
            content="\n".join(wanted.packages) + "\n",
        )
        # An answer may name dependencies of a build as well; those are not in the lock.
        lacking = sorted(set(_NOT_FOUND.findall(ended.stderr)) & set(wanted.packages)) if ended.returncode else []
        if lacking:
            raise PackagesNotFound(packages=", ".join(lacking), problem=_told(ended), **wanted.facts)
        _raise_if_failed(wanted, ended)

    def _check(self, wanted: Wanted, place: Path, held: int) -> None:
        """Hold the environment to its lock. Raises RuntimeNotAsLocked, RuntimeCannotServe."""
        differences = lock_differences(wanted.lock, self._lock_in(wanted, place, held))
        if differences:
            raise RuntimeNotAsLocked(differences=differences, **wanted.facts)
        ended = _run([str(_python(place)), "-I", "-c", f"import {self._must_import}"], held)
        if ended.returncode:
            raise RuntimeCannotServe(problem=_last_line(ended), **wanted.facts)

    def _lock_in(self, wanted: Wanted, place: Path, held: int) -> str:
        ended = _run([str(_python(place)), "-I", "-c", _TELL_LOCK], held)
        if ended.returncode:
            raise RuntimeCannotServe(problem=_last_line(ended), **wanted.facts)
        return ended.stdout

    @contextmanager
    def _alone_with(self, wanted: Wanted) -> Iterator[int]:
        """Wait until nobody else makes this runtime; the descriptor that keeps it so."""
        with self._lock(wanted.digest, wait=False) as held:
            if held is not None:
                yield held
                return
        wanted.say(f"waiting for another process that makes the runtime of {wanted.release}")
        with self._lock(wanted.digest, wait=True) as held:
            assert held is not None
            yield held

    @contextmanager
    def _lock(self, digest: str, *, wait: bool) -> Iterator[int | None]:
        """The lock of one runtime, or None where it is held elsewhere.

        Its file stays for good: one that is removed could be locked by two, by the old name's and the new name's.
        """
        descriptor = os.open(self._folder / f"{digest}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)


def workspace_runtimes(workspace: Workspace, _: Database) -> Runtimes:
    """The environments of a workspace; what workers serve from is what runs are made again in."""
    return Runtimes(workspace.runtimes)


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _packages_folder(place: Path) -> Path | None:
    return next((place / "lib").glob("*/site-packages"), None)


def _is_linked(place: Path) -> bool:
    """Whether the Plimsoll in the environment is this one."""
    folder = _packages_folder(place)
    return folder is not None and (folder / "plimsoll").resolve() == OURSELVES


def _link(place: Path) -> None:
    """Make this Plimsoll importable there, and nothing else of what is installed here."""
    folder = _packages_folder(place)
    assert folder is not None
    new = folder / ".plimsoll"
    new.unlink(missing_ok=True)
    new.symlink_to(OURSELVES, target_is_directory=True)
    new.replace(folder / "plimsoll")  # whole: a worker there may be importing


def _uv() -> str:
    """The uv of the extra, else the one that a shell would find. Raises PackageMissing."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        found = shutil.which("uv")
        if found is None:
            raise PackageMissing(package="uv", extra=EXTRAS["uv"]) from error
        return found


def _run(command: list[str], held: int, *, content: str = "") -> subprocess.CompletedProcess[str]:
    """Run it to its end.

    It inherits the lock: should this process be killed, the next one waits for what still writes into the environment.
    """
    return subprocess.run(
        command,
        input=content,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
        pass_fds=(held,),
    )


def _raise_if_failed(wanted: Wanted, ended: subprocess.CompletedProcess[str]) -> None:
    """Raises OSError when the disk was full, RuntimeNotMade for any other end but a good one."""
    if ended.returncode and _FULL.search(ended.stderr):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if ended.returncode:
        raise RuntimeNotMade(problem=_told(ended), **wanted.facts)


@contextmanager
def _room_told(wanted: Wanted, folder: Path) -> Iterator[None]:
    """Around what writes: a disk's refusal becomes an error that names the runtime."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoRoomForRuntime(folder=str(folder), problem=error.strerror, **wanted.facts) from error
        raise RuntimeNotMade(problem=str(error), **wanted.facts) from error


def _told(ended: subprocess.CompletedProcess[str]) -> str:
    """What uv says, as one line."""
    said = " ".join(ended.stderr.split()).removeprefix("error: ")
    return said[:600] or f"uv ended with {ended.returncode}"


def _last_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The exception at the end of a traceback."""
    lines = ended.stderr.strip().splitlines()
    return lines[-1] if lines else f"it ended with {ended.returncode}"
