"""What fires by itself: a reason is recorded once while it holds, and noted when it does not hold any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from plimsoll.edge.context import Context
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease
from plimsoll.retrain import store
from plimsoll.retrain.entities import Firing, Mark, Retraining, Watch
from plimsoll.retrain.operations.changes import request

RUNS_REMEMBERED = 20
"""New data that one of so many latest runs was made from is no longer new."""


def mark_of(context: Context, watch: Watch) -> Mark | None:
    """How far a watch has looked; None before its first look."""
    with context.database.read() as transaction:
        return store.mark(transaction, project=context.project, watch=watch.name)


def runs_begun(context: Context, *, environment: str, ref: str) -> dict[str, str]:
    """The latest runs of retrainings for an environment, newest first -> the release of each, if it became one."""
    with context.database.read() as transaction:
        return store.latest_runs(
            transaction, project=context.project, environment=environment, ref=ref, most=RUNS_REMEMBERED
        )


def unfired(context: Context, firings: Sequence[Firing]) -> tuple[Firing, ...]:
    """Those for which their trigger has not fired before, unless that reason ceased to hold."""
    if not firings:
        return ()
    with context.database.read() as transaction:
        return tuple(firing for firing in firings if not store.has_fired(transaction, firing, project=context.project))


def record_firings(
    context: Context, lease: Lease, watch: Watch, firings: Sequence[Firing], *, mark: Mark | None = None
) -> None:
    """Let reasons become part of a request, all in one; what fired before is left out. mark: written with them.

    Raises LeaseLost.
    """
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        fresh = {
            firing.key: firing
            for firing in firings
            if not store.has_fired(transaction, firing, project=context.project)
        }
        if fresh:
            request(context, transaction, tuple(fresh.values()), environment=watch.environment, ref=watch.ref)
        if mark is not None:
            store.save_mark(transaction, mark, project=context.project, watch=watch.name)


def note_look(context: Context, lease: Lease, watch: Watch, mark: Mark) -> None:
    """Write how far a watch has looked, and what kept it from looking further. Raises LeaseLost."""
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        store.save_mark(transaction, mark, project=context.project, watch=watch.name)


def note_reasons(context: Context, lease: Lease, retraining: Retraining, notes: Mapping[str, str]) -> Retraining:
    """Write why reasons of a waiting request do not hold any more. notes: by the firing's id. Raises LeaseLost."""
    if not notes:
        return retraining
    noted = tuple(
        replace(firing, note=notes[firing.id]) if firing.id in notes else firing for firing in retraining.firings
    )
    sentence = f"{_capital(next(iter(notes.values())))}{f', and {len(notes) - 1:,} more' if len(notes) > 1 else ''}."
    changed = replace(retraining, firings=noted, sentence=sentence, version=retraining.version + 1)
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        if not store.save(transaction, changed):
            return retraining  # somebody has just changed it: it is looked at again
        for firing in noted:
            if firing.id in notes:
                store.note_firing(transaction, firing)
        store.add_turn(transaction, changed, at=to_text(context.clock.now()))
    return changed


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
