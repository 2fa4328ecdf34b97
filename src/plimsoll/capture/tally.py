"""Reads the counts of a folder of journals: exact over every process that writes or wrote there, living or killed.

Safe beside writers and beside other readers. `compact` folds the journals that nobody appends to any more into one
snapshot; killed at any moment, it leaves every outcome counted once.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from plimsoll.capture.counts import StageCounts
from plimsoll.capture.errors import CountsDamaged
from plimsoll.capture.fold import Fold
from plimsoll.capture.journal import MAGIC, RECORD_BYTES, SUFFIX, fits_its_sum, has_writer
from plimsoll.capture.snapshot import Snapshot, read_identity, read_snapshot, write_snapshot
from plimsoll.kernel.files import sync_folder

LOCK = ".compact.lock"
UNFINISHED = ".new-*"
"""Snapshots whose writers were killed (kernel/files.py)."""
BLOCK_BYTES = 65_536 * RECORD_BYTES


class CountReader:
    """The counts of one folder. Remembers how far it has read; for one thread at a time.

    Requests, units and errors never shrink. A unit's latency may move to another bucket when an earlier request of
    that unit comes to light, as can happen within the moments that two processes need to write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._snapshot = Snapshot()
        self._fold = self._snapshot.fold
        self._offsets: dict[str, int] = {}
        self._waiting = bytearray()
        """Whole records that were read and are not due."""
        self._counts: Mapping[int, StageCounts] = {}

    @property
    def damaged(self) -> int:
        """Records that the disk did not give back as they were written: they are not in the counts."""
        return self._fold.damaged

    def read(self, *, until_us: int | None = None) -> Mapping[int, StageCounts]:
        """The counts by stage, of every outcome whose append had returned. Cheap when nothing is new.

        until_us: leave out what is due later, in microseconds since 1970; None leaves out nothing. What was taken in
        once stays in.

        Raises CountsDamaged, OSError when the disk does not answer; what had been read stays.
        """
        is_new = False
        while True:
            if read_identity(self._folder) != self._snapshot.identity:
                self._start_over()
                is_new = True
            for path in _journals(self._folder):
                if path.name not in self._snapshot.names:
                    self._read_on(path)
            # A journal that was folded away meanwhile took what was unread with it, into another snapshot.
            if read_identity(self._folder) == self._snapshot.identity:
                break
        later = self._fold.add(bytes(self._waiting), until_us=until_us)
        if is_new or len(later) < len(self._waiting):
            self._waiting = bytearray(later)
            self._counts = self._fold.counts()
        return self._counts

    def compact(self, *, until_us: int | None = None) -> int:
        """Fold the journals that have no writer any more into the snapshot, delete them, and say how many they were.

        until_us: leave those alone that hold anything that is due later. 0 also while another process is at it. Raises CountsDamaged, OSError when the disk refuses; no count is lost.
        """
        with _alone_in(self._folder) as alone:
            if not alone:
                return 0
            old = read_snapshot(self._folder)
            self._delete(old.names)  # what a killed one had left; only when they are gone may their names be forgotten
            for torn in self._folder.glob(UNFINISHED):
                torn.unlink()
            closed = [path for path in _journals(self._folder) if not has_writer(path) and _is_due(path, until_us)]
            if not closed:
                return 0
            for path in closed:
                for block in _blocks(path, len(MAGIC)):
                    old.fold.add(block)
            names = frozenset(path.name for path in closed)
            write_snapshot(self._folder, names, old.fold)
            self._delete(names)
            return len(closed)

    def _start_over(self) -> None:
        self._snapshot = read_snapshot(self._folder)
        self._fold = self._snapshot.fold
        self._offsets = {}
        self._waiting = bytearray()

    def _read_on(self, path: Path) -> None:
        """Read what a journal has more than the last time."""
        begin = self._offsets.get(path.name, len(MAGIC))
        try:
            if path.stat().st_size < begin + RECORD_BYTES:
                return
            for block in _blocks(path, begin):
                whole = block
                if len(block) < BLOCK_BYTES and not fits_its_sum(block[-RECORD_BYTES:]):
                    whole = block[:-RECORD_BYTES]  # the last record may be in the middle of being written
                self._waiting += whole
                self._offsets[path.name] = self._offsets.get(path.name, begin) + len(whole)
        except FileNotFoundError:
            return  # folded away

    def _delete(self, names: frozenset[str]) -> None:
        there = [self._folder / name for name in names if (self._folder / name).exists()]
        for path in there:
            path.unlink()
        if there:
            sync_folder(self._folder)


def _is_due(path: Path, until_us: int | None) -> bool:
    """Whether everything in a journal is due by then."""
    return until_us is None or not any(Fold().add(block, until_us=until_us) for block in _blocks(path, len(MAGIC)))


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _blocks(path: Path, offset: int) -> Iterator[bytes]:
    """The whole records of a journal from an offset on, in pieces. Raises CountsDamaged when it is no journal."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise CountsDamaged(file=str(path))
        stream.seek(offset)
        length = BLOCK_BYTES
        while length == BLOCK_BYTES:  # a shorter one ends it: what grows meanwhile is for the next time
            block = stream.read(BLOCK_BYTES)
            length = len(block)
            if length >= RECORD_BYTES:
                yield block[: length // RECORD_BYTES * RECORD_BYTES]


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Whether no other process compacts this folder; until the end none will."""
    if not folder.is_dir():
        yield False
        return
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
