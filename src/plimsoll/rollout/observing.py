"""What an environment was told against what its target sees: is there something to tell, is it as it shall be? Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from plimsoll.kernel.clock import EPOCH
from plimsoll.rollout.entities import Deployment, Effects, Observed, State
from plimsoll.rollout.rollouts import RolloutSpec
from plimsoll.rollout.seen import Health, Readiness


def next_revision(now: datetime, *, last: int, above: int = 0) -> int:
    """The revision of what a target is told next. last: the ledger's newest, above: the newest that the target knows.

    It grows with time as well, so that what is ordered after a ledger was restored from a backup is followed at once.
    """
    return max((now - EPOCH) // timedelta(milliseconds=1), last + 1, above + 1)


def must_tell(effects: Effects, observed: Observed | None) -> bool:
    """Whether a target must be told what is wanted: it has not been, or it has forgotten or lost it."""
    if not effects.performed_at:
        return True
    if effects.told.wanted is None:
        return observed is not None and bool(observed.processes)
    return observed is None or not observed.processes or observed.revision < effects.revision


def differs(deployment: Deployment, observed: Observed | None) -> bool:
    """Whether an environment is not yet, or no longer, what it shall be."""
    if deployment.wanted == "stopped":
        return observed is not None and bool(observed.processes)
    return observed is None or not observed.ready or observed.live != deployment.digest


def state_of(deployment: Deployment, observed: Observed | None) -> State:
    """A deployment's state in one word: wanted and observed agree, or what is missing."""
    if not differs(deployment, observed):
        return "stopped" if deployment.wanted == "stopped" else "live"
    if deployment.problem:
        return "unavailable"
    return "stopping" if deployment.wanted == "stopped" else "starting"


def health_of(spec: RolloutSpec, observed: Observed | None, *, problem: str = "") -> Health:
    """The candidate's health as its target sees it. problem: why the target could not be told or asked."""
    found = observed.release(spec.candidate.digest) if observed is not None else None
    if observed is None or found is None:
        return Health(problem=problem or (observed.problem if observed else ""))
    if found.problem:
        return Health(readiness=Readiness.REFUSED, problem=found.problem)
    readiness = Readiness.READY if found.ready else Readiness.NOT_READY
    return Health(readiness=readiness, deaths=found.deaths, problem=problem or observed.problem)
