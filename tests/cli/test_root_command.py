"""The root command: its version, and help whose one-line descriptions are whole on a narrow terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from plimsoll import __version__
from plimsoll.cli.main import COMMANDS, main, make_app


def test_version_needs_no_command():
    result = CliRunner().invoke(make_app(), ["--version"])

    assert (result.exit_code, result.output) == (0, f"plimsoll {__version__}\n")


@pytest.mark.parametrize("module", COMMANDS)
def test_the_table_names_the_commands_that_each_area_adds(module):
    app = typer.Typer()
    import_module(module).register(app)

    named = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert (*named, *(group.name for group in app.registered_groups)) == COMMANDS[module]


def test_a_command_imports_no_other_areas_commands():
    code = "from plimsoll.cli.main import make_app; make_app(['run']); import sys; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in loaded if name.endswith(".commands")] == ["plimsoll.release.commands"]


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
