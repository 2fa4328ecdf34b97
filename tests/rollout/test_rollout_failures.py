"""Why a candidate failed is told with how often, the most frequent first."""

from __future__ import annotations

from tests.rollout.worlds import a_spec, at

from plimsoll.capture.entities import CapturedPrediction
from plimsoll.rollout.decide import begin
from plimsoll.rollout.failures import MOST, Failure, failures_of
from plimsoll.rollout.page import rollout_html
from plimsoll.rollout.report import rollout_text


def answered(because: str) -> CapturedPrediction:
    return CapturedPrediction(
        id="p", at="", release="fraud@1", digest="d1", environment="production", inputs={}, outputs={}, status=200,
        latency_s=0.01, rollout="rollout-1", fallback_for="fraud@2", fallback_because=because,
    )  # fmt: skip


def test_failures_that_differ_in_figures_alone_are_of_one_kind_and_the_most_frequent_come_first():
    late = [answered(f"serving.too_late: it took {seconds} s") for seconds in (0.06, 0.071, 2)]
    unknown = [answered("serving.model_failed: ValueError: Found unknown categories ['x']")] * 2
    assert failures_of([*unknown, *late]) == (
        Failure(times=3, because="serving.too_late: it took 0.06 s"),
        Failure(times=2, because="serving.model_failed: ValueError: Found unknown categories ['x']"),
    )


def test_only_the_most_frequent_are_told():
    assert len(failures_of([answered(f"serving.{letter}: no") for letter in "abcdefgh"])) == MOST


def test_reports_tell_why_the_candidate_failed():
    decisions = [begin(a_spec(), at(0), by="ada", why="")]
    failures = (
        Failure(times=1, because="serving.model_failed: <no> & no"),
        Failure(times=12, because="serving.late: x"),
    )
    lines = rollout_text(a_spec(), decisions, failures=failures).splitlines()
    assert "     1 time  serving.model_failed: <no> & no" in lines
    assert "   12 times  serving.late: x" in lines
    page = rollout_html(a_spec(), decisions, failures=failures)
    assert "<td>1</td><td>serving.model_failed: &lt;no&gt; &amp; no</td>" in page
