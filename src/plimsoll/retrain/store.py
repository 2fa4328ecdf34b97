"""Rows of retrainings, of what fired, of their record, and of how far each watch has looked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.documents import from_document, to_document
from plimsoll.ledger.engine import Row, Transaction
from plimsoll.retrain.entities import Firing, Mark, Retraining, State, Trigger, Turn

_COLUMNS = (
    "id", "project", "environment", "ref", "stands", "state", "sentence", "owners", "run", "release", "worker",
    "version", "created_at", "began_at", "run_ended_at", "ended_at",
)  # fmt: skip
_KEPT = {"id", "project", "environment", "ref", "created_at"}


def insert(transaction: Transaction, retraining: Retraining) -> None:
    """Save a new one; the database refuses a second that waits for the same code in the same environment."""
    names = ", ".join(_COLUMNS)
    values = ", ".join(f":{name}" for name in _COLUMNS)
    transaction.execute(f"INSERT INTO retrainings ({names}) VALUES ({values})", **_values(retraining))
    add_firings(transaction, retraining, retraining.firings, after=0)
    add_turn(transaction, retraining, at=retraining.created_at)


def save(transaction: Transaction, retraining: Retraining) -> bool:
    """Write how it stands; False when somebody wrote it since it was read. Its version is one more than was read."""
    changes = ", ".join(f"{name} = :{name}" for name in _COLUMNS if name not in _KEPT)
    touched = transaction.execute(
        f"UPDATE retrainings SET {changes} WHERE id = :id AND version = :version - 1", **_values(retraining)
    )
    return touched == 1


def add_turn(transaction: Transaction, retraining: Retraining, *, at: str) -> None:
    """Write a line of its record: how it stands from now on."""
    transaction.execute(
        """
        INSERT INTO retraining_turns (retraining, number, at, state, sentence)
        SELECT :retraining, COALESCE(MAX(number), 0) + 1, :at, :state, :sentence
        FROM retraining_turns WHERE retraining = :retraining
        """,
        retraining=retraining.id,
        at=at,
        state=_text(retraining.state),
        sentence=retraining.sentence,
    )


def turns(transaction: Transaction, retraining: str) -> tuple[Turn, ...]:
    """Its record, oldest first."""
    rows = transaction.all(
        "SELECT at, state, sentence FROM retraining_turns WHERE retraining = :retraining ORDER BY number",
        retraining=retraining,
    )
    return tuple(Turn(at=row["at"], state=_state(row["state"]), sentence=row["sentence"]) for row in rows)


def add_firings(transaction: Transaction, retraining: Retraining, firings: Iterable[Firing], *, after: int) -> None:
    """Save reasons. after: how many it has already."""
    for number, firing in enumerate(firings, after + 1):
        transaction.execute(
            """
            INSERT INTO retraining_firings (id, project, retraining, number, fired_by, fired_for, because, evidence,
                                            asked_by, at_once, fired_at, note)
            VALUES (:id, :project, :retraining, :number, :fired_by, :fired_for, :because, :evidence, :asked_by,
                    :at_once, :fired_at, :note)
            """,
            id=firing.id,
            project=retraining.project,
            retraining=retraining.id,
            number=number,
            fired_by=str(firing.trigger),
            fired_for=firing.key,
            because=firing.because,
            evidence=canonical_json(dict(firing.evidence)).decode(),
            asked_by=firing.asked_by,
            at_once=int(firing.at_once),
            fired_at=firing.fired_at,
            note=firing.note,
        )


def note_firing(transaction: Transaction, firing: Firing) -> None:
    """Write down why a reason does not hold any more."""
    transaction.execute("UPDATE retraining_firings SET note = :note WHERE id = :id", id=firing.id, note=firing.note)


def has_fired(transaction: Transaction, firing: Firing, *, project: str) -> bool:
    """Whether its trigger fired for the same before, with a reason that holds still or led to a run."""
    row = transaction.one(
        """
        SELECT id FROM retraining_firings
        WHERE project = :project AND fired_by = :trigger AND fired_for = :key AND note = ''
        """,
        project=project,
        trigger=str(firing.trigger),
        key=firing.key,
    )
    return row is not None


def find(transaction: Transaction, *, project: str, retraining: str) -> Retraining | None:
    row = transaction.one(
        "SELECT * FROM retrainings WHERE project = :project AND id = :id", project=project, id=retraining
    )
    return None if row is None else _retraining(transaction, row)


def waiting(transaction: Transaction, *, project: str, environment: str, ref: str) -> Retraining | None:
    """The one that has not begun yet, which further reasons join."""
    row = transaction.one(
        """
        SELECT * FROM retrainings
        WHERE project = :project AND environment = :environment AND ref = :ref AND stands = 'Waiting'
        """,
        project=project,
        environment=environment,
        ref=ref,
    )
    return None if row is None else _retraining(transaction, row)


def open_ones(transaction: Transaction, *, project: str) -> tuple[Retraining, ...]:
    """Everything that has not ended, oldest first."""
    rows = transaction.all(
        "SELECT * FROM retrainings WHERE project = :project AND ended_at = '' ORDER BY id", project=project
    )
    return tuple(_retraining(transaction, row) for row in rows)


def newest(transaction: Transaction, *, project: str, most: int) -> tuple[Retraining, ...]:
    """The latest, newest first."""
    rows = transaction.all(
        "SELECT * FROM retrainings WHERE project = :project ORDER BY id DESC LIMIT :most", project=project, most=most
    )
    return tuple(_retraining(transaction, row) for row in rows)


def latest_runs(transaction: Transaction, *, project: str, environment: str, ref: str, most: int) -> dict[str, str]:
    """The latest runs that were begun for an environment, newest first -> the release of each, if it became one."""
    rows = transaction.all(
        """
        SELECT run, release FROM retrainings WHERE project = :project AND environment = :environment AND ref = :ref AND run <> ''
        ORDER BY id DESC LIMIT :most
        """,
        project=project,
        environment=environment,
        ref=ref,
        most=most,
    )
    return {row["run"]: row["release"] for row in rows}


def last_run_ended(transaction: Transaction, *, project: str) -> datetime | None:
    """When the latest run of any retraining ended."""
    row = transaction.one("SELECT MAX(run_ended_at) AS last FROM retrainings WHERE project = :project", project=project)
    return from_text(row["last"]) if row and row["last"] else None


def begun_since(transaction: Transaction, *, project: str, since: datetime) -> tuple[datetime, ...]:
    """When runs of retrainings began after a moment."""
    rows = transaction.all(
        "SELECT began_at FROM retrainings WHERE project = :project AND began_at > :since",
        project=project,
        since=to_text(since),
    )
    return tuple(from_text(row["began_at"]) for row in rows)


def newer_release(transaction: Transaction, retraining: Retraining) -> str:
    """A later retraining that has made a release; empty without any."""
    row = transaction.one(
        "SELECT id FROM retrainings WHERE project = :project AND id > :id AND release <> '' ORDER BY id DESC LIMIT 1",
        project=retraining.project,
        id=retraining.id,
    )
    return row["id"] if row else ""


def mark(transaction: Transaction, *, project: str, watch: str) -> Mark | None:
    row = transaction.one(
        "SELECT * FROM retraining_marks WHERE project = :project AND watch = :watch", project=project, watch=watch
    )
    return None if row is None else Mark(seen_until=from_text(row["seen_until"]), note=row["note"])


def save_mark(transaction: Transaction, mark: Mark, *, project: str, watch: str) -> None:
    """Write how far a watch has looked."""
    transaction.execute(
        """
        INSERT INTO retraining_marks (project, watch, seen_until, note) VALUES (:project, :watch, :seen_until, :note)
        ON CONFLICT (project, watch) DO UPDATE SET seen_until = excluded.seen_until, note = excluded.note
        """,
        project=project,
        watch=watch,
        seen_until=to_text(mark.seen_until),
        note=mark.note,
    )


def _values(retraining: Retraining) -> dict[str, Any]:
    special = {
        "stands": type(retraining.state).__name__,
        "state": _text(retraining.state),
        "owners": json.dumps(retraining.owners),
    }
    return {name: special[name] if name in special else getattr(retraining, name) for name in _COLUMNS}


def _text(state: State) -> str:
    return canonical_json(to_document(state)).decode()


def _state(text: str) -> State:
    return from_document(State, json.loads(text))


def _retraining(transaction: Transaction, row: Row) -> Retraining:
    firings = transaction.all(
        "SELECT * FROM retraining_firings WHERE retraining = :retraining ORDER BY number", retraining=row["id"]
    )
    values = {name: row[name] for name in _COLUMNS if name not in ("stands", "state", "owners")}
    return Retraining(
        **values,
        state=_state(row["state"]),
        owners=tuple(json.loads(row["owners"])),
        firings=tuple(_firing(firing) for firing in firings),
    )


def _firing(row: Row) -> Firing:
    return Firing(
        id=row["id"],
        trigger=Trigger(row["fired_by"]),
        key=row["fired_for"],
        because=row["because"],
        evidence=json.loads(row["evidence"]),
        fired_at=row["fired_at"],
        asked_by=row["asked_by"],
        at_once=bool(row["at_once"]),
        note=row["note"],
    )
