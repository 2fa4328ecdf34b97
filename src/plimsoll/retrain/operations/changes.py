"""How retrainings begin and change in the ledger: the state, its line of the record and its audit event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plimsoll.edge.context import Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import from_microseconds, to_text
from plimsoll.kernel.ids import millisecond_of, new_id
from plimsoll.ledger.engine import Transaction
from plimsoll.retrain import store
from plimsoll.retrain.entities import (
    ITS_TURN,
    OPEN,
    Cancelled,
    Failed,
    Firing,
    Judged,
    Released,
    Retraining,
    Running,
    State,
    Waiting,
)
from plimsoll.retrain.seen import Step
from plimsoll.retrain.views import standing
from plimsoll.retrain.wording import reasons, requested


def request(
    context: Context, transaction: Transaction, firings: Sequence[Firing], *, environment: str, ref: str
) -> Retraining:
    """Let reasons join the request that has not begun, or make one of them."""
    now = context.clock.now()
    waiting = store.waiting(transaction, project=context.project, environment=environment, ref=ref)
    if waiting is not None:
        joined = replace(
            waiting,
            state=ITS_TURN,
            firings=(*waiting.firings, *firings),
            sentence=requested(firings, joined=True),
            version=waiting.version + 1,
        )
        store.add_firings(transaction, joined, firings, after=len(waiting.firings))
        assert store.save(transaction, joined), "one writer at a time"
        store.add_turn(transaction, joined, at=to_text(now))
    else:
        joined = Retraining(
            id=_new_id(context, transaction),
            project=context.project,
            environment=environment,
            ref=ref,
            state=ITS_TURN,
            sentence=requested(firings, joined=False),
            firings=tuple(firings),
            created_at=to_text(now),
        )
        store.insert(transaction, joined)
    detail = {
        "environment": environment,
        "because": reasons(firings),
        "triggers": sorted({str(firing.trigger) for firing in firings}),
        "reasons": len(firings),
        **({"ref": ref} if ref else {}),
        **({"joined": True} if waiting is not None else {}),
    }
    record(context, transaction, action=Action.RETRAINING_REQUESTED, subject=joined.id, detail=detail)
    return joined


def _new_id(context: Context, transaction: Transaction) -> str:
    """An id that sorts after every earlier one, also when a clock was set back or two come in one millisecond."""
    now = context.clock.now()
    last = next(iter(store.newest(transaction, project=context.project, most=1)), None)
    if last is not None:
        now = max(now, from_microseconds(1000 * (millisecond_of(last.id) + 1)))
    return new_id("retraining", at=now)


def advance(
    context: Context, transaction: Transaction, retraining: Retraining, step: Step, *, owners: tuple[str, ...] = ()
) -> Retraining | None:
    """Write a retraining's next state; None when somebody wrote it since it was read. owners: of a run that begins."""
    now = to_text(context.clock.now())
    before, state = retraining.state, step.state
    ends = not isinstance(state, OPEN)
    begins = isinstance(before, Waiting) and isinstance(state, Running)
    run_ends = isinstance(before, Running) and not isinstance(state, Running)
    keeps_worker = isinstance(state, Running | Judged) and _attempt(state) == _attempt(before)
    changed = replace(
        retraining,
        state=state,
        sentence=step.sentence,
        version=retraining.version + 1,
        owners=owners if begins else retraining.owners,
        run=state.run if isinstance(state, Running | Judged) else retraining.run,
        release=state.release if isinstance(state, Released) else retraining.release,
        worker=retraining.worker if keeps_worker else "",
        began_at=now if begins else retraining.began_at,
        run_ended_at=now if run_ends else retraining.run_ended_at,
        ended_at=now if ends else "",
    )
    if not store.save(transaction, changed):
        return None
    store.add_turn(transaction, changed, at=now)
    if begins or ends or type(before) is not type(state) or _attempt(before) != _attempt(state):
        action = Action.RETRAINING_STARTED if begins else Action.RETRAINING_ENDED if ends else Action.RETRAINING_CHANGED
        record(context, transaction, action=action, subject=changed.id, detail=_detail(changed))
    return changed


def _detail(retraining: Retraining) -> dict[str, Any]:
    state = retraining.state
    detail = {
        "environment": retraining.environment,
        "standing": standing(state),
        "because": retraining.sentence,
        "owners": list(retraining.owners),
        "run": retraining.run,
        "release": retraining.release,
    }
    if isinstance(state, Failed | Cancelled):
        detail["why"] = state.because if isinstance(state, Failed) else state.why
    return {name: value for name, value in detail.items() if value}


def _attempt(state: State) -> int:
    return state.attempt if isinstance(state, Running | Judged) else 0
