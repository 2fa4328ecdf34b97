"""A ledger with people in it, on SQLite and on a PostgreSQL of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.context import Caller, Context, Grant, Role
from plimsoll.edge.operations import perform
from plimsoll.governance.operations import authenticate, local_caller, record
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.migrate import migrate


@dataclass
class House:
    """A workspace, its ledger, and the first admin."""

    workspace: Workspace
    database: Database
    clock: ManualClock
    admin: Caller

    def context(self, caller: Caller | None = None) -> Context:
        return Context(
            caller=caller or self.admin,
            clock=self.clock,
            database=self.database,
            artifacts=FolderStore(self.workspace.artifacts),
            workspace=self.workspace,
            project="fraud",
            plugin=lambda group, name: None,
        )

    def ask(self, operation: str, *, caller: Caller | None = None, **payload: Any) -> Any:
        return perform(operation, payload, self.context(caller))

    def add(self, person: str, role: Role | None = None, **payload: Any) -> Caller:
        """Somebody new, as their token authenticates them."""
        token = self.ask("people.add", person=person, role=role, **payload)["token"]
        return authenticate(self.database, token)

    def reload(self, caller: Caller) -> Caller:
        """The caller with the roles held now."""
        people = {person["name"]: person for person in self.ask("people.list")}
        grants = tuple(Grant(**{**grant, "role": Role(grant["role"])}) for grant in people[caller.name]["grants"])
        return Caller(name=caller.name, email=caller.email, grants=grants)

    def events(self, count: int) -> None:
        from plimsoll.governance.entities import Action

        for number in range(count):
            with self.database.write() as transaction:
                record(
                    self.context(),
                    transaction,
                    action=Action.RUN_STARTED,
                    subject=f"run-{number}",
                    detail={"params": {"rate": number / 10}},
                )


@pytest.fixture
def house(workspace: Workspace) -> Iterator[House]:
    database = connect(workspace.ledger_url)
    clock = ManualClock(datetime(2026, 11, 2, 9, 0, tzinfo=UTC))
    migrate(database, clock=clock)
    admin = local_caller(database, workspace, clock)
    yield House(workspace=workspace, database=database, clock=clock, admin=admin)
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    state = tmp_path / ".plimsoll"
    if request.param == "sqlite":
        url = f"sqlite:///{state}/ledger.sqlite"
    else:
        url = request.getfixturevalue("postgres_database")
    return Workspace(root=tmp_path, state=state, ledger_url=url)


@pytest.fixture
def postgres_database(postgres_server: Path) -> str:
    """The URL of a new, empty database."""
    import psycopg

    name = f"ledger_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"postgresql://postgres@/postgres?host={postgres_server}", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://postgres@/{name}?host={postgres_server}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """A PostgreSQL of this session's own, reached by a Unix socket in the folder that it yields."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="plimsoll-pg-", dir="/tmp"))
    prefix: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    data, control = folder / "data", programs[-1].parent / "pg_ctl"

    def run(program: Path, *arguments: str | Path) -> None:
        # No pipe for its output: the server keeps it open, and the wait for its end would never end.
        subprocess.run([*prefix, program, "-D", data, *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run(programs[-1], "-U", "postgres", "-A", "trust", "--no-sync")
    run(control, "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "-l", folder / "log", "-w", "start")
    try:
        yield folder
    finally:
        run(control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
