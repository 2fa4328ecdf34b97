"""What the evidence of a rollout adds up to: shared alpha, harm that begins late, counts that must not be compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollout.worlds import a_spec, a_stage, an_arm, seen

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.histogram import Histogram
from plimsoll.rollout.decisions import Evidence, Measure, Reading
from plimsoll.rollout.judge import log_mean_of_beginnings, weigh
from plimsoll.rollout.rollouts import ErrorsTest, Harm, LatencyTest, Strategy
from plimsoll.rollout.seen import Seen

SPEC = a_spec(stages=(5.0, 25.0, 50.0))


def reading(evidence: Evidence, measure: Measure) -> Reading:
    (found,) = [one for one in evidence.harm if one.measure is measure]
    return found


@pytest.mark.parametrize(
    ("harm", "strategy", "e_value"),
    [
        (Harm(errors=ErrorsTest(), latency=None), Strategy.CANARY, 20),
        (Harm(errors=ErrorsTest(), latency=LatencyTest()), Strategy.CANARY, 40),
        (Harm(errors=ErrorsTest(), latency=LatencyTest()), Strategy.BLUE_GREEN, 20),
    ],
    ids=["one test", "two tests", "two tests of which one cannot speak"],
)
def test_tests_share_alpha_evenly(harm: Harm, strategy: Strategy, e_value: float):
    evidence = weigh(a_spec(harm=harm, strategy=strategy), seen(), stage=0)

    assert [round(one.wanted, 6) for one in evidence.harm] == [e_value] * len(evidence.harm)


def test_nothing_seen_is_no_evidence_of_anything():
    evidence = weigh(SPEC, Seen(), stage=0)

    assert not evidence.harmful
    assert not evidence.void
    assert evidence.exposure is not None
    assert evidence.exposure.added_errors == 1
    assert not evidence.exposure.enough


def test_errors_of_all_stages_are_evidence_together():
    stage = a_stage(1000, errors=3, champion_errors=19)
    once, twice = (
        reading(weigh(a_spec(stages=(5.0, 6.0)), seen(*stages), stage=0), Measure.ERRORS).log_e
        for stages in ((stage,), (stage, a_stage(1000, share=0.06, errors=3, champion_errors=19)))
    )

    assert twice > once > 0


def test_healthy_stages_do_not_hide_slowness_that_begins_late():
    healthy = StageCounts(champion=an_arm(200_000), candidate=an_arm(50_000))
    slow = StageCounts(champion=an_arm(3000), candidate=an_arm(3000, slow=90))
    alone = reading(weigh(SPEC, Seen(stages={2: slow}), stage=2), Measure.LATENCY).log_e
    late = reading(weigh(SPEC, seen(healthy, healthy, slow), stage=2), Measure.LATENCY).log_e

    assert alone - late < math.log(3) + 1e-9


def test_a_slow_hour_that_falls_into_a_stage_with_more_traffic_is_not_the_candidates_fault():
    """Merged over stages, half of the candidate's requests but a tenth of the champion's would be slow."""
    quick = StageCounts(champion=an_arm(95_000), candidate=an_arm(5000))
    slow = StageCounts(champion=an_arm(10_000, slow=10_000), candidate=an_arm(10_000, slow=10_000))

    assert weigh(SPEC, Seen(stages={0: quick, 2: slow}), stage=2).harmful is None


def test_the_latency_of_copies_is_not_compared():
    slow = StageCounts(champion=an_arm(5000), candidate=an_arm(5000, slow=5000))
    spec = a_spec(strategy=Strategy.SHADOW_THEN_CANARY)

    assert reading(weigh(spec, seen(slow), stage=0), Measure.LATENCY).log_e == pytest.approx(0)


@given(st.lists(st.floats(-1e5, 1e5), max_size=6))
def test_the_mean_of_beginnings_costs_at_most_the_number_of_stages(logs: list[float]):
    assert log_mean_of_beginnings(logs) >= max([math.fsum(logs[k:]) for k in range(len(logs))], default=0.0) - math.log(
        max(len(logs), 1)
    ) - 1e-6 * (1 + max(map(abs, logs), default=0))


def test_the_mean_of_beginnings_has_expectation_one_without_harm():
    """Over all paths of three stages whose e-values are 3 or 1/3 with probabilities 1/4 and 3/4, so 1 on average."""
    chances = {math.log(3): 0.25, math.log(1 / 3): 0.75}
    mean = sum(
        chances[a] * chances[b] * chances[c] * math.exp(log_mean_of_beginnings([a, b, c]))
        for a in chances
        for b in chances
        for c in chances
    )

    assert mean == pytest.approx(1)


def test_contradicting_counts_void_without_being_computed_with():
    broken = StageCounts(candidate=an_arm(10, errors=11))
    evidence = weigh(SPEC, seen(a_stage(1000), broken), stage=1)

    assert evidence.void
    assert evidence.broken == (1,)
    assert evidence.harm == ()
    assert evidence.exposure is None


def test_only_answered_requests_are_touched_and_only_unanswered_ones_noticed():
    shadow = StageCounts(champion=an_arm(500), candidate=an_arm(500, errors=9))
    canary = StageCounts(
        champion=an_arm(1900), candidate=an_arm(100, errors=7), noticed=2, fallback=Histogram.of([0.02] * 5)
    )
    cost = weigh(a_spec(strategy=Strategy.SHADOW_THEN_CANARY), seen(shadow, canary), stage=1).cost

    assert (cost.touched, cost.erred, cost.noticed) == (100, 7, 2)
    assert cost.fallback_p99_s == pytest.approx(0.02, rel=0.02)


def test_copies_that_err_together_are_not_mistaken_for_harm():
    """Where the same inputs fail in both arms, the error test over pairs crosses less often than it may."""
    random = np.random.default_rng(7)
    spec = a_spec(strategy=Strategy.BLUE_GREEN, harm=Harm(errors=ErrorsTest(ratio=1.0), latency=None))
    crossed = 0
    for _ in range(200):
        hard = random.random(2000) < 0.02
        ours, theirs = (np.cumsum(hard & (random.random(2000) < 0.5)) for _ in range(2))
        crossed += any(
            weigh(
                spec, seen(StageCounts(champion=an_arm(n, errors=theirs[n - 1]), candidate=an_arm(n, errors=ours[n - 1]))),
                stage=0,
            ).harmful
            is not None
            for n in (250, 500, 1000, 2000)
        )  # fmt: skip

    assert crossed <= 10
