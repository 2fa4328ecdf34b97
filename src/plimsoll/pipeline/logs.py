"""What the steps of a run printed, read piece by piece from the files of this machine, each step's in its order."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from plimsoll.pipeline.entities import LogPiece

PIECE = 256 * 1024
"""Bytes of one log that are read at once."""
_BEFORE_STEPS = "import"


def read_pieces(
    folder: Path, *, steps: Sequence[str], seen: Mapping[str, int], whole_lines: bool
) -> tuple[LogPiece, ...]:
    """The next piece of every log that has one. Logs are those in the folder; a name never leads out of it.

    steps: the order of those that have ended; the others come behind, as they began to print. seen: bytes of each
    log that were read before. whole_lines: leave a line that is still being written for the next time.
    """
    places = {name: place for place, name in enumerate((_BEFORE_STEPS, *steps))}
    try:
        files = sorted(folder.glob("*.log"), key=lambda file: (places.get(file.stem, len(places)), _age(file)))
    except OSError:
        return ()
    pieces = (_piece(file, begin=seen.get(file.stem, 0), whole_lines=whole_lines) for file in files)
    return tuple(piece for piece in pieces if piece is not None)


def _piece(file: Path, *, begin: int, whole_lines: bool) -> LogPiece | None:
    try:
        with file.open("rb") as stream:
            stream.seek(min(begin, os.fstat(stream.fileno()).st_size))
            content = stream.read(PIECE)
    except OSError:
        return None
    more = len(content) == PIECE
    lines = content[: content.rfind(b"\n") + 1]
    if lines or (whole_lines and not more):
        content = lines if whole_lines or more else content
    if not content:
        return None
    return LogPiece(step=file.stem, text=content.decode(errors="replace"), end=begin + len(content))


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
