"""May this release live in this environment, and does the environment need anything done? Pure rules."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.rollout.entities import Deployment, DeploymentChange, Observed, State


def has_lived_there(digest: str, history: Sequence[DeploymentChange]) -> bool:
    """Whether the environment was ever told to run this release: going back to it needs no fresh verdict."""
    return any(change.digest == digest for change in history)


def differs(deployment: Deployment, observed: Observed | None) -> bool:
    """Whether something must be done to make the environment what it shall be."""
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
