"""What the ledger names counts wherever it stands, but in the tables that are history or made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.kernel.clock import SystemClock
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.migrate import migrate
from plimsoll.storage import store

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = connect(f"sqlite:///{tmp_path}/ledger.sqlite")
    migrate(database, clock=SystemClock())
    return database


def test_every_table_is_known_so_that_a_new_one_counts(database: Database):
    with database.read() as transaction:
        there = {row["name"] for row in transaction.all("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert store.tables() == there - {"schema_history"}
    assert {*store.OF_RUNS, *store.CACHES, *store.HISTORY, store.VERSIONS} <= there


def test_a_digest_anywhere_in_a_table_that_nobody_listed_counts(database: Database):
    with database.write() as transaction:
        transaction.execute(
            "INSERT INTO effects (project, environment, revision, wanted, because, created_at, performed_at)"
            " VALUES ('p', 'e', 1, :wanted, '', '', '')",
            wanted=f'{{"release": {{"bundle": "/bundles/{DIGEST}"}}}}',
        )
        transaction.execute(
            "INSERT INTO audit_events (number, at, actor, action, subject, detail, previous, hash)"
            " VALUES (1, '', '', '', '', '', :previous, :hash)",
            previous="f" * 64,
            hash="e" * 64,
        )

    with database.read() as transaction:
        assert store.digests_elsewhere(transaction) == {DIGEST}


def test_only_whole_digests_are_taken_for_one():
    row = {"a": DIGEST, "b": f"x{DIGEST[1:]}", "c": DIGEST + "0", "d": 7, "e": f'["{DIGEST[::-1]}"]', "f": None}

    assert store.digests_in(row) == {DIGEST, DIGEST[::-1]}
