"""Appends records to segment files of this process; a killed process loses nothing that was appended.

Mode `buffered`: each append is one write() to the system, synced to the disk within 50 ms, so only a power loss can
take the last moments. When the disk refuses, the record is shed and counted; who appends is never stopped.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from plimsoll.capture.segment import MAGIC, NAMED, REPLAYED, REPLAYED_SPAN_S, SUFFIX, frame
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.ids import new_id


class CaptureWriter:
    """Writes one process's segments in a folder, one at a time; a new one by size and by age.

    `written` and `shed` count records since this writer was made; their sum is the appends. replayed: `now_ns` is not
    the machine's own clock, so a segment's age is told by it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        replayed: bool = False,
        largest_bytes: int = 64 * 1024 * 1024,
        longest_s: float = 600.0,
        sync_every_s: float = 0.05,
    ) -> None:
        self.written = 0
        self.shed = 0
        self.problem = ""
        """Why the last record that was shed could not be written; empty once writing works again."""
        self._folder = folder
        self._now_ns = now_ns
        self._largest_bytes = largest_bytes
        self._age_s: Callable[[], float] = (lambda: now_ns() / 1e9) if replayed else time.monotonic
        self._longest_s = REPLAYED_SPAN_S if replayed else longest_s
        self._name = REPLAYED if replayed else NAMED
        self._descriptor: int | None = None
        self._length = 0
        self._begun = 0.0
        self._lock = threading.Lock()
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self._syncer = threading.Thread(target=self._sync_forever, args=(sync_every_s,), name="capture", daemon=True)
        self._syncer.start()

    def append(self, record: dict[str, Any]) -> bool:
        """Write one JSON-ready record; False when it had to be shed. Never raises for what the disk does."""
        try:
            framed = frame(orjson.dumps(record))
            with self._lock:
                self._write(framed)
        except (OSError, orjson.JSONEncodeError) as error:
            self.shed += 1
            self.problem = str(error)
            return False
        self.written += 1
        self.problem = ""
        self._dirty.set()
        return True

    def sync(self) -> str:
        """Bring to the disk what was appended, now; what the disk says when it refuses, else empty."""
        with self._lock:
            copy = os.dup(self._descriptor) if self._descriptor is not None else None
        if copy is None:
            return ""
        try:
            os.fdatasync(copy)
        except OSError as error:
            return str(error)
        finally:
            os.close(copy)
        return ""

    def close(self) -> None:
        """Sync and close; appending afterwards begins a new segment that nobody syncs."""
        self._closed.set()
        self._dirty.set()
        self._syncer.join()
        with self._lock:
            self._end_segment()

    def _write(self, framed: bytes) -> None:
        if self._descriptor is not None and self._is_full(len(framed)):
            self._end_segment()
        descriptor = self._begin_segment() if self._descriptor is None else self._descriptor
        try:
            done = os.write(descriptor, framed)
        except OSError:
            self._drop_segment_if_broken()
            raise
        if done < len(framed):
            self._drop_segment_if_broken()
            raise OSError(28, f"the disk took {done} of {len(framed)} bytes")
        self._length += done

    def _is_full(self, more: int) -> bool:
        too_old = self._age_s() - self._begun > self._longest_s
        return self._length > len(MAGIC) and (too_old or self._length + more > self._largest_bytes)

    def _begin_segment(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        moment = from_microseconds(self._now_ns() // 1000)
        path = self._folder / f"{new_id(self._name, at=moment)}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if _written(descriptor, MAGIC) < len(MAGIC):
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise OSError(28, "the disk has no room for a new segment")
        self._descriptor = descriptor
        self._length = len(MAGIC)
        self._begun = self._age_s()
        return descriptor

    def _drop_segment_if_broken(self) -> None:
        """Cut a half-written record off, or leave the segment: what follows a torn record would never be read."""
        assert self._descriptor is not None
        try:
            os.ftruncate(self._descriptor, self._length)
        except OSError:
            os.close(self._descriptor)
            self._descriptor = None

    def _end_segment(self) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        _sync(descriptor)
        os.close(descriptor)

    def _sync_forever(self, every_s: float) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            self._dirty.clear()
            with self._lock:
                copy = os.dup(self._descriptor) if self._descriptor is not None else None
            if copy is not None:
                _sync(copy)  # outside the lock: a slow disk must not hold up an append
                os.close(copy)
            self._closed.wait(every_s)


def _written(descriptor: int, content: bytes) -> int:
    try:
        return os.write(descriptor, content)
    except OSError:
        return 0


def _sync(descriptor: int) -> None:
    """Bring a file to the disk; a disk that refuses is met again, and counted, by the next append."""
    try:
        os.fdatasync(descriptor)
    except OSError:
        return
