"""The command's start and end: nothing is printed that nobody asked for, whatever was imported meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("used", ["", "import duckdb; duckdb.connect().execute('SELECT 1').fetchall();"])
def test_the_end_of_a_command_is_silent(used):
    code = (
        "import sys; from plimsoll.cli import main as cli; from plimsoll.cli.start import main\n"
        f"def work(*_): {used} sys.exit(3)\n"
        "cli.main = work\n"
        "main()"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "")
