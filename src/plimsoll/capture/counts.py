"""The nouns of counting: how one request went, and the cumulative counts of a rollout's stages that many make.

Counts only grow, so seeing them twice, late or after a restart changes nothing. How they are kept is in
journal.py; who reads them, tally.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.kernel.histogram import Histogram

EMPTY = Histogram({})
"""No durations at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One arm's attempt to answer a request."""

    seconds: float
    """How long it took; one that was given up counts with the time after which it was."""
    failed: bool
    """Whether it failed or passed the deadline. The death of a worker is no failure of a request; it is counted apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request of a rollout's stage: what each arm that counts for it made of it.

    One arm where traffic is split; both where the other arm got a copy; none where only what followed is told.
    """

    stage: int
    at_us: int | None = None
    """When the request had arrived: microseconds since 1970. None: now."""
    due_s: float = 0.0
    """After so many seconds its outcome was known, whichever arm it had and however it went. Nothing may be concluded
    before: what fails soon would be seen earlier than what succeeds late."""
    champion: Tried | None = None
    candidate: Tried | None = None
    unit: int | None = None
    """64-bit hash of what sticks to an arm; None: nothing sticks, and the request is a unit of its own."""
    fresh: bool = True
    """Whether the arms are compared by it. False counts as a request only: a unit that an earlier stage had given to the
    candidate, a request that came while a worker was away, one without its copy in a stage of copies."""
    fallback_s: float | None = None
    """Whole latency, when the champion answered in the candidate's stead."""
    noticed: bool = False
    """Whether the caller got an error because of the candidate: nobody could answer in its stead."""


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
