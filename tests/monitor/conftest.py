"""A project whose predictions are watched, on SQLite and (marked `system`) on a PostgreSQL of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.workspaces import fresh_workspace, postgres_server, postgres_url  # noqa: F401 - fixtures

from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.context import Caller, Context
from plimsoll.edge.operations import perform
from plimsoll.governance.operations import local_caller
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.migrate import migrate
from plimsoll.server.wiring import load_operations

START = datetime(2026, 3, 2, tzinfo=UTC)
PROJECT = """
project: fraud
code: steps.py
environments: {staging: {}, production: {after: staging}}
"""


@dataclass
class Watched:
    """A workspace, its ledger and its clock."""

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

    def events(self) -> list[str]:
        return [event["action"] for event in self.ask("audit.list", limit=1000)]


@pytest.fixture
def watched(workspace: Workspace) -> Iterator[Watched]:
    load_operations()
    workspace.project_file.write_text(PROJECT)
    (workspace.root / "steps.py").write_text("")
    database = connect(workspace.ledger_url)
    clock = ManualClock(START)
    migrate(database, clock=clock)
    yield Watched(workspace=workspace, database=database, clock=clock, admin=local_caller(database, workspace, clock))
    database.close()
