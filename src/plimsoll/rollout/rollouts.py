"""The nouns of one rollout: what was asked, where it stands, what people order, and what the world must be told.

A rollout is one machine for every strategy; a strategy only says which stages there are. Nothing here decides:
`judge.py` weighs what was seen, `decide.py` takes the next step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias


class Strategy(StrEnum):
    """How the candidate comes to the callers."""

    ALL_AT_ONCE = "all-at-once"
    """No stage: live as soon as it is ready. Nothing is judged."""
    BLUE_GREEN = "blue-green"
    """One stage: the candidate answers everyone, the champion gets the copies."""
    CANARY = "canary"
    """One stage for each share of traffic."""
    SHADOW_THEN_CANARY = "shadow-then-canary"
    """First a stage of copies whose answers nobody sees, then the canary's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRef:
    """A release by name, for people, and by digest, for everything else."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One stage's traffic, in percent."""

    candidate_pct: float
    """Of the requests, those that the candidate answers; the champion answers the others."""
    shadow_pct: float = 0.0
    """Of the requests, those of which the arm that does not answer gets a copy."""
    drawn_pct: float = 0.0
    """Where callers stick to an arm: the largest share before this stage. Who had the candidate then has it still, so
    only the arms of the others are drawn anew, and only they are compared."""

    @property
    def copied(self) -> bool:
        """Whether both arms see the same requests, so that they are compared pair by pair."""
        return self.candidate_pct in (0.0, 100.0)

    @property
    def expected(self) -> float:
        """The candidate's share of all that both arms see, in 0..1."""
        return 0.5 if self.copied else (self.candidate_pct - self.drawn_pct) / (100 - self.drawn_pct)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsTest:
    """Harm: the candidate errs more than `ratio` times as often as the champion."""

    ratio: float = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTest:
    """Harm: the candidate's latency at `quantile` is more than `ratio` times the champion's."""

    quantile: float = 0.99
    ratio: float = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What counts as harm, and the chance to take back a harmless candidate, shared evenly by the tests."""

    alpha: float = 0.05
    errors: ErrorsTest | None = ErrorsTest()
    latency: LatencyTest | None = LatencyTest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """What a stage must have shown before the next one begins."""

    requests: int = 1000
    """Of the candidate's in this stage, the ones by which it was compared: callers, where they stick to an arm. At
    least 1, because no data is never success."""
    max_added_errors: float = 0.005
    """How far the candidate's error rate may lie above the champion's, in 0..1."""
    alpha: float = 0.05
    """The chance that the shown bound is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSpec:
    """What was asked, frozen when the rollout begins: which release takes whose place, and by which rules."""

    champion: ReleaseRef | None
    """The live release; None when the environment has none, and then there is nothing to compare with."""
    candidate: ReleaseRef
    strategy: Strategy = Strategy.CANARY
    stages: tuple[float, ...] = (5.0, 25.0, 50.0)
    """The canary's shares in percent, rising; 100 follows by itself. Unused by the other strategies."""
    shadow_pct: float = 100.0
    stick_to: str = ""
    """What decides the arm of a request: a column, or `header:NAME`. Empty: each request is drawn for itself."""
    candidate_deadline_s: float | None = None
    """After this long the champion answers in the candidate's stead; None: twice the champion's 99 % quantile."""
    hold_s: float = 600.0
    """A stage lasts at least this long."""
    deadline_s: float = 86_400.0
    """A stage that has not shown enough by then is inconclusive."""
    ready_s: float = 120.0
    """A candidate that has not been ready for this long is taken back."""
    warm_s: float = 3600.0
    """How long the previous release stays ready to take over again."""
    crashes: int = 3
    """A candidate whose worker died so often within an hour is taken back: a death is no error of a request, so no test
    sees it."""
    look_s: float = 5.0
    """The longest time between two looks."""
    harm: Harm = Harm()
    enough: Enough = Enough()
    split_alpha: float = 0.001
    """The chance to hold a rollout whose traffic was split as it should be."""
    on_inconclusive: Literal["hold", "rollback"] = "hold"
    way_back: bool = False
    """Whether people asked to go back to the candidate, which was live before; then the champion is what they left."""

    def __post_init__(self) -> None:
        rules = {
            "the candidate is another release than the champion": self.champion is None
            or self.champion.digest != self.candidate.digest,
            "stages rise, above 0 and up to 100 %, in steps of 0.1": list(self.stages) == sorted(set(self.stages))
            and all(0 < stage <= 100 and round(stage, 1) == stage for stage in self.stages),
            "a canary has at least one stage": self.strategy is not Strategy.CANARY or bool(self.stages),
            "shadow_pct is above 0 and up to 100": 0 < self.shadow_pct <= 100,
            "deadline_s is longer than hold_s": self.deadline_s > self.hold_s >= 0,
            "ready_s and look_s are above 0, warm_s is not below": min(self.ready_s, self.look_s) > 0 <= self.warm_s,
            "enough.requests and crashes are at least 1": min(self.enough.requests, self.crashes) >= 1,
            "each alpha lies between 0 and 1": all(
                0 < alpha < 1 for alpha in (self.harm.alpha, self.enough.alpha, self.split_alpha)
            ),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ValueError("; ".join(broken))

    @property
    def shares(self) -> tuple[Share, ...]:
        """The stages by index. Their end is the candidate live; without any, it is live as soon as it is ready."""
        if self.champion is None:
            return ()
        before = (0.0, *self.stages) if self.stick_to else (0.0,) * len(self.stages)
        canary = tuple(
            Share(candidate_pct=100.0, shadow_pct=self.shadow_pct)
            if stage == 100
            else Share(candidate_pct=stage, drawn_pct=drawn)
            for drawn, stage in zip(before, self.stages, strict=False)
        )
        shadow = Share(candidate_pct=0.0, shadow_pct=self.shadow_pct)
        return {
            Strategy.ALL_AT_ONCE: (),
            Strategy.BLUE_GREEN: (Share(candidate_pct=100.0, shadow_pct=self.shadow_pct),),
            Strategy.CANARY: canary,
            Strategy.SHADOW_THEN_CANARY: (shadow, *canary),
        }[self.strategy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """The candidate is being loaded and answers nobody."""

    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The candidate has one share of traffic and is watched."""

    index: int
    since: datetime
    """When its time began to run. Later than its true begin by the pauses, which do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """The candidate is live and answers everyone; the previous release stays warm, so the way back is instant."""

    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """The candidate was ready and no longer is. It may come back for `ready_s`; then it is taken back."""

    was: Stage | Settling
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The stage cannot be judged; a person must say how to go on."""

    was: Stage
    since: datetime
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A person stopped the course: traffic stays as it is and no time counts, but harm is still watched for."""

    was: Starting | Stage | Settling
    since: datetime
    by: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """The end: the candidate is live, the previous release is stopped."""

    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The end: the champion is live as before, the candidate is stopped."""

    since: datetime
    because: str


UnderWay: TypeAlias = Starting | Stage | Settling | Unready | Held | Paused
Ended: TypeAlias = Promoted | RolledBack
RolloutState: TypeAlias = UnderWay | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stop the course where it is."""

    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on after a pause; after a hold, give the stage its whole time again."""

    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Make the candidate live now, without the evidence that is missing."""

    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Take the candidate back now; as long as the previous release is warm, also after promotion."""

    by: str
    why: str


Order: TypeAlias = Pause | Resume | Promote | Abort


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """This release is loaded and can answer at once."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeLive:
    """This release answers whatever the split does not give to the candidate."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTraffic:
    """The candidate's split, and the stage under which the door counts from now on (None: it need not count)."""

    stage: int | None
    candidate_pct: float
    shadow_pct: float
    drawn_pct: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """This release is not loaded."""

    digest: str


Effect: TypeAlias = Start | MakeLive | SetTraffic | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What a state's effects come to: which releases run, which one is live, and how requests are split."""

    live: str | None
    """Digest."""
    releases: tuple[ReleaseRef, ...]
    traffic: SetTraffic | None
    """None: nothing is split and nothing is counted."""
