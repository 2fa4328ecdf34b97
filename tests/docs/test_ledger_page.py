"""The commands of docs/ledger.md, on a SQLite ledger and on a PostgreSQL one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

EXAMPLE = "postgresql://plimsoll@db.example.org/plimsoll"


def test_a_backup_of_a_sqlite_ledger_verifies(tmp_path: Path):
    install, _export, *first, pg_dump, verify = page()
    assert install.startswith("pip install")
    assert pg_dump.startswith("pg_dump")
    perform([*first, verify], folder=tmp_path)


@pytest.mark.system
def test_a_backup_of_a_postgresql_ledger_can_be_restored_and_verifies(
    tmp_path: Path,
    postgres_server: PostgresServer,  # noqa: F811
):
    _install, export, people, mkdir, keys, _sqlite, artifacts, pg_dump, verify = page()
    export = export.replace(EXAMPLE, f"'{postgres_server.new_database()}'")
    other = postgres_server.new_database()
    restore = f"psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 --file backup/ledger.sql '{other}'"
    verify = f"PLIMSOLL_LEDGER='{other}' {verify}"
    perform(
        [export, people, mkdir, keys, pg_dump, artifacts, restore, verify],
        folder=tmp_path,
        programs=postgres_server.programs,
    )


def page() -> list[str]:
    return [text for text, _ in commands(REPOSITORY / "docs" / "ledger.md")]


def perform(lines: list[str], *, folder: Path, programs: Path = Path("/usr/bin")) -> None:
    """Run the lines in one shell, in a new project; each must end well."""
    (folder / "plimsoll.yaml").write_text("project: fraud\ncode: steps.py\n")
    (folder / "steps.py").write_text("def number():\n    return 1\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]])
    script = "\n".join(["set -eu", *lines[:1], "plimsoll run --json >/dev/null", *lines[1:]])
    shell = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shell.returncode == 0, f"{script}\n{shell.stdout}\n{shell.stderr}"
    assert "the record is whole" in shell.stdout
