"""Builders for rollouts: a spec, counts, and a fleet that does what effects say and refuses what must never happen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from plimsoll.capture.counts import ArmCounts, StageCounts
from plimsoll.kernel.histogram import Histogram, bucket_of
from plimsoll.rollout.rollouts import Effect, MakeLive, ReleaseRef, RolloutSpec, SetTraffic, Start, Stop
from plimsoll.rollout.seen import Health, Readiness, Seen

CHAMPION = ReleaseRef(name="fraud@1", digest="d1")
CANDIDATE = ReleaseRef(name="fraud@2", digest="d2")
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_spec(**changes: Any) -> RolloutSpec:
    return replace(RolloutSpec(champion=CHAMPION, candidate=CANDIDATE), **changes)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def an_arm(requests: int, *, errors: int = 0, latency_s: float = 0.01, slow: int = 0, slow_s: float = 1.0) -> ArmCounts:
    """An arm of `requests`, of which `slow` took `slow_s`, the others `latency_s`."""
    durations = Histogram({bucket_of(latency_s): requests - slow, bucket_of(slow_s): slow})
    return ArmCounts(requests=requests, units=requests, errors=errors, latency=durations)


def a_stage(requests: int, *, share: float = 0.05, errors: int = 0, champion_errors: int = 0) -> StageCounts:
    """A stage whose candidate had `requests`, and whose champion had what belongs to that share."""
    champion = round(requests * (1 - share) / share)
    return StageCounts(champion=an_arm(champion, errors=champion_errors), candidate=an_arm(requests, errors=errors))


def seen(*stages: StageCounts, readiness: Readiness = Readiness.READY, problem: str = "") -> Seen:
    return Seen(stages=dict(enumerate(stages)), health=Health(readiness=readiness, problem=problem))


def added(one: ArmCounts, more: ArmCounts) -> ArmCounts:
    return ArmCounts(
        requests=one.requests + more.requests,
        units=one.units + more.units,
        errors=one.errors + more.errors,
        latency=one.latency.merged(more.latency),
    )


@dataclass
class Fleet:
    """What runs and who answers. Asserts at every single effect that callers are always answered."""

    live: str | None
    running: set[str]
    traffic: SetTraffic = field(default_factory=lambda: SetTraffic(stage=None, candidate_pct=0, shadow_pct=0))
    candidate: str = CANDIDATE.digest

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self._perform(effect)
            self.check()

    def check(self) -> None:
        """Exactly one live release at most, it runs, and the shares of those that answer sum to 100 %."""
        answering = self.answering()
        assert set(answering) <= self.running, f"requests go to {answering}, but only {self.running} run"
        assert self.live is None or sum(answering.values()) == 100

    def answering(self) -> dict[str, float]:
        """Percent of the requests by the release that answers them."""
        shares: dict[str, float] = {}
        if self.live is not None:
            shares[self.live] = 100 - self.traffic.candidate_pct
        if self.traffic.candidate_pct:
            shares[self.candidate] = shares.get(self.candidate, 0) + self.traffic.candidate_pct
        return {digest: share for digest, share in shares.items() if share}

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Start(digest=digest):
                self.running.add(digest)
            case MakeLive(digest=digest):
                self.live = digest
            case SetTraffic():
                self.traffic = effect
            case Stop(digest=digest):
                assert digest != self.live, "the live release was stopped"
                self.running.discard(digest)
            case _:
                assert_never(effect)
