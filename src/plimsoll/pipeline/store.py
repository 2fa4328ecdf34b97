"""Rows of runs, of their steps and of the step cache, and the entities they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from plimsoll.ledger.engine import Row, Transaction
from plimsoll.pipeline.entities import Run, RunState, StepOutcome, StepState
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.plan import Earlier


def insert_run(transaction: Transaction, run: Run, *, process: str) -> None:
    """Save a run that begins, without its steps. process: the identity of the engine's process."""
    transaction.execute(
        """
        INSERT INTO runs (id, project, state, created_by, started_at, ended_at, commit_id, commit_author, dirty,
                          code_digest, lock_digest, params, data, scorer, verdict_id, error, process, because, owners,
                          runtime, patch)
        VALUES (:id, :project, :state, :created_by, :started_at, NULL, :commit_id, :commit_author, :dirty,
                :code_digest, :lock_digest, :params, :data, NULL, NULL, '', :process, :because, :owners,
                :runtime, :patch)
        """,
        id=run.id,
        project=run.project,
        state=str(run.state),
        created_by=run.created_by,
        started_at=run.started_at,
        commit_id=run.commit,
        commit_author=run.commit_author,
        dirty=json.dumps(run.dirty),
        code_digest=run.code_digest,
        lock_digest=run.lock_digest,
        params=json.dumps(dict(run.params)),
        data=json.dumps(dict(run.data)),
        process=process,
        because=run.because,
        owners=json.dumps(run.owners),
        runtime=run.runtime,
        patch=run.patch,
    )


def end_run(
    transaction: Transaction, *, run: str, state: RunState, ended_at: str, scorer: str | None, error: str
) -> bool:
    """Close a run that is still open; False when someone else has closed it."""
    touched = transaction.execute(
        """
        UPDATE runs SET state = :state, ended_at = :ended_at, scorer = :scorer, error = :error
        WHERE id = :run AND state = 'running'
        """,
        run=run,
        state=str(state),
        ended_at=ended_at,
        scorer=scorer,
        error=error,
    )
    return touched == 1


def set_verdict(transaction: Transaction, *, run: str, verdict: str) -> bool:
    """Attach a verdict; False when there is no such run."""
    touched = transaction.execute("UPDATE runs SET verdict_id = :verdict WHERE id = :run", run=run, verdict=verdict)
    return touched == 1


def set_runtime(transaction: Transaction, *, run: str, runtime: str) -> None:
    """Note what a run's steps ran on."""
    transaction.execute("UPDATE runs SET runtime = :runtime WHERE id = :run", run=run, runtime=runtime)


def runtime_behind(transaction: Transaction, *, project: str, key: str) -> str:
    """What the run ran on that made the outputs kept under a cache key; empty when that is not known."""
    row = transaction.one(
        """
        SELECT runs.runtime FROM step_cache JOIN runs ON runs.id = step_cache.run_id
        WHERE step_cache.project = :project AND step_cache.cache_key = :cache_key
        """,
        project=project,
        cache_key=key,
    )
    return str(row["runtime"]) if row else ""


def write_step(
    transaction: Transaction, *, run: str, position: int, outcome: StepOutcome, parts: Ingredients | None
) -> None:
    """Save what became of a step. parts: None for a step that was not come to."""
    transaction.execute(
        """
        INSERT INTO run_steps (run_id, position, step, state, cache_key, because, ingredients, outputs, seconds,
                               attempts, error)
        VALUES (:run, :position, :step, :state, :cache_key, :because, :ingredients, :outputs, :seconds,
                :attempts, :error)
        """,
        run=run,
        position=position,
        step=outcome.step,
        state=str(outcome.state),
        cache_key=outcome.key,
        because=outcome.because,
        ingredients=json.dumps(asdict(parts)) if parts is not None else "",
        outputs=json.dumps(dict(outcome.outputs)),
        seconds=outcome.seconds,
        attempts=outcome.attempts,
        error=outcome.error,
    )


def remember(
    transaction: Transaction, *, project: str, key: str, step: str, outputs: Mapping[str, str], run: str
) -> None:
    """Keep a finished step's outputs under its cache key."""
    transaction.execute(
        """
        INSERT INTO step_cache (project, cache_key, step, outputs, run_id)
        VALUES (:project, :cache_key, :step, :outputs, :run)
        ON CONFLICT (project, cache_key) DO UPDATE SET outputs = excluded.outputs, run_id = excluded.run_id
        """,
        project=project,
        cache_key=key,
        step=step,
        outputs=json.dumps(dict(outputs)),
        run=run,
    )


def recall(transaction: Transaction, *, project: str, key: str) -> dict[str, str] | None:
    """The outputs kept under a cache key."""
    row = transaction.one(
        "SELECT outputs FROM step_cache WHERE project = :project AND cache_key = :cache_key",
        project=project,
        cache_key=key,
    )
    return None if row is None else json.loads(row["outputs"])


