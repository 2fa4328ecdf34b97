"""A controlled project, on SQLite and (marked `system`) on a PostgreSQL of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rollout.controlled import PROJECT, START, Controlled
from tests.workspaces import fresh_workspace, postgres_server, postgres_url  # noqa: F401 - fixtures

from plimsoll.governance.operations import local_caller
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import connect
from plimsoll.ledger.migrate import migrate
from plimsoll.server.wiring import load_operations


@pytest.fixture
def world(workspace: Workspace) -> Iterator[Controlled]:
    """The project at its beginning: nothing is deployed. At the end its audit chain is verified."""
    load_operations()
    workspace.project_file.write_text(PROJECT)
    (workspace.root / "steps.py").write_text("")
    database = connect(workspace.ledger_url)
    clock = ManualClock(START)
    migrate(database, clock=clock)
    world = Controlled(
        workspace=workspace, database=database, clock=clock, admin=local_caller(database, workspace, clock)
    )
    yield world
    world.check()
    database.close()
