"""What a rollout has seen: the door's cumulative counts per stage and arm, and whether the candidate can answer.

Counts only grow, so seeing them twice, late or after a restart changes nothing. They are facts, not findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from plimsoll.rollout.histogram import Histogram

EMPTY = Histogram({})
"""No durations at all."""


class Readiness(StrEnum):
    """Whether the candidate can answer, as its target says."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"
    """The target could not be asked. Neither harm nor success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The candidate's processes."""

    readiness: Readiness = Readiness.UNKNOWN
    processes: int = 0
    problem: str = ""
    """What the target says of a candidate that is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """One arm in one stage, since the stage began. errors <= units <= requests."""

    requests: int = 0
    """Assigned to this arm; an answer that the champion gives in a failed candidate's stead counts for the candidate."""
    units: int = 0
    """What was assigned at random: sticky units, each once a window; the requests themselves where nothing sticks."""
    errors: int = 0
    """Units with at least one error or missed deadline."""
    latency: Histogram = EMPTY

    @property
    def sound(self) -> bool:
        return 0 <= self.errors <= self.units <= self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCounts:
    """Both arms in one stage. In a stage of copies a request counts for both arms once both have tried it."""

    champion: ArmCounts = ArmCounts()
    candidate: ArmCounts = ArmCounts()
    noticed: int = 0
    """Callers who got an error because of the candidate: the champion could not answer in its stead either."""
    fallback: Histogram = EMPTY
    """Whole latency of the requests that the champion answered in the candidate's stead."""

    @property
    def units(self) -> int:
        return self.champion.units + self.candidate.units

    @property
    def errors(self) -> int:
        return self.champion.errors + self.candidate.errors

    @property
    def sound(self) -> bool:
        """Whether the counts can be counts at all; if not, nothing may be concluded from them."""
        return self.champion.sound and self.candidate.sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything observed so far."""

    stages: Mapping[int, StageCounts] = field(default_factory=dict)
    """By index of the stage; one without an entry has not been counted."""
    health: Health = Health()

    def of(self, stage: int) -> StageCounts:
        return self.stages.get(stage, StageCounts())
