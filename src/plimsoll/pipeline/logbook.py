"""What a step logs while it runs: a file of records in its scratch folder, appended to in pieces of many points.

A record is a kind, a number and, where the kind has one, a text of that length. A file that its writer could not end is
known by its missing last record. Nothing here knows the ledger.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from plimsoll.pipeline.points import Points, joined

FOLDER = "logged"
_NAME, _POINT, _NOTE, _END = b"N", b"P", b"J", b"E"
_HEAD = struct.Struct("<cI")
_BODY = struct.Struct("<qdd")
_WHOLE = struct.Struct("<cIqdd")
_PIECE = 64 * 1024
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFile:
    """A file that was logged: its name and where the artifacts have it."""

    name: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """All that one step logged."""

    points: Mapping[str, Points] = field(default_factory=dict)
    """Metric -> its points."""
    params: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[LoggedFile, ...] = ()


class Logbook:
    """Writes a step's records. Threads may share it; a process that the step forks writes a file of its own."""

    def __init__(self, scratch: Path) -> None:
        self._folder = scratch / FOLDER
        self._lock = threading.Lock()
        self._forked = False
        self._file: int | None = None
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the rest and say that it is whole: also of a step that raised, never of one that was killed."""
        with self._lock:
            logged = self._buffer or self._file is not None or self._folder.is_dir()
            if logged and os.getpid() == self._pid and not self._forked:
                self._buffer += _HEAD.pack(_END, 0)
                self._flush(time.time())
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def point(self, metric: str, step: int | None, value: float, at: float) -> None:
        """Add a point; without a step it gets the next whole number of its metric."""
        with self._lock:
            self._notice_fork()
            number = self._names.get(metric)
            if number is None:
                number = self._names[metric] = len(self._names)
                self._text(_NAME, metric)
            here = self._next.get(metric, 0) if step is None else step
            self._next[metric] = here + 1
            self._buffer += _WHOLE.pack(_POINT, number, here, value, at)
            if len(self._buffer) >= _PIECE or at - self._flushed >= _PAUSE_S or self._forked:
                self._flush(at)

    def note(self, **what: Any) -> None:
        """Add parameters or a file."""
        with self._lock:
            self._notice_fork()
            self._text(_NOTE, json.dumps(what))
            self._flush(time.time())

    def _notice_fork(self) -> None:
        if os.getpid() != self._pid:
            self._forked = True
            self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._names: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._buffer = bytearray()
        self._flushed = 0.0
        self._file = None

    def _text(self, kind: bytes, text: str) -> None:
        content = text.encode()
        self._buffer += _HEAD.pack(kind, len(content)) + content

    def _flush(self, now: float) -> None:
        if self._file is None:
            self._folder.mkdir(exist_ok=True)
            name = f"{'forked' if self._forked else 'own'}-{self._pid}"
            self._file = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        view = memoryview(self._buffer)
        while view:
            view = view[os.write(self._file, view) :]
        self._buffer = bytearray()
        self._flushed = now


def read_logged(scratch: Path, *, growing: bool = False) -> Logged:
    """What was logged in a step's scratch folder. growing: also while it runs; else a file without its end is nothing."""
    parts: dict[str, list[Points]] = {}
    params: dict[str, Any] = {}
    files: dict[str, LoggedFile] = {}
    places = sorted((scratch / FOLDER).glob("*"), key=lambda place: (place.name.startswith("forked"), place.name))
    contents = {place.name: place.read_bytes() for place in places}
    whole = any(content.endswith(_HEAD.pack(_END, 0)) for name, content in contents.items() if name.startswith("own"))
    if not (whole or growing):
        return Logged()
    for content in contents.values():
        found: dict[str, Points] = {}
        for note in _read(content, found):
            params.update(note.get("params", {}))
            if "file" in note:
                files[note["file"]["name"]] = LoggedFile(**note["file"])
        for metric, points in found.items():
            parts.setdefault(metric, []).append(points)
    return Logged(
        points={metric: joined(some) for metric, some in parts.items()}, params=params, files=tuple(files.values())
    )


def _read(content: bytes, found: dict[str, Points]) -> Iterator[dict[str, Any]]:
    """Fill in the points of one file and give its notes; a record that is cut off ends it."""
    names: list[Points] = []
    place, size = 0, len(content)
    while place + _HEAD.size <= size:
        kind, number = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        end = place + (_BODY.size if kind == _POINT else 0 if kind == _END else number)
        if end > size:
            return
        if kind == _POINT:
            names[number].add(*_BODY.unpack_from(content, place))
        elif kind == _NAME:
            names.append(found.setdefault(content[place:end].decode(), Points()))
        elif kind == _NOTE:
            yield json.loads(content[place:end])
        place = end
