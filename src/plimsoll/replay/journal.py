"""What a replay remembers on disk: its settings, and line by line what was sent and which moments are done.

A line is written once its request was answered, or its moment done. Of what was under way when the replay was killed,
the capture tells which requests were answered, and all else can be done again without harm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from plimsoll.kernel.clock import from_microseconds, in_microseconds
from plimsoll.kernel.files import replace_text
from plimsoll.replay.entities import Sent, Settings
from plimsoll.replay.errors import DiskRefused, OtherReplay

NOTHING = "-"


class Journal:
    """The record of one replay in its folder. Not for two processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[Sent] = []
        self.done_until: datetime | None = None
        """The last moment at which labels, feed and turns were done."""
        self._stream = _Lines(folder)
        for line in self._stream.read():
            self._take(line)

    @property
    def next_row(self) -> int:
        """The number of the first row that was not sent."""
        return self.sent[-1].first + self.sent[-1].count if self.sent else 0

    def add_sent(self, sent: Sequence[Sent]) -> None:
        """Keep what one moment's requests came to. Raises DiskRefused."""
        self.sent += sent
        self._stream.write("".join(f"R {one.first} {one.count} {one.prediction or NOTHING}\n" for one in sent))

    def add_done(self, moment: datetime) -> None:
        """Keep that everything due until a moment is done. Raises DiskRefused."""
        self.done_until = moment
        self._stream.write(f"T {in_microseconds(moment)}\n")

    def close(self) -> None:
        self._stream.close()

    def _take(self, line: str) -> None:
        kind, *parts = line.split(" ")
        if kind == "T":
            self.done_until = from_microseconds(int(parts[0]))
        else:
            first, count, prediction = parts
            known = "" if prediction == NOTHING else prediction
            self.sent.append(Sent(first=int(first), count=int(count), prediction=known))


class _Lines:
    """Lines in a file, appended by one write() each; one that a kill has torn is cut off."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sent.log"
        self._descriptor: int | None = None

    def read(self) -> Iterator[str]:
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        yield from whole.decode().splitlines()

    def write(self, lines: str) -> None:
        content = lines.encode()
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            done = os.write(self._descriptor, content)
        except OSError as error:
            raise DiskRefused(folder=str(self._path.parent), problem=error.strerror or str(error)) from error
        if done < len(content):
            raise DiskRefused(folder=str(self._path.parent), problem=f"it took {done} of {len(content)} bytes")

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_settings(folder: Path) -> tuple[Settings, bool] | None:
    """The settings that a folder's replay was begun with, and whether it has come to its end; None where there is none."""
    place = folder / "replay.json"
    if not place.exists():
        return None
    page = json.loads(place.read_text(encoding="utf-8"))
    return Settings(**page["settings"]), bool(page["finished"])


def write_settings(folder: Path, settings: Settings, *, finished: bool = False) -> None:
    """Keep what the replay was begun with. Raises DiskRefused."""
    page = {"settings": asdict(settings), "finished": finished}
    try:
        replace_text(folder / "replay.json", json.dumps(page, indent=2) + "\n")
    except OSError as error:
        raise DiskRefused(folder=str(folder), problem=error.strerror or str(error)) from error


def require_same(folder: Path, before: Settings, now: Settings) -> None:
    """Raises OtherReplay, which names every setting that differs."""
    old, new = asdict(before), asdict(now)
    differences = [f"{name} is {_shown(old[name])}, not {_shown(new[name])}" for name in old if old[name] != new[name]]
    if differences:
        raise OtherReplay(folder=str(folder), differences="; ".join(differences))


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
