"""What a traced prediction says of the rollout that it was part of."""

from __future__ import annotations

from typing import Any

from plimsoll.capture.entities import CapturedPrediction
from plimsoll.release.tracing import routing_facts


def a_prediction(**telling: Any) -> CapturedPrediction:
    plain: dict[str, Any] = {
        "id": "prediction-1",
        "at": "2026-11-02T09:00:00.000000Z",
        "release": "fraud@1",
        "digest": "d1",
        "environment": "production",
        "inputs": {},
        "outputs": {},
        "status": 200,
        "latency_s": 0.004,
    }
    return CapturedPrediction(**plain, **telling)


def test_one_of_the_live_release_needs_no_explanation():
    assert routing_facts(a_prediction()) == ()


def test_an_answer_in_a_candidates_stead_names_the_candidate_and_the_rollout():
    facts = dict(routing_facts(a_prediction(rollout="rollout-7", stage=0, propensity=0.05, fallback_for="fraud@2")))
    assert facts["in the stead of"] == "fraud@2, which failed or was late"
    assert facts["rollout"] == "rollout-7, stage 1: champion, with a chance of 0.05"


def test_a_copy_leads_to_the_prediction_that_the_caller_got():
    facts = dict(routing_facts(a_prediction(role="shadow", rollout="rollout-7", stage=0, copy_of="prediction-2")))
    assert facts["copy of"] == "prediction-2"


def test_a_pinned_request_says_who_chose():
    assert routing_facts(a_prediction(pinned=True)) == (("chosen by", "the caller"),)
