"""What a plan promises: figures as measured for the shipped tests, more traffic never slower, deadlines kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.rollout.worlds import START, a_spec, added, an_arm, at, seen

from plimsoll.capture.counts import StageCounts
from plimsoll.rollout.decide import decide
from plimsoll.rollout.forecast import Finding, Forecast, Recent, forecast
from plimsoll.rollout.forecast_text import forecast_text
from plimsoll.rollout.report import WIDTH
from plimsoll.rollout.rollouts import (
    Enough,
    ErrorsTest,
    Harm,
    LatencyTest,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Stage,
    Strategy,
)

ERRORS_ONLY = Harm(errors=ErrorsTest(ratio=1.0), latency=None)


def recent(**changes: Any) -> Recent:
    measured = {
        "requests_per_s": 20.0,
        "error_rate": 0.01,
        "p99_s": 0.05,
        "measured_over_s": 3600.0,
        "requests": 72_000,
    }
    return Recent(**{**measured, **changes})


def a_forecast(spec: RolloutSpec, traffic: Recent, *, seed: int = 1, stick_to: str = "") -> Forecast:
    return forecast(spec, traffic, draw=np.random.default_rng(seed), stick_to=stick_to)


def finding(findings: tuple[Finding, ...], harm: str) -> Finding:
    (found,) = [one for one in findings if one.harm == harm]
    return found


@pytest.mark.parametrize(
    ("harm", "requests"), [("2x errors", 969), ("3x errors", 239), ("5x errors", 70)], ids=["2x", "3x", "5x"]
)
def test_harm_from_the_first_request_touches_as_many_as_were_measured(harm: str, requests: int):
    """The acceptance table's ramp: base 1 %, stages of 1, 5, 25 and 50 %, looked at all the time."""
    spec = a_spec(stages=(1.0, 5.0, 25.0, 50.0), harm=ERRORS_ONLY, look_s=0.5)
    found = finding(a_forecast(spec, recent(requests_per_s=50.0)).from_start, harm)

    assert found.requests == pytest.approx(requests, rel=0.3)
    assert found.power > 0.95


@pytest.mark.parametrize(("base", "requests", "within"), [(0.0, 908, 0.1), (0.01, 4985, 0.2)], ids=["0 %", "1 %"])
def test_a_healthy_candidate_needs_as_many_requests_as_were_measured(base: float, requests: int, within: float):
    spec = a_spec(stages=(5.0,), enough=Enough(requests=1))
    (stage,) = a_forecast(spec, recent(error_rate=base)).stages

    assert stage.enough_requests == pytest.approx(requests, rel=within)


def test_a_higher_base_rate_needs_more_requests_to_advance():
    needed = [
        a_forecast(a_spec(stages=(10.0,), enough=Enough(requests=1)), recent(error_rate=base)).stages[0].enough_requests
        for base in (0.0, 0.002, 0.01, 0.05)
    ]

    assert None not in needed
    assert needed == sorted(needed)  # type: ignore[type-var]
    assert len(set(needed)) == len(needed)


def test_more_traffic_is_never_slower():
    plans = [a_forecast(a_spec(), recent(requests_per_s=pace)) for pace in (2.0, 8.0, 32.0, 512.0)]
    totals = [plan.total_s for plan in plans[1:]]
    threefold = [finding(plan.stages[0].findings, "3x errors").after_s for plan in plans]

    assert plans[0].stages[0].lasts_s is not None
    assert None not in totals
    assert None not in threefold
    assert totals == sorted(totals, reverse=True)  # type: ignore[type-var]
    assert threefold == sorted(threefold, reverse=True)  # type: ignore[type-var]


def test_greater_harm_is_found_sooner_in_every_stage():
    for stage in a_forecast(a_spec(), recent()).stages:
        found = [finding(stage.findings, f"{ratio}x errors").requests for ratio in (2, 3, 5, 10)]
        assert None not in found
        assert found == sorted(found, reverse=True)  # type: ignore[type-var]


