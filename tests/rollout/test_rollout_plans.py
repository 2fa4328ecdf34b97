"""What a forecast takes for the traffic that a rollout will split."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.rollout.worlds import START

from plimsoll.capture.entities import CapturedPrediction
from plimsoll.kernel.clock import to_text
from plimsoll.rollout.forecast import Recent, recent_traffic


def a_prediction(second: float, **changes: Any) -> CapturedPrediction:
    facts = {
        "id": f"prediction-{second}",
        "at": to_text(START + timedelta(seconds=second)),
        "release": "fraud@1",
        "digest": "d1",
        "environment": "canary",
        "inputs": {},
        "outputs": {},
        "status": 200,
        "latency_s": 0.01,
    }
    return CapturedPrediction(**(facts | changes))


NOW = START + timedelta(seconds=100)


def recent(predictions: list[CapturedPrediction]) -> Recent:
    return recent_traffic(predictions, NOW, within_s=600.0)


def test_pace_errors_and_speed_are_the_live_releases():
    asked = [a_prediction(second, status=500 if second < 10 else 200) for second in range(100)]
    found = recent(asked)
    assert (found.requests, found.requests_per_s, found.error_rate, found.p99_s) == (100, 1.0, 0.1, 0.01)


def test_what_no_rollout_splits_or_the_live_release_did_not_answer_for_itself_is_left_out():
    asked = [a_prediction(second) for second in range(100)]
    others = [
        a_prediction(50, pinned=True, status=500),
        a_prediction(51, fallback_for="fraud@2", latency_s=9.0),
        a_prediction(52, role="candidate", status=500),
        a_prediction(53, role="shadow", copy_of="prediction-53", status=500),
    ] * 5
    assert recent([*asked, *others]) == recent(asked)


def test_callers_who_all_chose_their_release_tell_nothing_of_a_rollouts_pace():
    assert recent([a_prediction(1, pinned=True)]).requests == 0
