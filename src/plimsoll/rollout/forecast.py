"""How long a rollout will take and how soon it would find which harm, from recent traffic: `plimsoll deploy --plan`.

Nothing is estimated by formula: a few hundred rollouts are simulated and judged by the shipped tests (trials.py), so
a forecast follows every rule and every change of theirs. The same seed gives the same forecast.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from plimsoll.capture.entities import CapturedPrediction
from plimsoll.kernel.clock import from_text
from plimsoll.rollout.decisions import Measure
from plimsoll.rollout.judge import weigh
from plimsoll.rollout.report import title
from plimsoll.rollout.rollouts import RolloutSpec, Share
from plimsoll.rollout.seen import Seen
from plimsoll.rollout.trials import Course, Criteria, Floats, Past, Trial, latency_trial, stage_trial
from plimsoll.rollout.wording import duration, percent, stage_name

TRIALS, LATENCY_TRIALS = 600, 120
"""Simulated for each harm, shared by the stages (by three at least, so that a forecast of many takes no longer): with
200 in a stage a median comes within about a tenth. Latency has fewer, because two histograms cost more to look at."""
RATIOS = (2.0, 3.0, 5.0, 10.0)
ADDED = (0.01, 0.1)
"""Harm where the champion hardly errs, so that a multiple of its rate says little."""
RARE = 0.001
"""Error rates below this are rare."""
SLOWER = 1.5
_MOMENTS = 240
_BEYOND = 32
"""A healthy candidate is followed for so many deadlines, to say which one would do."""
_MOST_REQUESTS = 20_000_000
"""Of unknown traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What the environment has had lately."""

    requests_per_s: float
    error_rate: float
    """Of the live release, in 0..1."""
    p99_s: float | None
    """99 % of the answers took at most this long; None: not known."""
    measured_over_s: float
    requests: int
    """How many it was measured on; 0: traffic is not known."""

    @property
    def known(self) -> bool:
        return self.requests > 0 and self.requests_per_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How soon one kind of harm is found."""

    harm: str
    """Such as `3x errors`, `+1 % errors` or `+50 % p99`."""
    requests: int | None
    """The candidate's until it is found, in half of all cases; None when more than half end without."""
    after_s: float | None
    """Likewise in seconds, with the wait for the next look; None also when traffic is not known."""
    power: float
    """How often it is found at all, in 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageForecast:
    """One stage, with a healthy candidate and with one that begins to do harm in it."""

    index: int
    name: str
    share: Share
    requests_per_s: float | None
    """Seen by the candidate; None when traffic is not known."""
    enough_requests: int | None
    """Of the candidate's until a healthy one has shown enough, in half of all cases; None: out of reach."""
    enough_s: float | None
    lasts_s: float | None
    """With the time it is held at least, up to the deadline; None when traffic is not known."""
    inconclusive: float
    """How often a healthy candidate has not shown enough by the deadline, in 0..1."""
    advice: str
    """What would help when it is likely to end inconclusive; else empty."""
    findings: tuple[Finding, ...]
    """Of harm that begins with this stage, before the stage ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What to expect of a rollout."""

    title: str
    recent: Recent
    stages: tuple[StageForecast, ...]
    total_s: float | None
    """From ready to live with a healthy candidate; None when not known or when a stage is likely inconclusive."""
    from_start: tuple[Finding, ...]
    """Of harm that is there from the first request; `requests` are those that the candidate answered until then."""
    stick_to: str
    """What callers stick to an arm by; empty when each request is drawn anew."""


def recent_traffic(predictions: Sequence[CapturedPrediction], now: datetime, *, within_s: float) -> Recent:
    """What the live release was asked lately, as a rollout would split it: how many a second, in vain, and how fast.

    predictions: what was captured within the last `within_s` seconds, oldest first. Requests whose callers chose the
    release are not split, and what it answered in a candidate's stead was not its own.
    """
    answered = [
        found for found in predictions if found.role == "champion" and not found.pinned and not found.fallback_for
    ]
    if not answered:
        return Recent(requests_per_s=0.0, error_rate=0.0, p99_s=None, measured_over_s=within_s, requests=0)
    over_s = max((now - from_text(answered[0].at)).total_seconds(), 1.0)
    latencies = sorted(found.latency_s for found in answered)
    return Recent(
        requests_per_s=len(answered) / over_s,
        error_rate=sum(found.status >= 500 for found in answered) / len(answered),
        p99_s=latencies[int(0.99 * (len(latencies) - 1))],
        measured_over_s=over_s,
        requests=len(answered),
    )


