"""What a command shows: stdout for the result, stderr for the rest, and the promised exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from plimsoll.edge import output
from plimsoll.edge.context import Progress
from plimsoll.edge.output import ProgressLines, finish, paint, run, say, show_table
from plimsoll.kernel.errors import EXIT_CODES, Kind, PlimsollError

CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


class Sunk(PlimsollError):
    code = "test.sunk"
    kind = Kind.UNAVAILABLE
    text = "{ship} is at the bottom."
    hint = "Dive for {ship}."


class Terminal(io.StringIO):
    """A stream that is looked at by a person."""

    def isatty(self) -> bool:
        return True


def command(answer: Any, *, as_json: bool, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command whose operation answers so; an exception is raised instead."""

    def ask(name: str, progress: Any, **payload: Any) -> Any:
        progress(Progress(task=name, message="under way", done=1, total=2))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(output, "ask", ask)
    try:
        run("ship.sail", as_json=as_json, show=lambda result: say(f"sailed: {result['finding']}"), code=_code)
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _code(result: dict[str, Any]) -> int:
    return CODES[result["finding"]]


@pytest.mark.parametrize("finding", CODES)
def test_the_result_goes_to_stdout_progress_to_stderr(
    finding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command({"finding": finding}, as_json=False, monkeypatch=monkeypatch) == CODES[finding]
    shown = capsys.readouterr()
    assert shown.out == f"sailed: {finding}\n"
    assert shown.err == "[1/2] ship.sail: under way\n"


@pytest.mark.parametrize("finding", CODES)
def test_with_json_stdout_is_one_document(
    finding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command({"finding": finding, "é": 1}, as_json=True, monkeypatch=monkeypatch) == CODES[finding]
    assert json.loads(capsys.readouterr().out) == {"finding": finding, "é": 1}


@pytest.mark.parametrize("kind", list(Kind))
def test_an_error_ends_with_the_code_of_its_kind(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = type("Sunk", (Sunk,), {"kind": kind})(ship="Calypso")
    assert command(error, as_json=False, monkeypatch=monkeypatch) == EXIT_CODES[kind]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("error test.sunk: Calypso is at the bottom.\n  Dive for Calypso.\n")


def test_an_error_is_the_one_document_with_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(Sunk(ship="Calypso"), as_json=True, monkeypatch=monkeypatch) == 5
    assert json.loads(capsys.readouterr().out)["error"] == Sunk(ship="Calypso").as_dict()


def test_our_own_fault_is_a_document_too_and_goes_on_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        command(ZeroDivisionError("by zero"), as_json=True, monkeypatch=monkeypatch)
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["code"] == "internal.error"
    assert document["error"]["text"] == "by zero"


def test_an_interrupt_ends_with_130_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(KeyboardInterrupt(), as_json=False, monkeypatch=monkeypatch) == 130
    assert capsys.readouterr().err.endswith("interrupted; what was finished is kept\n")


def test_the_whole_command_line_ends_with_70_when_it_is_our_fault() -> None:
    code = """
import sys
from plimsoll.cli import main
main.COMMANDS = ()
main.make_app = lambda *_: (lambda **_: 1 / 0)
main.main()
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 70
    assert process.stdout == ""
    assert process.stderr.endswith(
        "error internal.error: division by zero\n  This is a fault of Plimsoll, not yours.\n"
    )


def test_a_table_is_as_wide_as_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("Calypso", 12, "1,200", "90%", None), ("Ada", 3.5, "7", "5%", "x")]
    show_table(("ship", "crew", "tonnes", "full", "note"), rows)
    assert capsys.readouterr().out == (
        "ship     crew  tonnes  full  note\n"
        "Calypso    12   1,200   90%\n"
        "Ada       3.5       7    5%  x\n"
    )  # fmt: skip


def test_a_table_without_rows_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("ship", "crew"), iter(()))
    assert capsys.readouterr().out == "ship  crew\n"


def test_colours_take_no_room_and_appear_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("x", "red") == "x"
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert paint("x", "red", on=io.StringIO()) == "x"
    show_table(("state", "n"), [(paint("live", "green"), paint("10", "red")), ("stopped", 7)])
    lines = screen.getvalue().splitlines()
    assert [output._COLOUR.sub("", line) for line in lines] == ["state     n", "live     10", "stopped   7"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "red") == "x"


def test_progress_is_redrawn_in_place_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(output, "_columns", lambda: 40)
    with ProgressLines() as progress:
        progress(Progress(task="data", message="hashing", done=1, total=2))
        progress(Progress(task="data", message="x" * 100))
    shown = screen.getvalue()
    assert shown.startswith("[##########..........] data: hashing\r")
    assert "\n" not in shown
    assert max(len(part) for part in shown.split("\r")) == 39
    assert shown.endswith("\r" + " " * 39 + "\r"), "nothing is left on the screen"


def test_finish_returns_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    finish([], as_json=True, show=print)
    assert capsys.readouterr().out == "[]\n"
