"""A PostgreSQL of the tests' own, from Debian's binaries: reached by a Unix socket, gone with the session.

Fixtures for any conftest.py: `from tests.postgres import postgres_server, postgres_url`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A private cluster: its folder holds the data, the socket and the log."""

    folder: Path
    programs: Path
    account: list[str]
    """What runs a program as an account that PostgreSQL accepts; it refuses root."""

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"ledger_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs on this cluster. Its output goes nowhere: a server would hold a pipe open."""
        command = [*self.account, self.programs / program, "-D", self.folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-o", options, "-l", self.folder / "log", "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-m", "immediate", "-w", "stop")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL; the test skips where it is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not programs:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="plimsoll-pg-", dir="/tmp"))  # a socket's path must be short
    account: list[str] = []
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    server = PostgresServer(folder=folder, programs=programs[-1].parent, account=account)
    try:
        # A locale that sorts otherwise than SQLite does, as a team's server may have.
        other = ("--locale-provider=icu", "--icu-locale=en") if int(server.programs.parts[-2]) >= 15 else ()
        locale = ("-E", "UTF8", "--locale=C", *other)
        server.run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", *locale)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a new, empty database."""
    return postgres_server.new_database()
