"""Retrainings as people see them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from plimsoll.kernel.clock import to_text
from plimsoll.retrain.entities import (
    Cancelled,
    Deploying,
    Done,
    Dropped,
    Failed,
    Firing,
    Judged,
    Refused,
    Released,
    Retraining,
    Running,
    State,
    Superseded,
    Turn,
    Waiting,
)
from plimsoll.retrain.requests import ReasonView, RetrainingTurn, RetrainingView, Standing
from plimsoll.retrain.wording import reasons


def view(retraining: Retraining, *, turns: Sequence[Turn] = ()) -> RetrainingView:
    """A retraining as it stands. turns: its record, where it is told."""
    state = retraining.state
    deploying = state if isinstance(state, Deploying) else None
    waiting = state if isinstance(state, Waiting) else None
    return RetrainingView(
        id=retraining.id,
        environment=retraining.environment,
        ref=retraining.ref,
        standing=standing(state),
        sentence=retraining.sentence,
        waiting_for=(waiting and waiting.what) or (deploying and deploying.waiting_for) or "",
        until=to_text(waiting.until) if waiting and waiting.until else "",
        place=deploying.environment if deploying else "",
        rollout=deploying.rollout if deploying else "",
        finding=state.finding if isinstance(state, Refused) else "",
        because=reasons(retraining.holding or retraining.firings),
        reasons=tuple(_reason(firing) for firing in retraining.firings),
        owners=retraining.owners,
        run=retraining.run,
        release=retraining.release,
        deployed=_deployed(state),
        created_at=retraining.created_at,
        began_at=retraining.began_at,
        ended_at=retraining.ended_at,
        turns=tuple(
            RetrainingTurn(at=turn.at, standing=standing(turn.state), sentence=turn.sentence) for turn in turns
        ),
    )


def standing(state: State) -> Standing:
    """Where a retraining stands, in a word."""
    match state:
        case Waiting():
            return "waiting"
        case Running():
            return "running"
        case Judged():
            return "judged"
        case Released():
            return "released"
        case Deploying():
            return "deploying"
        case Done():
            return ("deployed" if state.deployed else "candidate") if state.release else "unchanged"
        case Refused():
            return "refused"
        case Failed():
            return "failed"
        case Superseded():
            return "superseded"
        case Cancelled():
            return "cancelled"
        case Dropped():
            return "dropped"
        case _:
            assert_never(state)


def _deployed(state: State) -> tuple[str, ...]:
    match state:
        case Done():
            return state.deployed
        case Deploying():
            return state.passed
        case _:
            return ()


def _reason(firing: Firing) -> ReasonView:
    return ReasonView(
        trigger=str(firing.trigger),
        because=firing.because,
        evidence=firing.evidence,
        fired_at=firing.fired_at,
        asked_by=firing.asked_by,
        note=firing.note,
    )
