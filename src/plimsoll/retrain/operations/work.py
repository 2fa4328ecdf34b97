"""What the process that carries a retraining out reads and writes. Its writes stand on its having taken it on."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.edge.context import Context
from plimsoll.ledger.engine import Transaction
from plimsoll.pipeline.processes import this_process
from plimsoll.retrain import store
from plimsoll.retrain.entities import Judged, Retraining, Running
from plimsoll.retrain.operations.changes import advance
from plimsoll.retrain.seen import Step


def claim(context: Context, retraining: str, *, attempt: int) -> Retraining | None:
    """Take a retraining on; None when somebody else has, or there is nothing to do any more."""
    with context.database.write() as transaction:
        found = store.find(transaction, project=context.project, retraining=retraining)
        if found is None or not isinstance(found.state, Running | Judged):
            return None
        if found.worker or found.state.attempt != attempt:
            return None
        mine = replace(found, worker=this_process(), version=found.version + 1)
        assert store.save(transaction, mine), "one writer at a time"
        return mine


def report(context: Context, mine: Retraining, step: Step) -> Retraining | None:
    """Write what came of the work; None when it was called off or given to somebody else meanwhile."""
    with context.database.write() as transaction:
        found = _still_mine(context, transaction, mine)
        return advance(context, transaction, found, step) if found else None


def give_back(context: Context, mine: Retraining) -> None:
    """Let somebody else go on: this process ends before its work does."""
    with context.database.write() as transaction:
        found = _still_mine(context, transaction, mine)
        if found is not None:
            assert store.save(transaction, replace(found, worker="", version=found.version + 1)), "one writer at a time"


def _still_mine(context: Context, transaction: Transaction, mine: Retraining) -> Retraining | None:
    found = store.find(transaction, project=context.project, retraining=mine.id)
    return found if found is not None and (found.worker, found.state) == (mine.worker, mine.state) else None
