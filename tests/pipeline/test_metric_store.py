"""What was logged comes back from the ledger as it was, on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.postgres import postgres_server, postgres_url  # noqa: F401 - fixtures

from plimsoll.kernel.clock import SystemClock
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.migrate import migrate
from plimsoll.pipeline import metric_store
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.pipeline.logbook import Logged, LoggedFile
from plimsoll.pipeline.points import Points
from plimsoll.pipeline.store import insert_run

AT = "2026-11-20T19:33:00.000000Z"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A ledger that knows one run."""
    local = f"sqlite:///{tmp_path}/ledger.sqlite"
    database = connect(local if request.param == "sqlite" else str(request.getfixturevalue("postgres_url")))
    migrate(database, clock=SystemClock())
    with database.write() as transaction:
        run = Run(id="run-1", project="p", state=RunState.DONE, created_by="ada", started_at=AT)
        insert_run(transaction, run, process="")
    yield database
    database.close()


def points_from(begin: int, end: int) -> Points:
    points = Points()
    for step in range(begin, end):
        points.add(step, math.nan if step == 7 else step / 3, 1e9 + step)
    return points


def test_points_come_back_whole_whatever_the_batches(database: Database):
    ends = [0, 1, 8, 999, 1000, 1500, 25_000, 25_001]
    for begin, end in pairwise(ends):
        with database.write() as transaction:
            logged = Logged(points={"loss": points_from(begin, end), "other": points_from(0, 1)})
            metric_store.append(transaction, run="run-1", source="train", logged=logged)
    with database.read() as transaction:
        found = metric_store.points_of(transaction, run="run-1")
        only = metric_store.points_of(transaction, run="run-1", metric="other")
    whole, loss = points_from(0, 25_001), found["train", "loss"]
    assert (loss.steps, loss.values.tobytes(), loss.times) == (whole.steps, whole.values.tobytes(), whole.times)
    assert {key: len(points) for key, points in only.items()} == {("train", "other"): 7}


def test_of_parameters_and_files_of_one_name_the_last_counts(database: Database):
    for value in ({"a": [1]}, "two"):
        file = LoggedFile(name="w.txt", digest=f"{len(value)}" * 64, bytes=2**20)
        with database.write() as transaction:
            assert metric_store.has_logged(transaction, run="run-1", source="@ada") == (value == "two")
            logged = Logged(params={"note": value}, files=(file,))
            metric_store.append(transaction, run="run-1", source="@ada", logged=logged)
    with database.read() as transaction:
        assert metric_store.params_of(transaction, run="run-1") == {("@ada", "note"): "two"}
        assert metric_store.files_of(transaction, run="run-1") == {("@ada", "w.txt"): file}