def test_no_stage_ends_before_its_hold_or_after_its_deadline():
    spec = a_spec(hold_s=1234.0, deadline_s=5000.0)
    for pace in (0.5, 5.0, 5000.0):
        for stage in a_forecast(spec, recent(requests_per_s=pace)).stages:
            assert stage.lasts_s is not None
            assert 1234 <= stage.lasts_s <= 5000
            assert all(one.after_s is None or one.after_s <= 5000 for one in stage.findings)


def test_a_stage_that_cannot_show_enough_in_time_says_what_would_help():
    plan = a_forecast(a_spec(), recent(requests_per_s=0.5))
    first, *_, last = plan.stages

    assert first.inconclusive > 0.75
    assert first.lasts_s == a_spec().deadline_s
    assert "is likely to be inconclusive after 1 d" in first.advice
    assert "a deadline above" in first.advice.lower()
    assert "a share of" in first.advice
    assert last.advice == ""
    assert plan.total_s is None
    assert "likely to get stuck in stage 1 of 3 (5 %)" in " ".join(forecast_text(plan).split())


def test_the_share_that_is_advised_suffices():
    advice = a_forecast(a_spec(stages=(5.0,)), recent(requests_per_s=0.5)).stages[0].advice
    share = float(advice.split("a share of ")[1].split(" %")[0])

    (stage,) = a_forecast(a_spec(stages=(share,)), recent(requests_per_s=0.5)).stages
    assert stage.inconclusive < 0.25


def test_without_traffic_there_are_requests_and_no_times():
    plan = a_forecast(a_spec(), recent(requests=0, requests_per_s=0.0))

    assert plan.total_s is None
    for stage in plan.stages:
        assert (stage.requests_per_s, stage.enough_s, stage.lasts_s) == (None, None, None)
        assert stage.enough_requests is not None
        assert all(one.after_s is None and one.requests is not None for one in stage.findings)
    assert "traffic is not known, so there are figures in requests only" in forecast_text(plan)


def test_where_nobody_errs_harm_is_errors_that_are_added():
    (stage,) = a_forecast(a_spec(stages=(5.0,)), recent(error_rate=0.0, requests_per_s=100.0)).stages

    assert [one.harm for one in stage.findings] == ["+1 % errors", "+10 % errors", "+50 % p99"]
    assert all(one.power > 0.95 for one in stage.findings)


def test_slowness_is_found_as_soon_as_was_measured():
    """Half of the traffic each, nothing tolerated, p99 +50 %: 2,500 to 3,000 requests of both arms."""
    spec = a_spec(stages=(50.0,), harm=Harm(errors=None, latency=LatencyTest(ratio=1.0)))
    (stage,) = a_forecast(spec, recent(requests_per_s=50.0)).stages
    (found,) = stage.findings

    assert found.requests is not None
    assert 1000 <= found.requests <= 1800


def test_slowness_that_is_tolerated_is_not_found():
    spec = a_spec(stages=(50.0,), harm=Harm(latency=LatencyTest(ratio=2.0)))
    (stage,) = a_forecast(spec, recent()).stages

    assert finding(stage.findings, "+50 % p99").power == 0


def test_copies_touch_nobody_and_tell_nothing_of_latency():
    plan = a_forecast(a_spec(strategy=Strategy.SHADOW_THEN_CANARY), recent())

    assert all("p99" not in one.harm for one in plan.stages[0].findings)
    assert finding(plan.from_start, "3x errors").requests == 0


def test_a_candidate_that_answers_all_is_judged_by_the_copies_and_touches_every_request():
    spec = a_spec(strategy=Strategy.BLUE_GREEN, shadow_pct=10.0)
    plan = a_forecast(spec, recent())
    (stage,) = plan.stages
    in_stage, touched = finding(stage.findings, "3x errors"), finding(plan.from_start, "3x errors")

    assert stage.requests_per_s == pytest.approx(2.0)
    assert in_stage.requests is not None
    assert touched.requests == pytest.approx(10 * in_stage.requests, rel=0.3)


