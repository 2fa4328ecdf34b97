"""Time as an argument: the only place that reads the system's clock.

Everything that needs the time is handed a Clock, so that days can be replayed in seconds. Processes that must agree on
a replayed time share it in a file.
"""

from __future__ import annotations

import mmap
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.workspace import Workspace

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_BYTES = 8


class BadClock(PlimsollError):
    """A file that should hold the time of a replay, and does not."""

    code = "kernel.bad_clock"
    kind = Kind.INVALID
    text = "{path} holds no time: {problem}."
    hint = (
        "Only `plimsoll replay` makes this file, in the state folder of a replay. Delete it anywhere else; there, begin "
        "the replay anew."
    )


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class FileClock:
    """The time that a file holds, the same for every process that has it open: it moves when one of them sets it.

    The file is 8 bytes: microseconds since 1970, a little-endian integer on the machines that share it. A read or a
    write is one aligned access to mapped memory, so nobody ever sees half a time. Raises BadClock.
    """

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        self.path = path
        try:
            with path.open("r+b" if writable else "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                if size != CLOCK_BYTES:
                    raise BadClock(path=str(path), problem=f"it has {size} bytes instead of {CLOCK_BYTES}")
                access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
                self._page = memoryview(mmap.mmap(stream.fileno(), CLOCK_BYTES, access=access)).cast("q")
        except OSError as error:
            raise BadClock(path=str(path), problem=error.strerror or str(error)) from error

    @classmethod
    def create(cls, path: Path, start: datetime) -> FileClock:
        """A clock of one's own at a path, set before anybody can open it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(in_microseconds(start).to_bytes(CLOCK_BYTES, "little", signed=True))
        new.replace(path)
        return cls(path, writable=True)

    def now(self) -> datetime:
        return from_microseconds(self._page[0])

    def now_ns(self) -> int:
        """Nanoseconds since 1970, as `time.time_ns` tells them."""
        return self._page[0] * 1000

    def set(self, moment: datetime) -> None:
        """Let it be that moment for everybody from now on."""
        self._page[0] = in_microseconds(moment)


def workspace_clock(workspace: Workspace) -> Clock:
    """The clock that a workspace runs on: a replay's where its state folder holds one, else the machine's own.

    Not for what happens between processes and their machine: leases, timeouts, latencies, times of files.
    """
    path = workspace.clock
    return FileClock(path) if path.exists() else SystemClock()


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a `Z`: sorts as text, the same in every database."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_microseconds(microseconds: int) -> datetime:
    """The moment that lies so long after the epoch, exactly."""
    return EPOCH + timedelta(microseconds=microseconds)


def in_microseconds(moment: datetime) -> int:
    """How long a moment lies after the epoch: the inverse of `from_microseconds`."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_text(text: str) -> datetime:
    """The inverse of `to_text`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
