"""One step of a rollout, as orders and the course of things alike take it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from plimsoll.rollout.decisions import Rule
from plimsoll.rollout.rollouts import Promoted, RolledBack, RolloutSpec, RolloutState, Settling


@dataclass(frozen=True, slots=True)
class Step:
    """The state after one look, which may be the one before, and why."""

    state: RolloutState
    rule: Rule
    sentence: str


def live(spec: RolloutSpec, now: datetime) -> Settling | Promoted:
    """The candidate answers everyone; without a previous release there is no way back to keep open."""
    return Promoted(since=now) if spec.champion is None or spec.warm_s == 0 else Settling(since=now)


def rolled_back(rule: Rule, why: str, now: datetime) -> Step:
    """The candidate is taken back."""
    return Step(RolledBack(since=now, because=why), rule, why)
