"""What a command shows: one result on stdout (for people, or JSON), progress and errors on stderr, an exit code.

With --json, stdout holds exactly one JSON document. Progress is a bar on a terminal and plain lines otherwise.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Self, TextIO

from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress
from plimsoll.kernel.errors import EXIT_CODES, Kind, PlimsollError


def run(
    operation: str,
    *,
    as_json: bool,
    show: Callable[[Any], None],
    code: Callable[[Any], int] = lambda _: 0,
    **payload: Any,
) -> None:
    """Perform an operation for a command: progress while it runs, then its result, then the exit code.

    show: prints the result for people. code: the exit code of a result (1 fail, 3 inconclusive, else 0).
    """
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            result = ask(operation, progress, **payload)
        finish(result, as_json=as_json, show=show, code=code(result))


def finish(result: Any, *, as_json: bool, show: Callable[[Any], None], code: int = 0) -> None:
    """Print a result and leave with its exit code (0 returns)."""
    if as_json:
        _write_json(result)
    else:
        show(result)
    if code:
        raise SystemExit(code)


class reported:  # noqa: N801 - reads as a clause: `with reported(as_json=…):`
    """Turns a PlimsollError into a message and its exit code; anything else becomes 70 with its traceback."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PlimsollError):
            fail(error, as_json=self._as_json)
        if isinstance(error, Exception) and self._as_json:
            _write_json({"error": PlimsollError(problem=str(error) or type(error).__name__).as_dict()})
        if isinstance(error, KeyboardInterrupt):
            sys.stderr.write("interrupted; what was finished is kept\n")
            raise SystemExit(130)


def fail(error: PlimsollError, *, as_json: bool) -> NoReturn:
    """Print an error (to stdout as the one JSON document with --json, else to stderr) and leave."""
    if as_json:
        _write_json({"error": error.as_dict()})
    else:
        sys.stderr.write(f"{paint('error', 'red', on=sys.stderr)} {error.code}: {error}\n")
        if error.advice:
            sys.stderr.write(f"  {error.advice}\n")
    raise SystemExit(EXIT_CODES[error.kind])


def _write_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


EXIT_INTERNAL = EXIT_CODES[Kind.INTERNAL]


def internal_error(error: Exception) -> None:
    """Say that something is our fault, with the traceback a report needs."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    sys.stderr.write(
        f"{paint('error', 'red', on=sys.stderr)} internal.error: {error}\n  This is a fault of Plimsoll, not yours.\n"
    )


class ProgressLines:
    """Progress on stderr: one line redrawn in place on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._drawn = 0
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._erase()

    def __call__(self, progress: Progress) -> None:
        line = self._line(progress)
        if line == self._last:
            return
        self._last = line
        self._erase()
        if self._live and not progress.stays:
            width = _columns() - 1
            self._drawn = min(len(line), width)
            sys.stderr.write(line[:width])
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def beside(self, line: str, *, quiet: bool = False) -> None:
        """One line that stays, without disturbing the progress. quiet: to stderr, since stdout is for the result."""
        self._erase()
        stream = sys.stderr if quiet else sys.stdout
        stream.write(line + "\n")
        stream.flush()

    def _line(self, progress: Progress) -> str:
        line = f"{progress.task}: {progress.message}"
        if not progress.total:
            return line
        done = progress.done or 0
        return f"{_bar(done, progress.total)} {line}" if self._live else f"[{done}/{progress.total}] {line}"

    def _erase(self) -> None:
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0


def _bar(done: int, total: int, *, width: int = 20) -> str:
    filled = round(width * done / total)
    return "[" + "#" * filled + "." * (width - filled) + "]"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 80


_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


_COLOUR = re.compile(r"\x1b\[\d+m")


def paint(text: str, colour: str, *, on: TextIO | None = None) -> str:
    """The text in a colour when where it goes (stdout unless told) is a terminal and NO_COLOR is not set."""
    if not (on or sys.stdout).isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """One line for people on stdout."""
    sys.stdout.write(text + "\n")


def moment(text: str) -> str:
    """A ledger's time for people: `2026-11-20 19:33:02`, in UTC."""
    return text[:19].replace("T", " ")


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table for people on stdout: columns as wide as their content, numbers to the right."""
    body = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(_width(line[index]) for line in [list(headings), *body]) for index in range(len(headings))]
    numeric = [bool(body) and all(_is_number(row[index]) for row in body) for index in range(len(headings))]
    for number, line in enumerate([list(headings), *body]):
        cells = [
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        text = "  ".join(cells).rstrip()
        say(paint(text, "bold") if number == 0 else text)


def _width(cell: str) -> int:
    """Columns that a cell takes on the screen: colours take none."""
    return len(_COLOUR.sub("", cell))


def _is_number(text: str) -> bool:
    try:
        float(_COLOUR.sub("", text).rstrip("%").replace(",", ""))
    except ValueError:
        return not text
    return True
