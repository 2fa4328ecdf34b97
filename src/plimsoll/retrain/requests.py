"""What retraining is asked, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

Standing = Literal[
    "waiting", "running", "judged", "released", "deploying", "deployed", "candidate", "unchanged", "refused", "failed",
    "superseded", "cancelled", "dropped",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRequest:
    """A run of the live release's code on fresh data, or of another code."""

    environment: str = ""
    """Whose live release; empty: the last environment, after which no other comes."""
    ref: str = ""
    """A branch, tag or commit whose code runs instead."""
    why: str = ""
    now: bool = False
    """Whether not even a rollout under way is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingName:
    """A retraining's id; `latest` is the project's latest."""

    retraining: str = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """A retraining to call off."""

    retraining: str = "latest"
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingList:
    """How many to list, latest first."""

    limit: Annotated[int, Interval(ge=1, le=1000)] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """One reason for a retraining."""

    trigger: str
    because: str
    evidence: Mapping[str, Any]
    fired_at: str
    asked_by: str
    note: str
    """Why it does not hold any more; empty while it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingTurn:
    """One line of a retraining's record."""

    at: str
    standing: Standing
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingView:
    """A retraining and where it stands."""

    id: str
    environment: str
    ref: str
    standing: Standing
    sentence: str
    waiting_for: str
    """What it waits for, as a sentence's end; empty where it does not wait."""
    until: str
    """When that is over, where it is known."""
    place: str
    """The environment to which its release is on its way; empty before and after."""
    rollout: str
    """The rollout under way there."""
    finding: str
    """The verdict's, where that ended it."""
    because: str
    """Its reasons in one sentence."""
    reasons: tuple[ReasonView, ...]
    owners: tuple[str, ...]
    run: str
    release: str
    deployed: tuple[str, ...]
    """Where its release became live."""
    created_at: str
    began_at: str
    ended_at: str
    turns: tuple[RetrainingTurn, ...] = ()
    """What became of it, oldest first; only where one is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """A trigger of the project file, and how it stands."""

    trigger: str
    environment: str
    ref: str
    schedule: str
    dataset: str
    next_due: str
    """When its schedule comes due next; empty for other triggers."""
    waits_for: str
    """What keeps it from starting a run that it has asked for; empty when it asks for none."""
    retraining: str
    """The request that it has joined; empty without any."""
    note: str
    """What keeps it from looking; empty when nothing does."""
    looked_at: str
    """Empty before its first look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggersView:
    """Every trigger, and the limits of all."""

    triggers: tuple[TriggerView, ...]
    cooldown_s: float
    per_day: int
    begun_lately: int
    """Runs of retrainings that began within the last 24 hours."""
    rests_until: str
    """The end of the cooldown; empty when there is none now."""
    watched: bool
    """Whether a server looks after them now."""
