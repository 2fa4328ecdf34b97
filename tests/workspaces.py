"""A workspace in a new folder, its ledger on SQLite and (marked `system`) on a PostgreSQL of the tests' own.

Fixtures for any conftest.py: `from tests.workspaces import fresh_workspace, postgres_server, postgres_url`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.postgres import postgres_server, postgres_url

from plimsoll.kernel.workspace import Workspace

__all__ = ["fresh_workspace", "postgres_server", "postgres_url"]


@pytest.fixture(name="workspace", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def fresh_workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    state = tmp_path / ".plimsoll"
    sqlite = f"sqlite:///{state}/ledger.sqlite"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Workspace(root=tmp_path, state=state, ledger_url=url)
