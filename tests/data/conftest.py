"""A project folder with a ledger of its own, in which data files are written and datasets resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clouds import azurite, fake_gcs, moto
from tests.postgres import postgres_server, postgres_url

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.engine import engine
from plimsoll.data.entities import DataVersion
from plimsoll.data.frames import read_frame
from plimsoll.data.operations import resolve
from plimsoll.edge.context import Caller, Context, Grant, Progress, Role
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.migrate import migrate
from plimsoll.project.entities import Column, Dataset, Project

__all__ = ["azurite", "fake_gcs", "moto", "postgres_server", "postgres_url"]

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Desk:
    """A project under test: writes its files, resolves its datasets, counts what happened."""

    root: Path
    workspace: Workspace
    database: Database
    clock: ManualClock
    seen: list[Progress] = field(default_factory=list)

    @property
    def context(self) -> Context:
        return Context(
            caller=Caller(name="ada", grants=(Grant(role=Role.ADMIN),)),
            clock=self.clock,
            database=self.database,
            artifacts=FolderStore(self.workspace.artifacts),
            workspace=self.workspace,
            project="fraud",
            plugin=lambda group, name: None,
            progress=self.seen.append,
            machine=self.clock,
        )

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_parquet(self, name: str, select: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with engine() as connection:
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return path

    def resolve_all(
        self, data: Mapping[str, Dataset], *, root: Path | None = None, rehash: bool = False
    ) -> dict[str, DataVersion]:
        project = Project(project="fraud", code="steps.py", data=data)
        return resolve(self.context, project, root=root or self.root, rehash=rehash)

    def resolve(
        self,
        path: str | None = None,
        columns: Mapping[str, Column] | None = None,
        *,
        rehash: bool = False,
        **options: Any,
    ) -> DataVersion:
        """The version of one dataset named `sales`."""
        dataset = Dataset(path=path, columns=columns or {}, **options)
        return self.resolve_all({"sales": dataset}, rehash=rehash)["sales"]

    def frame(self, version: DataVersion) -> pd.DataFrame:
        return read_frame(version, FolderStore(self.workspace.artifacts))

    def count(self, table: str) -> int:
        with self.database.read() as transaction:
            row = transaction.one(f"SELECT count(*) AS n FROM {table}")
        return int(row["n"]) if row else 0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "project"
    root.mkdir()
    state = root / ".plimsoll"
    workspace = Workspace(root=root, state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")
    clock = ManualClock(datetime(2126, 11, 2, 9, 0, tzinfo=UTC))  # files written today were not changed just now
    database = connect(workspace.ledger_url)
    migrate(database, clock=clock)
    yield Desk(root=root, workspace=workspace, database=database, clock=clock)
    database.close()
