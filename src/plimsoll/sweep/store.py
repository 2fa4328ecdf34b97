"""Rows of sweeps and of their trials, and the entities they hold."""

from __future__ import annotations

import json
from dataclasses import asdict

from plimsoll.ledger.engine import Row, Transaction
from plimsoll.sweep.entities import Ground, Plan, Sweep, SweepState, Trial, TrialState


def insert(transaction: Transaction, sweep: Sweep, *, process: str) -> None:
    """Save a sweep that begins. process: the identity of whoever carries it out."""
    transaction.execute(
        """
        INSERT INTO sweeps (id, project, state, created_by, started_at, ended_at, plan, ground, error, process,
                            cancelled_by)
        VALUES (:id, :project, :state, :created_by, :started_at, NULL, :plan, :ground, '', :process, '')
        """,
        id=sweep.id,
        project=sweep.project,
        state=str(sweep.state),
        created_by=sweep.created_by,
        started_at=sweep.started_at,
        plan=json.dumps(asdict(sweep.plan)),
        ground=json.dumps(asdict(sweep.ground)),
        process=process,
    )


def take(transaction: Transaction, *, sweep: str, process: str, before: str, state: SweepState) -> bool:
    """Carry a sweep on, as it was seen; False when somebody else took it since."""
    touched = transaction.execute(
        """
        UPDATE sweeps SET state = 'running', process = :process, ended_at = NULL, error = '', cancelled_by = ''
        WHERE id = :sweep AND process = :before AND state = :state
        """,
        sweep=sweep,
        process=process,
        before=before,
        state=str(state),
    )
    return touched == 1


def end(transaction: Transaction, *, sweep: str, process: str, state: SweepState, ended_at: str, error: str) -> bool:
    """Close a sweep that this process carries out; False when it does not any more."""
    touched = transaction.execute(
        """
        UPDATE sweeps SET state = :state, ended_at = :ended_at, error = :error
        WHERE id = :sweep AND process = :process AND state = 'running'
        """,
        sweep=sweep,
        process=process,
        state=str(state),
        ended_at=ended_at,
        error=error,
    )
    return touched == 1


def ask_to_cancel(transaction: Transaction, *, sweep: str, by: str) -> bool:
    """Note that somebody wants a sweep to end; False when it has, or somebody did already."""
    touched = transaction.execute(
        "UPDATE sweeps SET cancelled_by = :by WHERE id = :sweep AND state = 'running' AND cancelled_by = ''",
        sweep=sweep,
        by=by,
    )
    return touched == 1


def cancelled_by(transaction: Transaction, *, sweep: str) -> str:
    """Who wants a sweep to end; empty for nobody."""
    row = transaction.one("SELECT cancelled_by FROM sweeps WHERE id = :sweep", sweep=sweep)
    return str(row["cancelled_by"]) if row else ""


def write_trial(transaction: Transaction, *, sweep: str, trial: Trial) -> None:
    """Save a trial, in place of what was known of it."""
    transaction.execute(
        """
        INSERT INTO sweep_trials (sweep_id, number, state, params, run_id, value, seconds, error)
        VALUES (:sweep, :number, :state, :params, :run, :value, :seconds, :error)
        ON CONFLICT (sweep_id, number) DO UPDATE SET state = excluded.state, params = excluded.params,
            run_id = excluded.run_id, value = excluded.value, seconds = excluded.seconds, error = excluded.error
        """,
        sweep=sweep,
        number=trial.number,
        state=str(trial.state),
        params=json.dumps(dict(trial.params)),
        run=trial.run,
        value=trial.value,
        seconds=trial.seconds,
        error=trial.error,
    )


def find(transaction: Transaction, *, project: str, sweep: str) -> tuple[Sweep, str] | None:
    """The sweep of that id, or as `latest` the one that began last, with the process that carries it out."""
    row = transaction.one(
        """
        SELECT * FROM sweeps WHERE project = :project AND (:sweep = 'latest' OR id = :sweep) ORDER BY id DESC LIMIT 1
        """,
        project=project,
        sweep=sweep,
    )
    return None if row is None else (_sweep(transaction, row), row["process"])


def newest(transaction: Transaction, *, project: str, limit: int) -> list[tuple[Sweep, str]]:
    """The project's sweeps with the processes that carry them out, latest first."""
    rows = transaction.all(
        "SELECT * FROM sweeps WHERE project = :project ORDER BY id DESC LIMIT :limit", project=project, limit=limit
    )
    return [(_sweep(transaction, row), row["process"]) for row in rows]


def _sweep(transaction: Transaction, row: Row) -> Sweep:
    trials = transaction.all("SELECT * FROM sweep_trials WHERE sweep_id = :sweep ORDER BY number", sweep=row["id"])
    return Sweep(
        id=row["id"],
        project=row["project"],
        state=SweepState(row["state"]),
        created_by=row["created_by"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        plan=Plan(**json.loads(row["plan"])),
        ground=Ground(**json.loads(row["ground"])),
        trials=tuple(_trial(trial) for trial in trials),
        error=row["error"],
    )


def _trial(row: Row) -> Trial:
    return Trial(
        number=row["number"],
        params=json.loads(row["params"]),
        run=row["run_id"],
        state=TrialState(row["state"]),
        value=row["value"],
        seconds=row["seconds"],
        error=row["error"],
    )
