"""How the story is told: headings, the commands as they are typed, what they answer, and the table at the end.

As wide as the terminal, from 80 to 100 columns; colours and passing lines on a terminal only, so that a pipe gets plain text.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

WIDEST, NARROWEST = 100, 80
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}


class Telling:
    """Writes the story to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._coloured = self._live and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size((WIDEST, 24)).columns if self._live else WIDEST
        self.width = max(min(WIDEST, columns), NARROWEST)
        """Columns that the story takes."""
        self._passing = 0

    def line(self, text: str = "") -> None:
        """One line as it is."""
        self.erase()
        self._stream.write(text + "\n")
        self._stream.flush()

    def act(self, name: str, title: str) -> None:
        """The heading of a part."""
        self.line()
        self.line(self.paint(f"{name}  {title}", "bold"))
        self.line(self.paint("─" * self.width, "dim"))

    def note(self, text: str) -> None:
        """A remark between commands."""
        self.line()
        for line in textwrap.wrap(text, self.width):
            self.line(self.paint(line, "dim"))

    def command(self, person: str, text: str) -> None:
        """A command as somebody types it."""
        self.line()
        self.line(f"{self.paint(person, 'cyan')} $ {self.paint(text, 'bold')}")

    def output(self, text: str) -> None:
        """What a command answered; long lines are wrapped under their own indent."""
        for line in text.rstrip().splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            wrapped = textwrap.wrap(
                line.strip(),
                self.width,
                initial_indent=indent,
                subsequent_indent=indent + "  ",
                break_on_hyphens=False,
            )
            for part in [line] if len(line) <= self.width else wrapped:
                self.line(self._marked(part.rstrip()))

    def passing(self, text: str) -> None:
        """A line that the next one replaces; terminals only."""
        if self._live:
            self.erase()
            shown = text[: self.width - 1]
            self._stream.write(self.paint(shown, "dim"))
            self._stream.flush()
            self._passing = len(shown)

    def table(self, headings: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> None:
        """A table whose cells wrap; the last column is a number, to the right. The first width is fixed, and so on."""
        self.line(self.paint(_row(headings, widths), "bold"))
        for row in rows:
            cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
            for number in range(max(map(len, cells))):
                line = _row([cell[number] if number < len(cell) else "" for cell in cells], widths)
                self.line(self._marked(line))

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour where there are colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._coloured else text

    def _marked(self, line: str) -> str:
        """Words that decide, in their colour."""
        for words, colour in ((("FAIL", "error ", "NOT SHOWN"), "red"), (("PASS", "the record is whole"), "green")):
            for word in words:
                line = line.replace(word, self.paint(word, colour))
        return line

    def erase(self) -> None:
        """Take the passing line away."""
        if self._passing:
            self._stream.write("\r" + " " * self._passing + "\r")
            self._stream.flush()
            self._passing = 0


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    *texts, number = cells
    *rooms, last = widths
    return "  ".join(
        [*(text.ljust(room) for text, room in zip(texts, rooms, strict=True)), number.rjust(last)]
    ).rstrip()
