"""The report of a rollout: how it ended and why, the path of the evidence, the cost, the turns."""

from __future__ import annotations

from tests.rollout.worlds import START, a_spec, an_arm, at, seen

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.histogram import Histogram
from plimsoll.rollout.decide import decide
from plimsoll.rollout.decisions import Decision, Measure, Reading
from plimsoll.rollout.report import WIDTH, rollout_text, sparkline, turning_points
from plimsoll.rollout.rollouts import RolloutState, Starting
from plimsoll.rollout.seen import Seen

SPEC = a_spec(hold_s=600.0)


def a_bad_life() -> list[Decision]:
    """A candidate that begins to err: ready, six looks, taken back, one more look."""
    decisions: list[Decision] = []
    state: RolloutState = Starting(since=START)
    for turn in range(8):
        erred = 0 if turn < 3 else 3 * (turn - 2)
        stage = StageCounts(
            champion=an_arm(1900 * turn, errors=2 * turn),
            candidate=an_arm(100 * turn, errors=erred),
            fallback=Histogram.of([0.018] * erred),
        )
        what: Seen = seen(stage)
        decisions.append(decide(SPEC, state, what, at(5 * turn)))
        state = decisions[-1].state
    return decisions


def test_a_report_tells_how_it_ended_why_and_what_it_cost():
    text = rollout_text(SPEC, a_bad_life())

    assert text.startswith("fraud@2 over fraud@1 (canary): rolled back after 20 s\n")
    assert "errs more than 1.2 times as often as the champion" in text
    assert "callers who noticed: none" in text
    assert "ms (p99)" in text
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_a_report_shows_the_path_of_each_test():
    (errors,) = [line for line in rollout_text(SPEC, a_bad_life()).splitlines() if line.startswith("  errors")]

    assert errors.split()[1].startswith("▁▁")
    assert errors.split()[1].endswith("█")


def test_a_timeline_has_the_turns_not_the_looks_between_them_or_after_the_end():
    turns = turning_points(a_bad_life())

    assert [str(turn.because.rule) for turn in turns] == ["ready", "harm proven"]


def test_a_report_of_nothing_says_so():
    assert rollout_text(SPEC, []) == "fraud@2 over fraud@1 (canary): nothing decided yet"


def test_a_sparkline_is_as_wide_as_asked_and_keeps_its_peaks():
    readings = [Reading(measure=Measure.ERRORS, log_e=4.0 if at == 500 else -9.0, limit=4.0) for at in range(1000)]

    line = sparkline(readings, width=40)
    assert len(line) == 40
    assert line.count("█") == 1
    assert line.count("▁") == 39


def test_a_sparkline_is_full_only_when_proven():
    almost = Reading(measure=Measure.ERRORS, log_e=3.999, limit=4.0)

    assert "█" not in sparkline([almost])
