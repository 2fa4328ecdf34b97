"""A ledger with people in it, on SQLite and on a PostgreSQL of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.workspaces import fresh_workspace, postgres_server, postgres_url  # noqa: F401 - fixtures

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
