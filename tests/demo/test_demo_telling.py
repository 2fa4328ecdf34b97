"""What the demo writes: plain text of at most 100 columns into a pipe, colours and passing lines on a terminal."""

from __future__ import annotations

import io

import pytest

from plimsoll.demo.telling import Telling


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_pipe_gets_plain_text_and_no_passing_lines():
    stream = io.StringIO()
    telling = Telling(stream)
    telling.act("Act 1", "A title")
    telling.command("ada", "plimsoll run")
    telling.passing("train: started")
    telling.output("Verdict FAIL on run-1")
    assert "\x1b" not in stream.getvalue()
    assert told(stream) == ["", "Act 1  A title", "─" * 100, "", "ada $ plimsoll run", "Verdict FAIL on run-1"]


def test_a_terminal_gets_colours_and_lines_that_are_replaced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    telling = Telling(stream)
    telling.passing("train: started")
    telling.line("done")
    assert "\r" + " " * len("train: started") + "\rdone\n" in stream.getvalue()
    telling.output("a verdict of FAIL")
    assert "\x1b[31mFAIL\x1b[0m" in stream.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    Telling(stream).command("ada", "plimsoll run")
    assert "\x1b" not in stream.getvalue()


def test_long_lines_wrap_under_their_own_indent():
    stream = io.StringIO()
    Telling(stream).output("short\n    " + "word " * 40)
    lines = told(stream)
    assert lines[0] == "short"
    assert all(len(line) <= 100 for line in lines)
    assert lines[1].startswith("    word")
    assert lines[2].startswith("      word")


def test_cells_of_the_table_wrap_and_numbers_stand_to_the_right():
    stream = io.StringIO()
    Telling(stream).table(("act", "seen", "s"), (5, 10, 5), [("Act 1", "one two three four", "8.1")])
    assert told(stream) == ["act    seen            s", "Act 1  one two       8.1", "       three four"]


@pytest.mark.parametrize(("columns", "width"), [("60", 80), ("92", 92), ("200", 100)])
def test_the_story_is_as_wide_as_the_terminal_within_reason(monkeypatch: pytest.MonkeyPatch, columns: str, width: int):
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    telling = Telling(stream)
    telling.act("Seen", "6 of 6")
    assert telling.width == width
    assert "─" * width in stream.getvalue()
    assert "─" * (width + 1) not in stream.getvalue()
