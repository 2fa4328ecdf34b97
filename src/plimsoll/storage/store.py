"""What the ledger names: the digests in the rows of every table, but those of runs whose bytes need not be kept.

No table is asked for its columns of digests: whatever looks like one counts, so that a kind of reference that is added
later is kept from the day on which it is added. The tables that do not count are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from plimsoll.ledger.engine import Row, Transaction
from plimsoll.ledger.migrate import migrations
from plimsoll.storage.entities import RunFacts

OF_RUNS = {
    "runs": "id",
    "run_steps": "run_id",
    "run_logged_files": "run_id",
    "run_logged_params": "run_id",
    "verdicts": "run_id",
}
"""Tables whose rows belong to a run -> the column that says to which."""
CACHES = {"step_cache", "gate_scores", "data_checks"}
"""What is made anew when its bytes are gone."""
HISTORY = {"audit_events", "audit_tail", "run_points"}
"""What happened, and numbers: nobody reads bytes by them."""
VERSIONS = "data_versions"

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_CREATED = re.compile(r"CREATE TABLE (\w+)")


def runs(transaction: Transaction) -> list[RunFacts]:
    """Every run of the ledger."""
    rows = transaction.all("SELECT id, project, state, started_at FROM runs")
    return [
        RunFacts(id=row["id"], project=row["project"], running=row["state"] == "running", started_at=row["started_at"])
        for row in rows
    ]


def releases(transaction: Transaction) -> list[Row]:
    """Of every release: run_id, project, number, tree, lock_digest."""
    return transaction.all("SELECT run_id, project, number, tree, lock_digest FROM releases")


def versions(transaction: Transaction) -> list[Row]:
    """Every data version, the latest of each dataset first."""
    return transaction.all(f"SELECT * FROM {VERSIONS} ORDER BY project, dataset, recorded_at DESC")


def digests_of_runs(transaction: Transaction, counts: Callable[[str], bool]) -> set[str]:
    """What the rows of some runs name."""
    found: set[str] = set()
    for table, column in OF_RUNS.items():
        for row in transaction.all(f"SELECT * FROM {table}"):
            if counts(row[column]):
                found |= digests_in(row)
    return found


def scores(transaction: Transaction) -> list[Row]:
    """Kept scores: scorer, holdout, artifact."""
    return transaction.all("SELECT scorer, holdout, artifact FROM gate_scores")


def digests_elsewhere(transaction: Transaction) -> set[str]:
    """What the rows of all other tables name."""
    found: set[str] = set()
    for table in tables() - {*OF_RUNS, *CACHES, *HISTORY, VERSIONS}:
        for row in transaction.all(f"SELECT * FROM {table}"):
            found |= digests_in(row)
    return found


def digests_in(row: Row) -> set[str]:
    """Every SHA-256 in a row's texts."""
    return set(_found(row))


@cache
def tables() -> frozenset[str]:
    """Every table that a migration ever made."""
    return frozenset(name for _, _, sql in migrations() for name in _CREATED.findall(sql))


def _found(row: Row) -> Iterator[str]:
    for value in row.values():
        if isinstance(value, str) and len(value) >= 64:
            yield from _DIGEST.findall(value)