def earlier_steps(transaction: Transaction, *, project: str) -> dict[str, Earlier]:
    """For each step, what the latest run that came to it knew about it."""
    rows = transaction.all(
        """
        SELECT run_steps.step, run_steps.run_id, run_steps.state, run_steps.ingredients
        FROM run_steps
        JOIN (
            SELECT run_steps.step AS step, MAX(run_steps.run_id) AS run_id
            FROM run_steps JOIN runs ON runs.id = run_steps.run_id
            WHERE runs.project = :project AND run_steps.ingredients <> ''
            GROUP BY run_steps.step
        ) AS latest ON latest.step = run_steps.step AND latest.run_id = run_steps.run_id
        """,
        project=project,
    )
    return {
        row["step"]: Earlier(
            run=row["run_id"], failed=row["state"] == StepState.FAILED, parts=_parts(row["ingredients"])
        )
        for row in rows
    }


def ingredients_of(transaction: Transaction, *, run: str) -> dict[str, Ingredients]:
    """What each step of a run that was come to depends on, in the order of the steps."""
    rows = transaction.all(
        "SELECT step, ingredients FROM run_steps WHERE run_id = :run AND ingredients <> '' ORDER BY position", run=run
    )
    return {row["step"]: _parts(row["ingredients"]) for row in rows}


def ask_to_cancel(transaction: Transaction, *, run: str, by: str) -> bool:
    """Note that somebody wants a run to end; False when it has ended, or somebody did already."""
    touched = transaction.execute(
        "UPDATE runs SET cancelled_by = :by WHERE id = :run AND state = 'running' AND cancelled_by = ''", run=run, by=by
    )
    return touched == 1


def cancelled_by(transaction: Transaction, *, run: str) -> str:
    """Who wants a run to end; empty for nobody."""
    row = transaction.one("SELECT cancelled_by FROM runs WHERE id = :run", run=run)
    return str(row["cancelled_by"]) if row else ""


def open_runs(transaction: Transaction, *, project: str) -> dict[str, str]:
    """Runs that no one has closed -> the identity of the process that carries them."""
    rows = transaction.all(
        "SELECT id, process FROM runs WHERE project = :project AND state = 'running'", project=project
    )
    return {row["id"]: row["process"] for row in rows}


def find_run(transaction: Transaction, *, project: str, run: str) -> Run | None:
    row = transaction.one("SELECT * FROM runs WHERE project = :project AND id = :run", project=project, run=run)
    return None if row is None else _run(transaction, row)


def latest_run(transaction: Transaction, *, project: str, state: RunState | None) -> Run | None:
    """The run that began last, of those in a state when one is given."""
    row = transaction.one(
        """
        SELECT * FROM runs WHERE project = :project AND (:state = '' OR state = :state) ORDER BY id DESC LIMIT 1
        """,
        project=project,
        state=str(state or ""),
    )
    return None if row is None else _run(transaction, row)


def newest_runs(transaction: Transaction, *, project: str, limit: int) -> tuple[Run, ...]:
    """The project's runs, latest first."""
    rows = transaction.all(
        "SELECT * FROM runs WHERE project = :project ORDER BY id DESC LIMIT :limit", project=project, limit=limit
    )
    return tuple(_run(transaction, row) for row in rows)


def data_of_runs(transaction: Transaction, *, project: str) -> dict[str, dict[str, str]]:
    """Run -> dataset -> digest, latest run first."""
    rows = transaction.all("SELECT id, data FROM runs WHERE project = :project ORDER BY id DESC", project=project)
    return {row["id"]: json.loads(row["data"]) for row in rows}


def _run(transaction: Transaction, row: Row) -> Run:
    steps = transaction.all("SELECT * FROM run_steps WHERE run_id = :run ORDER BY position", run=row["id"])
    return Run(
        id=row["id"],
        project=row["project"],
        state=RunState(row["state"]),
        created_by=row["created_by"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        commit=row["commit_id"],
        commit_author=row["commit_author"],
        dirty=tuple(json.loads(row["dirty"])),
        code_digest=row["code_digest"],
        lock_digest=row["lock_digest"],
        params=json.loads(row["params"]),
        data=json.loads(row["data"]),
        steps=tuple(_outcome(step) for step in steps),
        scorer=row["scorer"],
        verdict=row["verdict_id"],
        error=row["error"],
        because=row["because"],
        owners=tuple(json.loads(row["owners"])),
        runtime=row["runtime"],
        patch=row["patch"],
    )


def _outcome(row: Row) -> StepOutcome:
    return StepOutcome(
        step=row["step"],
        state=StepState(row["state"]),
        key=row["cache_key"],
        because=row["because"],
        outputs=json.loads(row["outputs"]),
        seconds=row["seconds"],
        attempts=row["attempts"],
        error=row["error"],
    )


def _parts(text: str) -> Ingredients:
    fields = json.loads(text)
    return Ingredients(**{**fields, "outputs": tuple(fields["outputs"])})
