"""What a rollout has seen: the door's cumulative counts per stage and arm, and whether the candidate can answer.

Counts only grow, so seeing them twice, late or after a restart changes nothing. They are facts, not findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from plimsoll.capture.counts import StageCounts


class Readiness(StrEnum):
    """Whether the candidate can answer, as its target says."""

    READY = "ready"
    NOT_READY = "not ready"
    REFUSED = "refused"
    """It will not be loaded as it is: its bundle or its model is bad. Waiting does not help."""
    UNKNOWN = "unknown"
    """The target could not be asked. Neither harm nor success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The candidate's processes."""

    readiness: Readiness = Readiness.UNKNOWN
    deaths: int = 0
    """How often its worker has died in the last hour."""
    problem: str = ""
    """What the target says of a candidate that is not ready."""

    @property
    def down(self) -> bool:
        """Whether the candidate is known not to answer."""
        return self.readiness in (Readiness.NOT_READY, Readiness.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything observed so far."""

    stages: Mapping[int, StageCounts] = field(default_factory=dict)
    """By index of the stage; one without an entry has not been counted."""
    health: Health = Health()

    def of(self, stage: int) -> StageCounts:
        return self.stages.get(stage, StageCounts())
