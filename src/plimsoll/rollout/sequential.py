"""What a rollout's counts prove, however often one looks: e-processes for harm, for harmlessness and for the split.

An e-process is a figure whose expectation never exceeds 1 while its hypothesis is true, at whatever moment one stops.
By Ville's inequality it then ever reaches 1/alpha with probability alpha at most, so it may be looked at after every
request. All functions take cumulative counts and return natural logarithms, which cannot overflow. Nothing here reads
a clock, draws a random number or decides what to do: decide.py does.

What every argument below rests on: units (requests, or whatever sticks to one arm) are sent to the candidate at random
with the stage's share, independently of each other and of what they are. So where callers stick to an arm, count each
caller once in a stage, as a request and as an error alike; counting all of a caller's requests is not valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln

from plimsoll.kernel.histogram import Histogram, buckets_apart

Floats = NDArray[np.float64]

RATIOS: Floats = np.geomspace(1.05, 10, 25)
"""How much worse than tolerated a candidate may be: the alternatives over which evidence of harm is averaged."""

NULL_AND_RATIOS: Floats = np.concatenate([[1.0], RATIOS])
"""With the hypothesis itself among the alternatives no average falls below 1/26, whatever the counts."""

BETS: Floats = 1 / (1 + 4.0 ** np.arange(-3, 7))
"""What part of the stake one candidate error costs. At a small share and base rate b, 1 / (1 + b/added) is best."""

SPLIT_WEIGHT = 100.0
"""Units of belief in the intended split: shares that are off by about a standard error of so many are found soonest.
Of 10, 100 and 1,000 the quickest, or within 15 % of it, to see .48 for .5, .04 for .05 and .008 for .01."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageErrors:
    """The errors of one stage: all of them, and those of the candidate."""

    share: float
    """The candidate's share of traffic, from 0 to 1."""
    candidate: int
    total: int

    def __post_init__(self) -> None:
        _require(0 <= self.share <= 1, self)
        _require(0 <= self.candidate <= self.total, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequests:
    """Both arms' requests of one stage, and how many of them were errors."""

    share: float
    """The candidate's share of traffic, from 0 to 1; 1/2 where both arms see each request."""
    candidate: int
    candidate_errors: int
    champion: int
    champion_errors: int

    def __post_init__(self) -> None:
        _require(0 <= self.share <= 1, self)
        _require(0 <= self.candidate_errors <= self.candidate, self)
        _require(0 <= self.champion_errors <= self.champion, self)


def log_e_errors(stages: Sequence[StageErrors], *, ratio: float) -> float:
    """Evidence that the candidate's error rate is more than `ratio` (>= 1) times the champion's.

    Hypothesis: in every stage and at every time the ratio r of the two error rates is at most `ratio`. The rates
    themselves may move as they like, together.
    Validity: given that an error happened, it is the candidate's with probability p*r / (p*r + 1-p), p the stage's
    share, whatever the base rate. Each error multiplies in the likelihood of some larger r over that of `ratio`;
    its expectation is 1 at r = ratio and less below. An average over fixed r keeps that.
    Power: none without errors; the evidence is a function of two integers a stage, and independent of their order.
    Source: Lindon & Malek 2022 (arXiv 2011.03567), reparametrised so that it outlives changes of the share.
    """
    return float(
        log_e_errors_path(
            [stage.share for stage in stages],
            [stage.candidate for stage in stages],
            [stage.total for stage in stages],
            ratio=ratio,
        )
    )


def log_e_errors_path(share: ArrayLike, candidate: ArrayLike, total: ArrayLike, *, ratio: float) -> Floats:
    """`log_e_errors` for many moments at once.

    share: shape (stages,); candidate, total: cumulative errors, shape (..., stages). Returns shape (...).
    """
    _require_ratio(ratio)
    return _log_e_odds(share, candidate, total, tolerated=ratio, alternatives=ratio * RATIOS)


def log_e_added_errors(stages: Sequence[StageRequests], *, added: float) -> float:
    """Evidence that the candidate's error rate is less than the champion's plus `added` (-1 to 1).

    Hypothesis: at every time of all these stages, candidate rate >= champion rate + added. The champion's may move at
    will, and the share from stage to stage. Give one stage to learn about that stage.
    Validity: score a request Z = 1/p when it is a candidate error, -1/(1-p) when a champion error, else 0; p is its
    stage's share. Over the random choice of the arm its mean is the difference of the two rates, so at least `added`,
    and 1 + L*(added - Z) has mean 1 at most for every 0 <= L <= 1/(1/p - added). The product over requests is an
    e-process, and so is the average over fixed L. Requests without error count only as far as the candidate got its
    share of them, which for added > 0 can but lower the product: no traffic proves nothing.
    Copies: where both arms see each request, p = 1/2 is valid too; a pair's two factors have mean 1 at most, because
    their product only loses by errors that come in pairs.
    To compare the arms' rates over several stages together would not be valid: base rates that fall during a ramp
    flatter the candidate, who comes late (when they fall to a quarter, in every ramp of `benchmarks/rollout.py`).
    Power: without errors, n candidate requests give about n*added - log(4.3); `benchmarks/rollout.py` derives the rest.
    Source: testing by betting, Waudby-Smith & Ramdas 2023 (arXiv 2010.09686), on the inverse-propensity scores of
    Waudby-Smith et al. (arXiv 2103.06476).
    """
    return float(
        log_e_added_errors_path(
            [stage.share for stage in stages],
            candidate=[stage.candidate for stage in stages],
            candidate_errors=[stage.candidate_errors for stage in stages],
            champion=[stage.champion for stage in stages],
            champion_errors=[stage.champion_errors for stage in stages],
            added=added,
        )
    )


def log_e_added_errors_path(
    share: ArrayLike,
    *,
    candidate: ArrayLike,
    candidate_errors: ArrayLike,
    champion: ArrayLike,
    champion_errors: ArrayLike,
    added: float,
) -> Floats:
    """`log_e_added_errors` for many moments at once.

    share: shape (stages,); the cumulative counts: shape (..., stages). Returns shape (...).
    """
    _require(-1 <= added <= 1, added)
    compared = (_floats(share) > 0) & (_floats(share) < 1)  # elsewhere one arm got everything
    p = _floats(share)[compared]
    ours, lost, theirs, missed = (
        _floats(counts)[..., compared] for counts in (candidate, candidate_errors, champion, champion_errors)
    )
    counted = ours + theirs
    if added > 0:
        counted = np.minimum(counted, ours / p)
    stake = BETS / (1 / p - added)[:, None]
    return _log_mean_exp(
        lost.sum(-1)[..., None] * np.log1p(-BETS)
        + missed @ np.log1p(stake * (added + 1 / (1 - p))[:, None])
        + (counted - lost - missed) @ np.log1p(stake * added)
    )


def added_errors_upper(stages: Sequence[StageRequests], *, alpha: float) -> float:
    """The most by which the candidate's error rate exceeds the champion's in these stages, at level `alpha`; -1 to 1.

    The upper end of the confidence sequence of all differences that `log_e_added_errors` does not refuse: with
    probability 1 - alpha it is right at all times together, for a difference that stays the same. That evidence grows
    with the difference, so the end is found by halving, to 1e-9 and rounded up. 1 when nothing has been seen. At alpha
    5 %, 900 error-free requests of the candidate bring it below 0.5 %.
    """
    bar = log_bar(alpha)
    low, high = -1.0, 1.0
    if log_e_added_errors(stages, added=high) < bar:
        return high
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if log_e_added_errors(stages, added=middle) >= bar else (middle, high)
    return high


def log_e_latency(champion: Histogram, candidate: Histogram, *, quantile: float, ratio: float) -> float:
    """Evidence that the candidate's `quantile` of latency is more than `ratio` (>= 1) times the champion's.

    Hypothesis: Q(candidate) <= ratio * Q(champion), each arm's durations coming from one distribution.
    Validity: then x = Q(champion) is a duration below which at most `quantile` of the champion's lie, and at or below
    ratio*x lie at least `quantile` of the candidate's. Each of these two is the null of a coin, tested one-sided by
    the same likelihood ratios as errors; at that x the product of both is an e-process. As x is not known, the least
    product over all x is taken, which is smaller still. Within a bucket the champion's count is taken at its lower and
    the candidate's at its upper edge, which can only lower the product: exact for any bucketing, 2 % blunt.
    Being one-sided, it never calls a candidate harmful for being faster.
    Source: Howard & Ramdas 2022 (arXiv 1906.09712) for quantiles; the minimum over x as in statistics of A/B tests on
    quantiles (arXiv 2205.14762); grid of odds instead of a Beta mixture, so that one kernel serves errors and latency.
    """
    apart = buckets_apart(ratio)
    buckets, faster = _cumulated(champion)
    theirs, reached = _cumulated(candidate)
    # The least product lies in a bucket that holds durations of the champion, or above them all.
    until = np.concatenate([reached[np.searchsorted(theirs, buckets + apart, side="right")], reached[-1:]])
    return float(
        log_e_latency_path(faster, until, champion=faster[-1], candidate=reached[-1], quantile=quantile),
    )


def log_e_latency_path(
    faster: ArrayLike, until: ArrayLike, *, champion: ArrayLike, candidate: ArrayLike, quantile: float
) -> Floats:
    """`log_e_latency` for many moments at once, from counts at each duration x that is tried.

    faster: champion's durations below x, until: candidate's up to ratio*x, shape (..., xs); champion, candidate: all
    durations of each, shape (...). Returns shape (...).
    """
    _require(0 < quantile < 1, quantile)
    below, ours = _floats(faster), _floats(champion)[..., None]
    beyond, theirs = _floats(candidate)[..., None] - _floats(until), _floats(candidate)[..., None]
    log_e = _log_e_coin(below, ours, chance=quantile) + _log_e_coin(beyond, theirs, chance=1 - quantile)
    least: Floats = log_e.min(axis=-1)
    return least


def log_e_split(candidate_requests: int, requests: int, *, share: float) -> float:
    """Evidence that the door does not send `share` of the requests to the candidate: sample-ratio mismatch.

    Test it in each stage at alpha 0.001, before all else: a split that is not what it says voids every other test.
    Hypothesis: each request went to the candidate with probability `share`, independently. Two-sided.
    Validity: the likelihood under a Beta mixture over that under `share`, which has expectation 1 at any time.
    A share of 0 or 1 is no draw: the evidence is 0.
    Source: Lindon & Malek 2022 (arXiv 2011.03567), with 100 prior units.
    """
    _require(0 <= candidate_requests <= requests, (candidate_requests, requests))
    _require(0 <= share <= 1, share)
    return float(log_e_split_path(candidate_requests, requests, share=share))


def log_e_split_path(candidate_requests: ArrayLike, requests: ArrayLike, *, share: float) -> Floats:
    """`log_e_split` for many moments at once; counts of the same shape, which is that of the result."""
    ours, all_ = _floats(candidate_requests), _floats(requests)
    if share in (0, 1):
        return np.zeros(all_.shape)
    a, b = SPLIT_WEIGHT * share, SPLIT_WEIGHT * (1 - share)
    drawn = ours * math.log(share) + (all_ - ours) * math.log1p(-share)
    log_e: Floats = betaln(a + ours, b + all_ - ours) - betaln(a, b) - drawn
    return log_e


def p_value(log_e: float) -> float:
    """An anytime-valid p-value of the hypothesis against which `log_e` is evidence. Give the highest seen so far.

    Source: Ville's inequality; p = min(1, 1/max E).
    """
    return math.exp(-max(log_e, 0.0))


def log_bar(alpha: float, *, weight: float = 1.0) -> float:
    """How high a log e-value must be to refuse its hypothesis, when this test has `weight` of alpha.

    Several tests that watch one rollout share its alpha: with weights that sum to 1, the chance that any of them ever
    crosses wrongly is alpha at most, however they depend on each other (Bonferroni).
    """
    _require(0 < alpha < 1, alpha)
    _require(0 < weight <= 1, weight)
    return -math.log(alpha * weight)


def _log_e_coin(heads: Floats, tosses: Floats, *, chance: float) -> Floats:
    """Evidence that heads come more often than by `chance`; shapes that broadcast, of which the result has one."""
    shape = np.broadcast_shapes(heads.shape, tosses.shape)
    heads, tosses = np.broadcast_to(heads, shape), np.broadcast_to(tosses, shape)
    return _log_e_odds([chance], heads[..., None], tosses[..., None], tolerated=1.0, alternatives=NULL_AND_RATIOS)


def _log_e_odds(
    share: ArrayLike, hits: ArrayLike, trials: ArrayLike, *, tolerated: float, alternatives: Floats
) -> Floats:
    """Evidence that the odds of a hit, share/(1-share), are multiplied by more than `tolerated`.

    Log of the mean over alternatives r of prod (r/r0)^hits * ((1 + p(r0-1)) / (1 + p(r-1)))^trials, r0 = tolerated.
    share: shape (stages,); hits, trials: shape (..., stages). Returns shape (...).
    """
    p = _floats(share)[:, None]
    gain = _floats(hits).sum(-1)[..., None] * np.log(alternatives / tolerated)
    price = _floats(trials) @ (np.log1p(p * (alternatives - 1)) - np.log1p(p * (tolerated - 1)))
    return _log_mean_exp(gain - price)


def _log_mean_exp(logs: Floats) -> Floats:
    """Log of the mean of exponentials over the last axis, without forming any that overflows."""
    top: Floats = logs.max(axis=-1)
    mean: Floats = top + np.log(np.exp(logs - top[..., None]).mean(axis=-1))
    return mean


def _cumulated(histogram: Histogram) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The buckets in order, and how many durations lie below the first, below the second, … and in all."""
    buckets = np.fromiter(histogram.counts.keys(), dtype=np.int64)
    counts = np.fromiter(histogram.counts.values(), dtype=np.int64)
    return buckets, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])


def _floats(counts: ArrayLike) -> Floats:
    return np.asarray(counts, dtype=np.float64)


def _require_ratio(ratio: float) -> None:
    if not (ratio >= 1 and math.isfinite(ratio)):
        raise ValueError(f"a tolerated ratio is at least 1, not {ratio}")


def _require(fits: bool, given: object) -> None:
    if not fits:
        raise ValueError(f"counts, shares or levels that cannot be: {given}")
