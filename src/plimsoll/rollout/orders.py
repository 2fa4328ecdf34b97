"""Follows what people order of a rollout. An order that cannot be followed changes nothing, and the reason is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from plimsoll.rollout import wording
from plimsoll.rollout.decisions import Rule
from plimsoll.rollout.rollouts import (
    Abort,
    Held,
    Order,
    Pause,
    Paused,
    Promote,
    Resume,
    RolloutSpec,
    Settling,
    Stage,
    Starting,
    UnderWay,
    Unready,
)
from plimsoll.rollout.seen import Readiness, Seen
from plimsoll.rollout.steps import Step, live, rolled_back


def follow(
    spec: RolloutSpec,
    state: UnderWay,
    seen: Seen,
    now: datetime,
    *,
    order: Order | None,
) -> Step | None:
    """What a person ordered, if it can be done; else the same state, and why not."""
    match order:
        case None:
            return None
        case Abort():
            return rolled_back(Rule.ORDERED, wording.ordered(order, "took the candidate back"), now)
        case Promote():
            return _promote(spec, state, seen, now, order=order)
        case Pause():
            return _pause(state, now, order=order)
        case Resume():
            return _resume(state, now, order=order)
        case _:
            assert_never(order)


def _promote(
    spec: RolloutSpec,
    state: UnderWay,
    seen: Seen,
    now: datetime,
    *,
    order: Promote,
) -> Step:
    was = state.was if isinstance(state, Unready | Paused) else state
    if isinstance(was, Settling):
        return Step(state, Rule.NOT_FOLLOWED, wording.not_followed(order, "the candidate is live already"))
    ready = seen.health.readiness
    if seen.health.down or (ready is Readiness.UNKNOWN and not isinstance(was, Stage | Held)):
        return Step(state, Rule.NOT_FOLLOWED, wording.not_followed(order, "the candidate is not ready to answer"))
    return Step(live(spec, now), Rule.ORDERED, wording.ordered(order, "made the candidate live"))


def _pause(state: UnderWay, now: datetime, *, order: Pause) -> Step:
    match state:
        case Starting() | Stage() | Settling():
            was = state
        case Unready():
            was = state.was
        case Held():
            return Step(state, Rule.NOT_FOLLOWED, wording.not_followed(order, "the rollout is held already"))
        case Paused():
            return Step(state, Rule.NOT_FOLLOWED, wording.not_followed(order, "the rollout is paused already"))
        case _:
            assert_never(state)
    paused = Paused(was=was, since=now, by=order.by, because=order.why)
    return Step(paused, Rule.ORDERED, wording.ordered(order, "paused the rollout"))


def _resume(state: UnderWay, now: datetime, *, order: Resume) -> Step:
    match state:
        case Held():
            return Step(
                replace(state.was, since=now),
                Rule.ORDERED,
                wording.ordered(order, "gave the stage its whole time again"),
            )
        case Paused():
            rested = max(now - state.since, timedelta())
            went_on = replace(state.was, since=state.was.since + rested)
            return Step(went_on, Rule.ORDERED, wording.ordered(order, "resumed the rollout"))
        case Starting() | Stage() | Settling() | Unready():
            return Step(state, Rule.NOT_FOLLOWED, wording.not_followed(order, "the rollout is neither paused nor held"))
        case _:
            assert_never(state)
