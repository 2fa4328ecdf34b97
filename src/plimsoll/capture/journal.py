"""The counting journal: every outcome of one process as one record of 32 bytes, appended by one write().

A killed process loses nothing that was appended. When the disk refuses, the outcome is shed and counted; who appends is
never stopped. What the records add up to is in fold.py; who reads them, tally.py.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from plimsoll.capture.counts import Outcome, Tried
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.histogram import bucket_of
from plimsoll.kernel.ids import new_id

SUFFIX = ".counts"
RECORD_BYTES = 32
MAGIC = b"plimcnt1".ljust(RECORD_BYTES, b"\0")
"""The head of every file; as long as a record, so that no record crosses the border of a page."""

CHAMPION, CHAMPION_FAILED, CANDIDATE, CANDIDATE_FAILED, UNIT, FRESH, FALLBACK, NOTICED = (1 << bit for bit in range(8))
DUE_US = 10_000
"""Unit in which a record says when it is due after its arrival; rounded up, and at most 655 s."""
LAST_BUCKET = 4095
"""Holds everything that took longer than 10^30 s, too: 12 bits beside 52 of microseconds tell a unit's first request."""

_BODY = struct.Struct("<HHHHHHQQ")  # stage, due, buckets of champion, candidate and fallback, flags, unit, arrival
_SUM = struct.Struct("<I")


class CountJournal:
    """Writes one process's journals in a folder, one at a time; a new one after `records` outcomes.

    The writer holds a lock on its file, so that a reader can tell the files of living processes from those that nobody
    will ever append to again. `written` and `shed` count outcomes since this journal was made.
    """

    def __init__(self, folder: Path, *, records: int = 1_000_000, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.written = 0
        self.shed = 0
        self.problem = ""
        """Why the last outcome that was shed could not be written; empty once writing works again."""
        self._folder = folder
        self._longest = (1 + records) * RECORD_BYTES
        self._now_ns = now_ns
        self._descriptor: int | None = None
        self._length = 0
        self._lock = threading.Lock()
        self._ending: threading.Thread | None = None

    def append(self, outcome: Outcome) -> None:
        """Keep one outcome: once this returns, only a power loss can take it away, unless it was shed.

        Never raises for what the disk does. Raises ValueError for a duration that is none.
        """
        record = pack(outcome, now_us=self._now_ns() // 1000)
        with self._lock:
            try:
                self._write(record)
            except OSError as error:
                self.shed += 1
                self.problem = str(error)
            else:
                self.written += 1
                self.problem = ""

    def close(self) -> None:
        """Sync and close; appending afterwards begins a new file."""
        with self._lock:
            self._end_file()
            if self._ending is not None:
                self._ending.join()

    def _write(self, record: bytes) -> None:
        if self._length >= self._longest:
            self._end_file()
        descriptor = self._begin_file() if self._descriptor is None else self._descriptor
        try:
            done = os.write(descriptor, record)
        except OSError:
            self._cut_off_what_is_torn(descriptor)
            raise
        if done < RECORD_BYTES:
            self._cut_off_what_is_torn(descriptor)
            raise OSError(28, f"the disk took {done} of {RECORD_BYTES} bytes")
        self._length += done

    def _begin_file(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{new_id('counts', at=from_microseconds(self._now_ns() // 1000))}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # before the head: no reader folds a file away that has none
            if os.write(descriptor, MAGIC) < len(MAGIC):
                raise OSError(28, "the disk has no room for a new journal")  # noqa: TRY301 - cleaned up as any other
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._descriptor = descriptor
        self._length = len(MAGIC)
        return descriptor

    def _cut_off_what_is_torn(self, descriptor: int) -> None:
        """Cut a half-written record off, or leave the file: what follows a torn record would be out of step."""
        try:
            os.ftruncate(descriptor, self._length)
        except OSError:
            os.close(descriptor)
            self._descriptor = None

    def _end_file(self) -> None:
        """Sync and close in the background: a slow disk must not hold up an append."""
        if self._descriptor is None:
            return
        if self._ending is not None:
            self._ending.join()
        self._ending = threading.Thread(target=_sync_and_close, args=(self._descriptor,), name="counts", daemon=True)
        self._descriptor = None
        self._ending.start()


def pack(outcome: Outcome, *, now_us: int) -> bytes:
    """An outcome as it stands in a journal. now_us: for one that does not say when its request arrived."""
    champion, candidate = outcome.champion, outcome.candidate
    flags = FRESH if outcome.fresh else 0
    if champion is not None:
        flags |= CHAMPION | CHAMPION_FAILED if champion.failed else CHAMPION
    if candidate is not None:
        flags |= CANDIDATE | CANDIDATE_FAILED if candidate.failed else CANDIDATE
    if outcome.unit is not None:
        flags |= UNIT
    if outcome.fallback_s is not None:
        flags |= FALLBACK
    if outcome.noticed:
        flags |= NOTICED
    body = _BODY.pack(
        outcome.stage,
        min(math.ceil(outcome.due_s * 1_000_000 / DUE_US), 0xFFFF),
        _bucket(champion),
        _bucket(candidate),
        0 if outcome.fallback_s is None else min(bucket_of(outcome.fallback_s), LAST_BUCKET),
        flags,
        outcome.unit or 0,
        now_us if outcome.at_us is None else outcome.at_us,
    )
    return body + _SUM.pack(zlib.crc32(body))


def fits_its_sum(record: bytes) -> bool:
    """Whether a record is as it was packed."""
    return _SUM.pack(zlib.crc32(record[: _BODY.size])) == record[_BODY.size :]


def has_writer(path: Path) -> bool:
    """Whether a process may still append to the file. Once False it stays so; a killed process has no files any more.

    A file without its head counts as one that is just being begun. Raises OSError when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size < len(MAGIC):
            return True
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _bucket(tried: Tried | None) -> int:
    return 0 if tried is None else min(bucket_of(tried.seconds), LAST_BUCKET)


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fdatasync(descriptor)
    except OSError:
        pass  # what a disk refuses to sync is lost by a power cut only
    finally:
        os.close(descriptor)
