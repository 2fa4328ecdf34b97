"""Simulated stages keep the promises of the tests that judge them, and count what a stage would count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plimsoll.rollout.rollouts import Enough, LatencyTest, Share
from plimsoll.rollout.sequential import log_bar
from plimsoll.rollout.trials import Course, Criteria, Past, Trial, latency_trial, stage_trial

ROLLOUTS = 400
BOUND_ONLY = Enough(requests=1)
SHARES = (Share(candidate_pct=5.0), Share(candidate_pct=50.0))


def a_trial(
    *,
    index: int = 1,
    shares: tuple[Share, ...] = SHARES,
    rates: tuple[float, float] = (0.01, 0.01),
    enough: Enough = BOUND_ONLY,
    hold_s: float = 0.0,
    past: Past | None = None,
    **changes: Any,
) -> Trial:
    """A stage of 4,000 s with ten requests a second, looked at every 20 s."""
    at = np.arange(20.0, 4001.0, 20.0)
    return stage_trial(
        Criteria(shares=shares, enough=enough, **{"ratio": 1.0, "bar": log_bar(0.05), **changes}),
        index,
        course=Course(at=at, traffic=(10 * at).astype(np.int64), hold_s=hold_s),
        champion_rate=rates[0],
        candidate_rate=rates[1],
        past=past or Past.none(ROLLOUTS, len(shares)),
        draw=np.random.default_rng(1),
    )


def happened(seconds: np.ndarray) -> float:
    return float(np.isfinite(seconds).mean())


def test_a_harmless_candidate_is_seldom_called_harmful():
    assert happened(a_trial(enough=Enough(requests=10**9)).found_s) <= 0.05


def test_a_harmful_candidate_is_found_and_seldom_advances():
    trial = a_trial(rates=(0.01, 0.04))

    assert happened(trial.found_s) > 0.95
    assert happened(trial.advanced_s) <= 0.05
    assert not (np.isfinite(trial.found_s) & np.isfinite(trial.advanced_s)).any()


def test_what_adds_just_what_is_allowed_seldom_advances():
    assert happened(a_trial(rates=(0.01, 0.015), ratio=None).advanced_s) <= 0.05


def test_a_stage_is_held_although_enough_was_seen():
    trial = a_trial(rates=(0.0, 0.0), hold_s=1000.0)

    assert (trial.shown_s < 400).all()
    assert (trial.advanced_s == 1000).all()
    assert trial.requests == pytest.approx(np.full(ROLLOUTS, 5000), rel=0.1)
    assert (trial.shown_requests < trial.requests).all()


def test_not_enough_requests_do_not_advance():
    assert happened(a_trial(rates=(0.0, 0.0), enough=Enough(requests=30_000)).advanced_s) == 0


def test_both_arms_of_copies_see_the_same_requests():
    trial = a_trial(index=0, shares=(Share(candidate_pct=0.0, shadow_pct=100.0),), enough=Enough(requests=10**9))

    assert (trial.requests[np.isinf(trial.found_s)] == 40_000).all()


def test_errors_of_an_earlier_stage_count_on():
    """Evidence that was nearly enough in one stage is soon enough in the next."""
    past = Past(candidate=np.tile([6.0, 0.0], (ROLLOUTS, 1)), total=np.tile([20.0, 0.0], (ROLLOUTS, 1)))
    alone, after = (np.median(a_trial(rates=(0.01, 0.03), past=one).found_s) for one in (None, past))

    assert after < alone


def test_the_errors_that_were_seen_are_handed_on():
    trial = a_trial(rates=(0.0, 0.1), enough=Enough(requests=10**9))

    assert (trial.past.candidate[:, 1] > 0).all()
    assert (trial.past.candidate == trial.past.total).all()
    assert not trial.past.total[:, 0].any()


@pytest.mark.parametrize(("slower", "lowest", "highest"), [(1.0, 0.0, 0.05), (1.2, 0.0, 0.05), (1.8, 0.95, 1.0)])
def test_latency_is_called_harmful_when_it_is(slower: float, lowest: float, highest: float):
    found = latency_trial(
        0.5,
        test=LatencyTest(ratio=1.2),
        bar=log_bar(0.05),
        slower=slower,
        requests=np.arange(500, 20_001, 500),
        rollouts=100,
        draw=np.random.default_rng(1),
    )

    assert lowest <= float((found < 40).mean()) <= highest
