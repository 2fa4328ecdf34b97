"""Observe, decide, act: brings every environment to where it shall be. Called by the loop; each turn stands alone.

A turn may end anywhere: what was decided is in the ledger, what was not is decided again, and what the target must be
told is told again until it is known there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from plimsoll.capture.counts import StageCounts
from plimsoll.edge.context import Context
from plimsoll.kernel.errors import PlimsollError
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.rollout.decide import decide, decide_uncounted
from plimsoll.rollout.entities import Deployment, Effects, Observed
from plimsoll.rollout.looks import as_first_seen, is_due
from plimsoll.rollout.observing import health_of, must_tell
from plimsoll.rollout.operations import (
    Look,
    desired_state,
    latest_effects,
    mark_performed,
    next_look,
    note_outcome,
    overtake,
    record_decision,
    target_of,
    wanted_deployments,
)
from plimsoll.rollout.seen import Seen

IDLE_S = 0.5
"""Between two turns when nothing is under way."""
TURN_S = 0.2
"""Between two turns while something is: orders are followed about as soon, however seldom the counts are looked at."""


def reconcile(context: Context, lease: Lease) -> float:
    """One turn over all environments; returns after how many seconds the next one is due.

    A target that fails is noted in its deployment and tried again next turn. Raises LeaseLost.
    """
    pauses = [_turn(context, lease, deployment) for deployment in wanted_deployments(context)]
    return min(pauses, default=IDLE_S)


def _turn(context: Context, lease: Lease, deployment: Deployment) -> float:
    look = next_look(context, deployment.environment)  # first: what is seen must be newer than what it is held against
    effects = latest_effects(context, deployment.environment)
    if effects is None:
        return IDLE_S
    observed, problem = _observe_and_tell(context, lease, deployment, effects)
    if look is None or not is_due(look.rollout.latest, context.clock.now(), order=look.order):
        note_outcome(context, lease, deployment, observed, problem=problem)
        return IDLE_S if look is None else TURN_S
    stages, trouble = _counted(context, deployment, look)
    note_outcome(context, lease, deployment, observed, problem=problem or trouble)
    health = health_of(look.rollout.spec, observed, problem=problem)
    if _look(context, lease, look, Seen(stages=stages, health=health), is_counted=not trouble):
        decided = latest_effects(context, deployment.environment)
        assert decided is not None, "an outbox is not emptied"
        _observe_and_tell(context, lease, deployment, decided)
    return TURN_S


def _look(context: Context, lease: Lease, look: Look, seen: Seen, *, is_counted: bool) -> bool:
    """One look at a rollout; True when there is something to tell.

    One that could not count is written only when it changes something or follows an order: there is nothing to record.
    """
    now = context.clock.now()
    rollout = as_first_seen(look.rollout, now)
    spec, latest = rollout.spec, rollout.latest
    if is_counted:
        decision = decide(spec, latest.state, seen, now, look.order)
    else:
        decision = decide_uncounted(spec, latest, seen.health, now, look.order)
        if decision.state == latest.state and look.order is None:
            return False
    return record_decision(context, lease, replace(look, rollout=rollout), decision)


def _counted(context: Context, deployment: Deployment, look: Look) -> tuple[Mapping[int, StageCounts], str]:
    """What the doors counted for the rollout under way; why that is not known."""
    try:
        return target_of(context, deployment).counts(deployment.environment, look.rollout.id), ""
    except PlimsollError as error:
        return {}, f"{error.code}: {error}"


def _observe_and_tell(
    context: Context, lease: Lease, deployment: Deployment, effects: Effects
) -> tuple[Observed | None, str]:
    """Tell the target what it does not know yet; what it sees then, and what it could not do."""
    target = target_of(context, deployment)
    try:
        observed = target.observe(deployment.environment)
        if observed is not None and observed.revision > effects.revision:  # the ledger was restored from a backup
            effects = overtake(context, lease, deployment.environment, revision=observed.revision)
        if must_tell(effects, observed):
            observed = _tell(context, lease, deployment, effects)
    except (LeaseLost, LedgerUnavailable):
        raise
    except PlimsollError as error:
        return None, f"{error.code}: {error}"
    return observed, observed.problem if observed else ""


def _tell(context: Context, lease: Lease, deployment: Deployment, effects: Effects) -> Observed | None:
    target = target_of(context, deployment)
    if effects.told.wanted is None:
        target.stop(deployment.environment, revision=effects.revision)
        observed = target.observe(deployment.environment)
    else:
        observed = target.apply(desired_state(context, effects))
    if not effects.performed_at:
        mark_performed(context, lease, effects)
    return observed