def forecast(spec: RolloutSpec, recent: Recent, *, draw: np.random.Generator, stick_to: str = "") -> Forecast:
    """What this rollout will take at this traffic. Under a second and a half; the same `draw`, the same forecast."""
    simulated = _Simulated(spec, recent, draw)
    stages = tuple(simulated.stages())
    durations = [stage.lasts_s for stage in stages if stage.lasts_s is not None and not stage.advice]
    return Forecast(
        title=title(spec),
        recent=recent,
        stages=stages,
        total_s=sum(durations) if len(durations) == len(stages) else None,
        from_start=tuple(simulated.from_start()),
        stick_to=stick_to,
    )


class _Simulated:
    """The trials of one rollout. Where traffic is not known, one request a second stands for it and no time counts."""

    def __init__(self, spec: RolloutSpec, recent: Recent, draw: np.random.Generator) -> None:
        self._spec, self._recent, self._draw = spec, recent, draw
        self._bars = {reading.measure: reading.limit for reading in weigh(spec, Seen(), stage=None).harm}
        self._course = _course(spec, recent)
        self._deadline_s = spec.deadline_s if recent.known else math.inf
        stages = max(len(spec.shares), 3)
        self._rollouts, self._latency_rollouts = TRIALS // stages, LATENCY_TRIALS // stages
        self._none = Past.none(self._rollouts, len(spec.shares))
        self._first: dict[float, Trial] = {}

    def stages(self) -> Iterator[StageForecast]:
        past = self._none
        for index, share in enumerate(self._spec.shares):
            healthy = self._trial(index, past=past, candidate_rate=self._recent.error_rate, healthy=True)
            yield self._stage(index, share, healthy, past)
            past = healthy.past

    def from_start(self) -> Iterator[Finding]:
        """Each harm from the first request on, stage after stage for as long as the rollout goes on."""
        if Measure.ERRORS not in self._bars or not self._spec.shares:
            return
        for harm, rate in _error_harms(self._recent.error_rate):
            past = self._none
            touched, took = np.zeros(self._rollouts), np.zeros(self._rollouts)
            found = np.zeros(self._rollouts, dtype=np.bool_)
            alive = np.arange(self._rollouts)
            for index, share in enumerate(self._spec.shares):
                began = self._first.get(rate) if index == 0 else None  # harm that begins with the first stage
                trial = began or self._trial(index, past=past, candidate_rate=rate)
                touched[alive] += trial.requests * _answered(share)
                took[alive] += np.minimum(trial.found_s, trial.advanced_s)
                found[alive[np.isfinite(trial.found_s)]] = True
                going_on = np.flatnonzero(np.isfinite(trial.advanced_s))
                alive, past = alive[going_on], trial.past.of(going_on)
                if not len(alive):
                    break
            yield self._finding(harm, np.where(found, touched, np.inf), np.where(found, took, np.inf))

    def _stage(self, index: int, share: Share, healthy: Trial, past: Past) -> StageForecast:
        lasts_s = min(_median(healthy.advanced_s), self._deadline_s)
        return StageForecast(
            index=index,
            name=stage_name(self._spec, index),
            share=share,
            requests_per_s=self._recent.requests_per_s * _seen(share) if self._recent.known else None,
            enough_requests=_whole(_median(healthy.shown_requests)),
            enough_s=_finite(_median(healthy.shown_s)) if self._recent.known else None,
            lasts_s=lasts_s if self._recent.known else None,
            inconclusive=float((healthy.advanced_s > self._deadline_s).mean()) if self._recent.known else 0.0,
            advice=self._advice(index, share, healthy),
            findings=(*self._errors(index, past), *self._latency(share, lasts_s)),
        )

    def _errors(self, index: int, past: Past) -> Iterator[Finding]:
        if Measure.ERRORS not in self._bars:
            return
        for harm, rate in _error_harms(self._recent.error_rate):
            trial = self._trial(index, past=past, candidate_rate=rate)
            if index == 0:
                self._first[rate] = trial
            requests = np.where(np.isfinite(trial.found_s), trial.requests, np.inf)
            yield self._finding(harm, requests, trial.found_s)

    def _latency(self, share: Share, lasts_s: float) -> Iterator[Finding]:
        """Within the time that the stage takes anyway: slowness alone does not keep it from advancing."""
        test = self._spec.harm.latency
        if test is None or share.copied or Measure.LATENCY not in self._bars or self._recent.p99_s is None:
            return
        last = self._course.until(lasts_s).traffic[-1] if math.isfinite(lasts_s) else _MOST_REQUESTS
        most = min(int(last), round(100_000 / min(share.expected, 1 - share.expected)))
        looks = np.unique(np.geomspace(min(500, most), most, 36).astype(np.int64)) if most else np.zeros(1, np.int64)
        if self._recent.known:
            pace = self._recent.requests_per_s
            at = np.ceil(looks / pace / self._spec.look_s) * self._spec.look_s
            looks = np.unique(np.minimum(np.floor(at * pace).astype(np.int64), last))
        found = latency_trial(
            share.expected,
            test=test,
            # healthy stages before it may cost log(stages), never more
            bar=self._bars[Measure.LATENCY] + math.log(len(self._spec.shares)),
            slower=SLOWER,
            requests=looks,
            rollouts=self._latency_rollouts,
            draw=self._draw,
        )
        traffic = np.append(looks.astype(np.float64), np.inf)[found]
        pace = self._recent.requests_per_s if self._recent.known else 1.0
        harm = f"+{percent(SLOWER - 1)} p{test.quantile * 100:g}"
        yield self._finding(harm, traffic * share.expected, traffic / pace)

    def _trial(self, index: int, *, past: Past, candidate_rate: float, healthy: bool = False) -> Trial:
        harm = self._spec.harm.errors
        return stage_trial(
            Criteria(
                shares=self._spec.shares,
                enough=self._spec.enough,
                ratio=harm.ratio if harm is not None and not healthy else None,
                bar=self._bars.get(Measure.ERRORS, math.inf),
            ),
            index,
            course=self._course if healthy else self._course.until(self._deadline_s),
            champion_rate=self._recent.error_rate,
            candidate_rate=candidate_rate,
            past=past,
            draw=self._draw,
        )

    def _finding(self, harm: str, requests: Floats, after_s: Floats) -> Finding:
        return Finding(
            harm=harm,
            requests=_whole(_median(requests)),
            after_s=_finite(_median(after_s)) if self._recent.known else None,
            power=float(np.isfinite(requests).mean()),
        )

    def _advice(self, index: int, share: Share, healthy: Trial) -> str:
        """What would let nine of ten healthy candidates show enough in time; empty when half of them do anyway."""
        allowed = percent(self._spec.enough.max_added_errors)
        looser = f"a max_added_errors above {allowed}"
        if not self._recent.known:
            unreached = math.isinf(_median(healthy.shown_requests))
            return f"It takes more requests than a rollout has; {looser} would help." if unreached else ""
        if _median(healthy.advanced_s) <= self._deadline_s:
            return ""
        name = stage_name(self._spec, index)
        likely = f"{name[0].upper()}{name[1:]} is likely to be inconclusive after {duration(self._deadline_s)}:"
        needs_s, requests = _most(healthy.advanced_s), _most(healthy.shown_requests)
        if math.isinf(needs_s):
            return (
                f"{likely} there is far too little traffic to show at most {allowed} added errors; {looser} would help."
            )
        helps = [f"a deadline above {duration(needs_s)}"]
        wider = math.ceil(100 * requests / (self._recent.requests_per_s * self._deadline_s))
        if not share.copied and share.candidate_pct < wider <= 50:
            helps.append(f"a share of {wider} %")
        needed = f"of ten healthy candidates, nine need up to {duration(needs_s)}."
        return f"{likely} {needed} {_either([*helps, looser])} would help."