def test_the_same_seed_gives_the_same_forecast():
    assert a_forecast(a_spec(), recent(), seed=3) == a_forecast(a_spec(), recent(), seed=3)
    assert a_forecast(a_spec(), recent(), seed=3) != a_forecast(a_spec(), recent(), seed=4)


def test_without_stages_there_is_nothing_to_forecast():
    plan = a_forecast(a_spec(strategy=Strategy.ALL_AT_ONCE), recent())

    assert plan.stages == plan.from_start == ()
    assert forecast_text(plan).endswith("live as soon as it is ready; there is no stage to judge it in")


def test_callers_that_stick_are_what_is_counted():
    text = forecast_text(a_forecast(a_spec(stages=(5.0,)), recent(), stick_to="customer_id"))

    assert "distinct customer_ids of the candidate" in text
    assert "each counts once in a stage" in text


def test_a_rate_that_rests_on_few_errors_is_called_a_guess():
    assert "rough guess" in forecast_text(a_forecast(a_spec(stages=(5.0,)), recent(requests=300)))
    assert "rough guess" not in forecast_text(a_forecast(a_spec(stages=(5.0,)), recent()))


@pytest.mark.parametrize(
    ("spec", "traffic"),
    [
        (a_spec(), recent()),
        (a_spec(strategy=Strategy.SHADOW_THEN_CANARY), recent(requests_per_s=0.1, error_rate=0.0002, requests=360)),
        (a_spec(stages=(0.1, 12.5, 50.0)), recent(requests_per_s=90_000.0, error_rate=0.0005)),
        (a_spec(stages=(0.1, 99.9)), recent(requests=0, error_rate=0.2)),
        (a_spec(harm=Harm(errors=None, latency=None)), recent()),
    ],
    ids=["usual", "hardly any traffic", "much traffic", "unknown traffic", "nothing tested"],
)
def test_a_forecast_is_read_within_100_columns(spec: RolloutSpec, traffic: Recent):
    plan = a_forecast(spec, traffic)
    text = forecast_text(plan)

    assert all(len(line) <= WIDTH for line in text.splitlines()), text
    assert all(f"{stage.index + 1} of {len(plan.stages)} (" in text for stage in plan.stages)


def test_the_table_says_how_long_and_how_soon():
    lines = forecast_text(a_forecast(a_spec(stages=(25.0,), hold_s=720.0), recent(error_rate=0.0))).splitlines()
    (stage,) = [line for line in lines if line.startswith("1 of 1 (25 %)")]

    assert stage.split()[5:7] == ["12", "min"]
    assert 1000 <= int(stage.split()[7].replace(",", "")) <= 1100


def test_rollouts_that_are_really_decided_end_as_was_forecast():
    """The same harm through `decide`, looked at every 5 s as in production: half of them have ended by then."""
    spec = a_spec(stages=(5.0, 50.0), harm=Harm(latency=None), hold_s=600.0)
    expected = finding(a_forecast(spec, recent(requests_per_s=40.0, error_rate=0.004)).from_start, "5x errors")
    costs = sorted(decided_cost(spec, pace=40, base=0.004, rate=0.02, seed=seed) for seed in range(21))

    assert expected.requests is not None
    assert costs[5] <= expected.requests <= costs[15]


def decided_cost(spec: RolloutSpec, *, pace: int, base: float, rate: float, seed: int) -> int:
    """How many requests a harmful candidate touches in its first stage before it is taken back."""
    random = np.random.default_rng(seed)
    state: RolloutState = Stage(index=0, since=START)
    champion = candidate = an_arm(0)
    for look in range(1, 120):
        ours = int(random.binomial(5 * pace, spec.shares[0].expected))
        champion = added(champion, an_arm(5 * pace - ours, errors=int(random.binomial(5 * pace - ours, base))))
        candidate = added(candidate, an_arm(ours, errors=int(random.binomial(ours, rate))))
        decision = decide(spec, state, seen(StageCounts(champion=champion, candidate=candidate)), at(5.0 * look))
        state = decision.state
        if isinstance(state, RolledBack):
            break
    return candidate.requests
