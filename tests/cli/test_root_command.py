"""The root command: its version, and help whose one-line descriptions are whole on a narrow terminal."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from plimsoll import __version__
from plimsoll.cli.main import main, make_app


def test_version_needs_no_command():
    result = CliRunner().invoke(make_app(), ["--version"])

    assert (result.exit_code, result.output) == (0, f"plimsoll {__version__}\n")


@pytest.mark.parametrize("group", [[], ["people"], ["tokens"], ["audit"], ["data"]])
def test_help_cuts_no_description_short_in_80_columns(group):
    result = CliRunner(env={"COLUMNS": "80"}).invoke(make_app(), [*group, "--help"])

    assert result.exit_code == 0
    assert "..." not in result.output.replace("[ARGS]...", "")


@pytest.mark.parametrize(
    ("arguments", "command", "text"),
    [
        (["trace"], "plimsoll trace", "Missing argument 'SUBJECT'."),
        (["sail"], "plimsoll", "No such command 'sail'."),
        (["run", "--param", "seed"], "plimsoll", "Invalid value for --param: 'seed' is not NAME=VALUE"),
    ],
)
def test_a_line_that_cannot_be_understood_is_told_as_json_when_asked_for(arguments, command, text, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["plimsoll", *arguments, "--json"])
    with pytest.raises(SystemExit) as left:
        main()

    error = json.loads(capsys.readouterr().out)["error"]
    assert (left.value.code, error["code"], error["text"]) == (2, "cli.bad_usage", text)
    assert f"`{command}" in error["hint"]


def test_a_line_that_cannot_be_understood_shows_the_usage_to_people(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["plimsoll", "trace"])
    with pytest.raises(SystemExit) as left:
        main()

    shown = capsys.readouterr()
    assert (left.value.code, shown.out) == (2, "")
    assert shown.err.startswith("Usage: plimsoll trace")
