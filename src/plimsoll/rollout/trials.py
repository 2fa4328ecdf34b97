"""Simulated stages of a rollout, judged by the shipped tests at every look: what a forecast counts.

Chances are arguments and randomness is a generator handed in, so the same seed gives the same trials. What the trials
say about a rollout is put together in forecast.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from plimsoll.kernel.histogram import RATIO, buckets_apart
from plimsoll.rollout.rollouts import Enough, LatencyTest, Share
from plimsoll.rollout.sequential import log_bar, log_e_added_errors_path, log_e_errors_path, log_e_latency_path

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_BLOCK = 16
"""So many moments are drawn and judged at once; rollouts that have ended are left out of the next block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """When a stage is looked at, and what has come by then."""

    at: Floats
    """Seconds since the stage began, rising; the stage ends with the last. Shape (moments,)."""
    traffic: Counts
    """Requests that came to the environment by then."""
    hold_s: float
    """It does not end well before this."""

    def until(self, seconds: float) -> Course:
        """The moments up to and with this one."""
        kept = self.at <= seconds
        return Course(at=self.at[kept], traffic=self.traffic[kept], hold_s=self.hold_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The errors of the stages so far in each of many rollouts: shape (rollouts, stages)."""

    candidate: Floats
    total: Floats

    @classmethod
    def none(cls, rollouts: int, stages: int) -> Past:
        return cls(candidate=np.zeros((rollouts, stages)), total=np.zeros((rollouts, stages)))

    def of(self, rows: NDArray[np.intp]) -> Past:
        return Past(candidate=self.candidate[rows], total=self.total[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one stage went in each of many rollouts; seconds are infinite for what did not happen. Shape (rollouts,)."""

    found_s: Floats
    """When harm was proven."""
    shown_s: Floats
    """When enough had been seen, were there no time to hold."""
    shown_requests: Floats
    """The candidate's requests at that time."""
    advanced_s: Floats
    requests: Floats
    """The candidate's when the stage ended, in whatever way."""
    past: Past
    """This stage's errors among the others'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a stage is judged by."""

    shares: tuple[Share, ...]
    enough: Enough
    ratio: float | None
    """Tolerated ratio of the error rates; None: errors are not looked at for harm."""
    bar: float
    """What the evidence of harm by errors must reach, as a logarithm."""


def stage_trial(
    criteria: Criteria,
    index: int,
    *,
    course: Course,
    champion_rate: float,
    candidate_rate: float,
    past: Past,
    draw: np.random.Generator,
) -> Trial:
    """Stage `index` in as many rollouts as `past` has, with these error rates, until harm, enough seen or its end."""
    rollouts = len(past.total)
    never = np.full(rollouts, np.inf)
    found_s, shown_s, shown_requests, advanced_s = (never.copy() for _ in range(4))
    counts = np.zeros((4, rollouts))
    alive = np.arange(rollouts)
    before = 0
    for begin in range(0, len(course.at), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        at, traffic = course.at[part], np.diff(course.traffic[part], prepend=before)
        before = int(course.traffic[part][-1])
        drawn = _drawn(criteria.shares[index], traffic, len(alive), (champion_rate, candidate_rate), draw)
        seen = counts[:, alive, None] + np.cumsum(drawn, axis=2)

        harmful = _harmful(criteria, index, seen, past.of(alive))
        shown = _shown(criteria, index, seen)
        advanced = shown & (at >= course.hold_s)
        over = harmful | advanced

        first_shown = shown & np.isinf(shown_s[alive])[:, None]
        news = first_shown.any(axis=1)
        step = first_shown.argmax(axis=1)[news]
        shown_s[alive[news]] = at[step]
        shown_requests[alive[news]] = seen[0, news, step]

        ended = over.any(axis=1)
        step = np.where(ended, over.argmax(axis=1), len(at) - 1)
        rows = np.arange(len(alive))
        counts[:, alive] = seen[:, rows, step]
        by_harm = ended & harmful[rows, step]
        found_s[alive[by_harm]] = at[step[by_harm]]
        by_advance = ended & ~harmful[rows, step]
        advanced_s[alive[by_advance]] = at[step[by_advance]]
        alive = alive[~ended]
        if not len(alive):
            break
    return Trial(
        found_s=found_s,
        shown_s=shown_s,
        shown_requests=shown_requests,
        advanced_s=advanced_s,
        requests=counts[0],
        past=_with(past, index, candidate=counts[1], total=counts[1] + counts[3]),
    )


def latency_trial(
    share: float,
    *,
    test: LatencyTest,
    bar: float,
    slower: float,
    requests: Counts,
    rollouts: int,
    draw: np.random.Generator,
) -> NDArray[np.intp]:
    """Which of these moments proves a candidate `slower` by this factor; their number where none does.

    requests: of both arms at each moment, rising, shape (moments,). Returns shape (rollouts,).
    Durations are log-normal with a sigma of 0.5, whatever their scale, which the test does not depend on. Those below
    the champion's 90 % quantile (of a test of the 99 % one) are one cell: the least evidence never lies there.
    """
    usual, slow = _cells(test.quantile, slower=1.0), _cells(test.quantile, slower=slower)
    apart = buckets_apart(test.ratio)
    beyond = np.minimum(np.arange(len(usual) + 1) + apart, len(usual) - 1)
    champion, candidate = np.zeros((rollouts, len(usual))), np.zeros((rollouts, len(usual)))
    found = np.full(rollouts, len(requests))
    alive = np.arange(rollouts)
    for moment, more in enumerate(np.diff(requests, prepend=0)):
        ours = draw.binomial(more, share, len(alive))
        champion[alive] += draw.multinomial(more - ours, usual)
        candidate[alive] += draw.multinomial(ours, slow)
        reached, until = champion[alive].cumsum(axis=1), candidate[alive].cumsum(axis=1)
        log_e = log_e_latency_path(
            np.concatenate([np.zeros((len(alive), 1)), reached], axis=1),
            until[:, beyond],
            champion=reached[:, -1],
            candidate=until[:, -1],
            quantile=test.quantile,
        )
        found[alive[log_e >= bar]] = moment
        alive = alive[log_e < bar]
        if not len(alive):
            break
    return found


def _drawn(
    share: Share, traffic: Counts, rollouts: int, rates: tuple[float, float], draw: np.random.Generator
) -> NDArray[np.int64]:
    """New requests and errors of candidate and champion between the moments: shape (4, rollouts, moments)."""
    size = (rollouts, len(traffic))
    if share.copied:
        ours = draw.binomial(traffic, share.shadow_pct / 100, size)
        theirs = ours
    else:
        ours = draw.binomial(traffic, share.expected, size)
        theirs = traffic - ours
    return np.stack([ours, draw.binomial(ours, rates[1]), theirs, draw.binomial(theirs, rates[0])])


def _harmful(criteria: Criteria, index: int, seen: Floats, past: Past) -> NDArray[np.bool_]:
    if criteria.ratio is None:
        return np.zeros(seen.shape[1:], dtype=np.bool_)
    _, lost, _, missed = seen
    candidate, total = (
        np.repeat(errors[:, None, :], seen.shape[2], axis=1) for errors in (past.candidate, past.total)
    )  # fmt: skip
    candidate[..., index] += lost
    total[..., index] += lost + missed
    shares = [share.expected for share in criteria.shares]
    crossed: NDArray[np.bool_] = log_e_errors_path(shares, candidate, total, ratio=criteria.ratio) >= criteria.bar
    return crossed


def _shown(criteria: Criteria, index: int, seen: Floats) -> NDArray[np.bool_]:
    ours, lost, theirs, missed = seen[..., None]
    log_e = log_e_added_errors_path(
        [criteria.shares[index].expected],
        candidate=ours,
        candidate_errors=lost,
        champion=theirs,
        champion_errors=missed,
        added=criteria.enough.max_added_errors,
    )
    shown: NDArray[np.bool_] = (log_e >= log_bar(criteria.enough.alpha)) & (seen[0] >= max(criteria.enough.requests, 1))
    return shown


def _with(past: Past, index: int, *, candidate: Floats, total: Floats) -> Past:
    ours, all_ = past.candidate.copy(), past.total.copy()
    ours[:, index], all_[:, index] = candidate, total
    return Past(candidate=ours, total=all_)


def _cells(quantile: float, *, slower: float, sigma: float = 0.5) -> Floats:
    """The chance of each bucket from some way below the quantile to far beyond it."""
    step = math.log(RATIO)
    lowest = ndtri(1 - 10 * (1 - quantile)) * sigma if quantile > 0.9 else -3 * sigma
    edges = np.arange(lowest, 3.5 * sigma + math.log(1.5), step)
    reached = ndtr((edges - math.log(slower)) / sigma)
    return np.diff(reached, prepend=0, append=1)
