"""Turns what DuckDB says about a file that it cannot read into an error that names file, line and remedy."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from plimsoll.data.errors import NoRoom, Unreadable, WrongEncoding
from plimsoll.data.headers import encoding_problem, first_line
from plimsoll.kernel.errors import PlimsollError

_LINE = re.compile(r"CSV Error on Line: (\d+)")
_FULL = "No space left on device"
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def reading_fault(dataset: str, error: Exception, *, files: Sequence[Path], names: Sequence[str]) -> PlimsollError:
    """The error for people. files: the paths that DuckDB was given; names: what people call them."""
    import duckdb

    said = str(error)
    if isinstance(error, duckdb.OutOfMemoryException) or _FULL in said:
        return NoRoom(dataset=dataset, problem=first_line(error), folder=tempfile.gettempdir())
    suspects = [(file, name) for file, name in zip(files, names, strict=True) if str(file) in said]
    suspects = suspects or list(zip(files, names, strict=True))
    if "unicode" in said or "utf-8" in said:
        for file, name in suspects:
            found = encoding_problem(file)
            if found:
                return WrongEncoding(dataset=dataset, file=name, problem=found[0], guess=found[1])
    place = suspects[0][1] if len(suspects) == 1 else f"one of {len(suspects)} files"
    return Unreadable(dataset=dataset, file=place, problem=_problem(said) or first_line(error))


def _problem(said: str) -> str:
    line = _LINE.search(said)
    width = _WIDTH.search(said)
    where = f"line {int(line.group(1)):,}" if line else "a line"
    if width:
        expected, found = (int(number) for number in width.groups())
        return f"{where} has {found} {'field' if found == 1 else 'fields'}, the first line has {expected}"
    if "unterminated quote" in said:
        return f"{where} opens a quote that is not closed as it should be"
    if "state machine" in said:
        return "its lines end in more than one way (CRLF and LF), or its quotes are not CSV"
    return ""
