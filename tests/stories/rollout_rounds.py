"""The nouns of a rollout in which something is killed: whom and when, and all that was seen of it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plimsoll.kernel.clock import from_text
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.rollouts import RolloutState, Stage
from plimsoll.rollout.views import standing


class Victim(StrEnum):
    """What is killed."""

    LEADER = "server with the lease"
    STANDBY = "server that stands by"
    DOOR = "door"
    CHAMPION = "champion's worker"
    CANDIDATE = "candidate's worker"
    SHIM = "shim"

    @property
    def is_worker(self) -> bool:
        return self in {Victim.CHAMPION, Victim.CANDIDATE}

    @property
    def is_server(self) -> bool:
        return self in {Victim.LEADER, Victim.STANDBY}


TOO_LATE = "too late"
"""The moment of a kill that found its rollout ended."""
PHASES = ("starting", "stage 1", "stage 2", "stage 3", "settling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Whom to kill when. part: how far into the phase, of its length without a kill, in 0..1."""

    victim: Victim
    phase: str
    part: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the shim kept as told, at one moment."""

    revision: int
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One rollout from its beginning to its end, and what was seen of it from outside."""

    rollout: Rollout
    decisions: tuple[Decision, ...]
    kills: tuple[Kill, ...]
    moments: tuple[str, ...]
    """Where the rollout stood when each victim was killed."""
    outbox: tuple[dict[str, Any], ...]
    audit: tuple[dict[str, Any], ...]
    told: tuple[Told, ...]
    answered: tuple[str, ...]
    """Ids of the predictions that the load got in this time."""
    failed: int
    reasons: tuple[str, ...]

    @property
    def victims(self) -> set[Victim]:
        return {kill.victim for kill in self.kills}

    @property
    def seconds(self) -> float:
        return (from_text(self.rollout.ended_at) - from_text(self.rollout.started_at)).total_seconds()

    @property
    def course(self) -> tuple[str, ...]:
        """Where it stood, one after the other."""
        places = [where(decision.state) for decision in self.decisions]
        return tuple(place for place, before in zip(places, ["", *places], strict=False) if place != before)


def where(state: RolloutState) -> str:
    """A state in a word or two, with the stage's number."""
    return f"stage {state.index + 1}" if isinstance(state, Stage) else standing(state)