def _course(spec: RolloutSpec, recent: Recent) -> Course:
    """The looks at one stage, ever rarer: each at first, later one in 6 % more."""
    if not recent.known:
        at = np.unique(np.ceil(np.geomspace(1, _MOST_REQUESTS, _MOMENTS)))
        return Course(at=at, traffic=at.astype(np.int64), hold_s=0.0)
    looks = np.unique(np.ceil(np.geomspace(1, _BEYOND * spec.deadline_s / spec.look_s, _MOMENTS)))
    at = np.unique([*(looks * spec.look_s), *(one for one in (spec.hold_s, spec.deadline_s) if one > 0)])
    return Course(at=at, traffic=np.floor(at * recent.requests_per_s).astype(np.int64), hold_s=spec.hold_s)


def _error_harms(base: float) -> Iterator[tuple[str, float]]:
    """The harms that are tried, each with the candidate's error rate."""
    if base > 0:
        yield from ((f"{ratio:g}x errors", min(base * ratio, 1.0)) for ratio in RATIOS)
    if base < RARE:
        yield from ((f"+{percent(added)} errors", base + added) for added in ADDED)


def _seen(share: Share) -> float:
    """The part of all requests that the candidate sees and is counted for."""
    return share.shadow_pct / 100 if share.copied else share.candidate_pct / 100


def _answered(share: Share) -> float:
    """Requests that the candidate answers callers, for each that is counted."""
    return share.candidate_pct / 100 / _seen(share)


def _median(values: Floats) -> float:
    """Not between two values, of which one might be infinite."""
    return float(np.quantile(values, 0.5, method="higher"))


def _most(values: Floats) -> float:
    return float(np.quantile(values, 0.9, method="higher"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _whole(value: float) -> int | None:
    return round(value) if math.isfinite(value) else None


def _either(ways: Sequence[str]) -> str:
    text = f"{', '.join(ways[:-1])} or {ways[-1]}"
    return text[0].upper() + text[1:]
