"""Weighs what a rollout has seen: has harm been proven, was the split sound, has the stage shown enough?

Every test is anytime-valid: it may be read after each request, and its error rate holds over all readings together.
Alpha is shared by the tests, never by the looks. Harm is gathered over all stages; what a stage must show, in itself.
Source of the tests: `sequential.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from plimsoll.capture.counts import EMPTY
from plimsoll.rollout.decisions import Cost, Evidence, Exposure, Measure, Reading
from plimsoll.rollout.rollouts import ErrorsTest, LatencyTest, RolloutSpec
from plimsoll.rollout.seen import Seen
from plimsoll.rollout.sequential import (
    StageErrors,
    StageRequests,
    added_errors_upper,
    log_bar,
    log_e_errors,
    log_e_latency,
    log_e_split,
)


def weigh(spec: RolloutSpec, seen: Seen, *, stage: int | None) -> Evidence:
    """All evidence at this moment; `stage` is the one that must show enough, None outside the stages."""
    broken = tuple(index for index in range(len(spec.shares)) if not seen.of(index).sound)
    return Evidence(
        stage=stage,
        harm=() if broken else _harm(spec, seen),
        split=_split(spec, seen, broken=broken),
        broken=broken,
        exposure=None if stage is None or broken else _exposure(spec, seen, stage=stage),
        cost=_cost(spec, seen),
    )


def _harm(spec: RolloutSpec, seen: Seen) -> tuple[Reading, ...]:
    """Each test that can speak in this rollout, with an even part of alpha."""
    logs: dict[Measure, float] = {}
    if spec.harm.errors is not None:
        logs[Measure.ERRORS] = _errors(spec, seen, test=spec.harm.errors)
    if spec.harm.latency is not None and not all(share.copied for share in spec.shares):
        logs[Measure.LATENCY] = _latency(spec, seen, test=spec.harm.latency)
    return tuple(
        Reading(measure=measure, log_e=log_e, limit=log_bar(spec.harm.alpha, weight=1 / len(logs)))
        for measure, log_e in logs.items()
    )


def _errors(spec: RolloutSpec, seen: Seen, *, test: ErrorsTest) -> float:
    """The ramp-proof test of errors over all stages.

    It holds for stages of copies too, with a share of one half: with u = the factor of a candidate's error and v = that
    of a champion's, a request on which both err has the factor uv <= u + v - 1, because u > 1 > v. So errors that come
    in pairs, as those of copies do, only make it slower.
    """
    stages = [
        StageErrors(
            share=share.expected, candidate=seen.of(index).candidate.errors, total=seen.of(index).errors
        )
        for index, share in enumerate(spec.shares)
    ]  # fmt: skip
    return log_e_errors(stages, ratio=test.ratio)


def _latency(spec: RolloutSpec, seen: Seen, *, test: LatencyTest) -> float:
    """The test of a quantile, stage by stage, for slowness that may begin in any of them.

    Histograms of several stages are not merged: the arms' shares of slow and of fast hours would differ. Stages of
    copies are left out: the test multiplies the arms' evidence, which needs them to be independent.
    """
    logs = [
        0.0
        if share.copied
        else log_e_latency(
            seen.of(index).champion.latency,
            seen.of(index).candidate.latency,
            quantile=test.quantile,
            ratio=test.ratio,
        )
        for index, share in enumerate(spec.shares)
    ]
    return log_mean_of_beginnings(logs)


def log_mean_of_beginnings(logs: Sequence[float]) -> float:
    """The log e-value of stages, each with one of its own, against harm that begins in any one of them.

    The mean over the stages k of the product of the e-values from k on. Each product starts at 1 and is a
    supermartingale while there is no harm, so their mean is one too; unlike the plain product it is not diluted by
    healthy stages before the harm. Costs at most log(number of stages). No stages: 0, no evidence.
    """
    if not logs:
        return 0.0
    sums = [math.fsum(logs[start:]) for start in range(len(logs))]
    highest = max(sums)
    return highest + math.log(math.fsum(math.exp(one - highest) for one in sums) / len(sums))


def _split(spec: RolloutSpec, seen: Seen, *, broken: tuple[int, ...]) -> Reading:
    logs = [
        log_e_split(seen.of(index).candidate.units, seen.of(index).units, share=share.expected)
        for index, share in enumerate(spec.shares)
        if index not in broken
    ]
    limit = log_bar(spec.split_alpha, weight=1 / max(len(spec.shares), 1))
    return Reading(measure=Measure.SPLIT, log_e=max(logs, default=0.0), limit=limit)


def _exposure(spec: RolloutSpec, seen: Seen, *, stage: int) -> Exposure:
    """What this one stage has shown; each must show it for itself, so no advance rests on an earlier stage's traffic."""
    counts = seen.of(stage)
    requests = StageRequests(
        share=spec.shares[stage].expected,
        candidate=counts.candidate.units,
        candidate_errors=counts.candidate.errors,
        champion=counts.champion.units,
        champion_errors=counts.champion.errors,
    )
    return Exposure(
        requests=counts.candidate.units,
        wanted=spec.enough.requests,
        added_errors=_added_errors_upper(requests, alpha=spec.enough.alpha),
        allowed=spec.enough.max_added_errors,
    )


@lru_cache(maxsize=256)  # the slowest figure of a look by far, and most looks find nothing new
def _added_errors_upper(requests: StageRequests, *, alpha: float) -> float:
    return added_errors_upper([requests], alpha=alpha)


def _cost(spec: RolloutSpec, seen: Seen) -> Cost:
    answered = [seen.of(index) for index, share in enumerate(spec.shares) if share.candidate_pct > 0]
    return Cost(
        touched=sum(counts.candidate.requests for counts in answered),
        erred=sum(counts.fallback.total + counts.noticed for counts in answered),
        noticed=sum(counts.noticed for counts in answered),
        fallback_p99_s=EMPTY.merged(*(counts.fallback for counts in answered)).quantile(0.99),
    )
