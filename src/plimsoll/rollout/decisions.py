"""What one look at a rollout concluded: the next state and its effects, why, and the evidence as data.

Decisions are recorded as they are; reports are written from them, so nothing has to be computed twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from plimsoll.rollout.rollouts import Effect, RolloutState


class Measure(StrEnum):
    """What the sequential tests of a rollout look at."""

    ERRORS = "errors"
    LATENCY = "latency"
    SPLIT = "split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where one test stands: it may be read at any time, and it speaks once `log_e` reaches `limit`."""

    measure: Measure
    log_e: float
    """Natural logarithm of the e-value: the factor by which what was seen is better explained by harm."""
    limit: float
    """Logarithm of 1/alpha, with this test's part of alpha."""

    @property
    def crossed(self) -> bool:
        return self.log_e >= self.limit

    @property
    def e_value(self) -> float:
        return math.exp(min(self.log_e, 700.0))

    @property
    def wanted(self) -> float:
        """The e-value at which the test speaks."""
        return math.exp(self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the present stage has shown of the candidate's harmlessness."""

    requests: int
    wanted: int
    added_errors: float
    """Upper bound of the candidate's error rate minus the champion's, in this stage; 1 when nothing is known."""
    allowed: float

    @property
    def enough(self) -> bool:
        return self.requests >= max(self.wanted, 1) and self.added_errors <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the rollout has cost the callers so far."""

    touched: int
    """Requests given to the candidate; copies do not count."""
    erred: int
    """Of those, the ones that the candidate did not answer, or not in time."""
    noticed: int
    """Callers who got an error."""
    fallback_p99_s: float | None
    """99 % of the answers given in the candidate's stead took at most this long; None when there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything weighed at one look."""

    stage: int | None
    harm: tuple[Reading, ...]
    split: Reading
    """Of the stage whose split is least like the one that was set."""
    broken: tuple[int, ...]
    """Stages whose counts contradict themselves."""
    exposure: Exposure | None
    """None outside the stages."""
    cost: Cost

    @property
    def void(self) -> bool:
        """Whether nothing may be concluded, because the arms were not given what they should have been."""
        return self.split.crossed or bool(self.broken)

    @property
    def harmful(self) -> Reading | None:
        """The test that proves harm; the strongest when several do."""
        crossed = [reading for reading in self.harm if reading.crossed]
        return max(crossed, key=lambda reading: reading.log_e - reading.limit, default=None)


class Rule(StrEnum):
    """Why a decision is what it is; the closed list for audit and reports."""

    STARTING = "starting"
    READY = "ready"
    WATCHING = "watching"
    ENOUGH = "enough seen"
    HARM = "harm proven"
    INCONCLUSIVE = "inconclusive"
    VOID = "evidence void"
    HELD = "held"
    NOT_READY = "not ready"
    NEVER_READY = "never ready"
    REFUSED = "refused"
    CRASHED = "crashed"
    ORDERED = "ordered"
    NOT_FOLLOWED = "order not followed"
    PAUSED = "paused"
    SETTLING = "settling"
    SETTLED = "settled"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """The reason of a decision."""

    rule: Rule
    sentence: str
    """For people: what happened, with the figures that decided."""
    evidence: Evidence | None
    """None once the rollout has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One look's conclusion. Its effects are all that must be true of the world now, so they can be repeated."""

    at: datetime
    state: RolloutState
    effects: tuple[Effect, ...]
    wake_at: datetime | None
    """When to look again at the latest; None when there is nothing left to do."""
    because: Because
