"""The root command: its version, and help whose one-line descriptions are whole on a narrow terminal."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from plimsoll import __version__
from plimsoll.cli.main import make_app


def test_version_needs_no_command():
    result = CliRunner().invoke(make_app(), ["--version"])

    assert (result.exit_code, result.output) == (0, f"plimsoll {__version__}\n")


@pytest.mark.parametrize("group", [[], ["people"], ["tokens"], ["audit"]])
def test_help_cuts_no_description_short_in_80_columns(group):
    result = CliRunner(env={"COLUMNS": "80"}).invoke(make_app(), [*group, "--help"])

    assert result.exit_code == 0
    assert "..." not in result.output.replace("[ARGS]...", "")
