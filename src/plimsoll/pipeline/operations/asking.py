"""Runs that are there: which, what they used and printed; their verdict, and their end when somebody wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from plimsoll.edge.context import Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.pipeline import store
from plimsoll.pipeline.entities import LogPiece, Run, RunState
from plimsoll.pipeline.errors import RunEnded, RunMissing, StepMissing
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.logs import read_pieces
from plimsoll.pipeline.operations.journal import log_of

LOG_END = 8_000
"""Bytes of a log that are shown."""


def get_run(context: Context, run: str) -> Run:
    """The run of that id. Raises RunMissing."""
    with context.database.read() as transaction:
        found = store.find_run(transaction, project=context.project, run=run)
    if found is None:
        raise RunMissing(run=run, project=context.project)
    return found


def latest_run(context: Context, *, project: str, state: RunState | None = None) -> Run | None:
    """The run that began last, of those in a state when one is given."""
    with context.database.read() as transaction:
        return store.latest_run(transaction, project=project, state=state)


def list_runs(context: Context, *, project: str, limit: int = 20) -> tuple[Run, ...]:
    """The project's runs, latest first."""
    with context.database.read() as transaction:
        return store.newest_runs(transaction, project=project, limit=limit)


def data_of_runs(context: Context) -> dict[str, dict[str, str]]:
    """Run -> the data version of each dataset that it used, for every run of the project, latest first."""
    with context.database.read() as transaction:
        return store.data_of_runs(transaction, project=context.project)


def ingredients_of(context: Context, run: Run) -> dict[str, Ingredients]:
    """What each of a run's steps depends on, in the order of the steps; without those that were not come to."""
    with context.database.read() as transaction:
        return store.ingredients_of(transaction, run=run.id)


def log_end(context: Context, run: Run, step: str, *, most: int = LOG_END) -> tuple[str, bool]:
    """The last bytes of what a step printed as whole lines, and whether more stands before them.

    Nothing where it printed nothing, is none of the run's steps, or ran on another machine.
    """
    if step not in {outcome.step for outcome in run.steps}:
        return "", False
    try:
        with log_of(context, run, step).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most, 0))
            text = file.read(most).decode(errors="replace")
    except OSError:
        return "", False
    return (text.partition("\n")[2], True) if size > most else (text, False)


def log_pieces(context: Context, run: Run, *, step: str, seen: Mapping[str, int]) -> tuple[LogPiece, ...]:
    """What the steps printed behind what was seen, in the order of the steps; every step's when none is named.

    Only whole lines as long as the run goes on. Nothing where the steps ran on another machine. Raises StepMissing
    for a step that an ended run does not have.
    """
    going = run.state is RunState.RUNNING
    names = [outcome.step for outcome in run.steps]
    if step and not going and step not in names:
        raise StepMissing(step=step, run=run.id, steps=", ".join(names) or "none")
    pieces = read_pieces(context.workspace.logs / run.id, steps=names, seen=seen, whole_lines=going)
    return tuple(piece for piece in pieces if step in ("", piece.step))


def attach_verdict(context: Context, run: str, verdict: str) -> Run:
    """Note which verdict was reached about a run; the verdict's own event is the gates'. Raises RunMissing."""
    with context.database.write() as transaction:
        if not store.set_verdict(transaction, run=run, verdict=verdict):
            raise RunMissing(run=run, project=context.project)
    return get_run(context, run)


def cancel_run(context: Context, run: str) -> Run:
    """Ask for the end of a run that is under way; whoever carries it out ends it within a second. Raises RunEnded."""
    found = get_run(context, run)
    with context.database.write() as transaction:
        if store.ask_to_cancel(transaction, run=run, by=context.caller.name):
            record(context, transaction, action=Action.RUN_CANCELLED, subject=run, detail={})
        elif found.state is not RunState.RUNNING:
            raise RunEnded(run=run, state=str(found.state))
    return get_run(context, run)
