"""How the judgement follows from the evidence, and which difference is named."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.bundle.scores import Scores
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.plan import Past
from plimsoll.release.reproduced_scores import UnlikeScores, compare_scores
from plimsoll.release.reproduction import (
    Evidence,
    Grade,
    Match,
    Predictions,
    SeedRun,
    StepRecord,
    first_difference,
    judge,
    match_steps,
    other_seeds,
    prediction_interval,
    seeds_in,
    spread_of,
)

LOCKS = {"a": "python==3.11 cpython linux\nnumpy==2.0\n", "b": "python==3.11 cpython linux\nnumpy==2.1\n"}
PAST = Past(lock_text=lambda digest: LOCKS.get(digest, ""), files=lambda _name, _digest: {})
STEPS = ("load", "train", "scorer")


def given_to(step="train", **changed):
    facts = {
        "code": {step: "c1"},
        "data": {"orders": "d1"},
        "inputs": {},
        "params": {"seed": 1},
        "settings": {},
        "outputs": (step,),
        "lock": "a",
        "env": {"TUNING": "e1"},
    }
    return Ingredients(**{**facts, **changed})


def a_run(**changed):
    """Three steps; `train=…` replaces what that step was given."""
    return [
        StepRecord(step=step, parts=changed.get(step) or given_to(step), outputs={step: f"{step}-out"})
        for step in STEPS
    ]


def evidence(**changed):
    return Evidence(**{"released": "r", "again": "other", "steps": (), **changed})


def predictions(**changed):
    return Predictions(**{"rows": 100, "differing": 0, "decisions": 0, "largest": 0.0, **changed})


def test_the_same_model_is_identical():
    found = judge(evidence(again="r", steps=match_steps(a_run(), a_run(), past=PAST)))
    assert (found.grade, found.difference) == (Grade.IDENTICAL, "")


def test_another_model_with_equal_predictions_has_the_same_predictions():
    assert judge(evidence(predictions=predictions())).grade is Grade.SAME_PREDICTIONS


def test_other_predictions_without_a_spread_fail_and_say_by_how_much():
    found = judge(evidence(predictions=predictions(differing=4, decisions=1, largest=0.25)))
    assert found.grade is Grade.FAILED
    assert "differ in 4 of 100 rows of the holdout, by 0.25 at most, and 1 are decided otherwise" in found.because


@pytest.mark.parametrize(("released", "grade"), [(0.8, Grade.WITHIN_SPREAD), (0.2, Grade.FAILED)])
def test_the_release_is_held_against_the_spread_of_its_metric(released, grade):
    runs = [SeedRun(params={"seed": number}, metrics={"roc_auc": 0.79 + number / 100}) for number in range(3)]
    spread = spread_of({"roc_auc": released}, runs, note="other seed")
    found = judge(evidence(predictions=predictions(differing=1), spread=spread))
    assert found.grade is grade
    assert f"roc_auc {released:g} lies {'within' if grade is Grade.WITHIN_SPREAD else 'outside'}" in found.because


def test_one_metric_outside_is_enough_to_fail_and_it_is_the_one_that_is_named():
    runs = [SeedRun(params={}, metrics={"roc_auc": 0.8 + number / 100, "brier": 0.1}) for number in range(3)]
    spread = spread_of({"roc_auc": 0.81, "brier": 0.3}, runs, note="")
    found = judge(evidence(predictions=predictions(differing=1), spread=spread))
    assert found.grade is Grade.FAILED
    assert "brier 0.3 lies outside 0.1 to 0.1" in found.because
    assert "roc_auc" not in found.because


def test_a_run_that_cannot_be_repeated_fails_whatever_else_is_known():
    assert judge(evidence(again="r", problem="pipeline.step_failed: no")).grade is Grade.FAILED
    assert judge(evidence(again=None)).grade is Grade.FAILED


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data": {"orders": "d2"}}, "train: the data orders changed (d1 -> d2)"),
        ({"params": {"seed": 2}}, "train: seed 1 -> 2"),
        ({"lock": "b"}, "train: the runtime changed: numpy 2.0 -> 2.1"),
        ({"env": {}}, "train: the environment variable TUNING is not set or not declared any more"),
        ({"code": {"train": "c2"}}, "train: the code of train changed"),
    ],
)
def test_the_first_input_that_differs_is_named(changed, told):
    steps = match_steps(a_run(), a_run(train=given_to(**changed), scorer=given_to("scorer", params={})), past=PAST)
    assert [item.match for item in steps] == [Match.SAME, Match.INPUTS_DIFFER, Match.INPUTS_DIFFER]
    assert first_difference(steps) == told


def test_equal_inputs_with_another_output_name_a_step_that_is_not_deterministic():
    again = a_run()
    again[1] = StepRecord(step="train", parts=given_to(), outputs={"train": "another"})
    steps = match_steps(a_run(), again, past=PAST)
    assert first_difference(steps) == (
        "train is not deterministic: equal inputs gave another train (train-ou -> another)"
    )


def test_a_step_that_failed_and_those_never_reached_are_told_apart():
    again = [a_run()[0], StepRecord(step="train", parts=given_to(), outputs={}, failed=True)]
    steps = match_steps(a_run(), again, past=PAST)
    assert [item.match for item in steps] == [Match.SAME, Match.FAILED, Match.NOT_REACHED]
    assert first_difference(steps) == "train failed, although it was given the same"
    assert first_difference(steps[2:]) == "scorer was not reached"


@given(
    same_model=st.booleans(),
    differing=st.integers(0, 100),
    released=st.floats(0, 1),
    values=st.lists(st.floats(0, 1), min_size=2, max_size=8),
)
def test_a_grade_is_never_better_than_its_evidence(same_model, differing, released, values):
    runs = [SeedRun(params={}, metrics={"m": value}) for value in values]
    spread = spread_of({"m": released}, runs, note="")
    found = judge(
        evidence(again="r" if same_model else "x", predictions=predictions(differing=differing), spread=spread)
    )
    expected = (
        Grade.IDENTICAL
        if same_model
        else Grade.SAME_PREDICTIONS
        if not differing
        else Grade.WITHIN_SPREAD
        if spread.metrics[0].within
        else Grade.FAILED
    )
    assert found.grade is expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=10))
def test_an_interval_holds_the_mean_and_grows_with_confidence(values):
    low, high = prediction_interval(values, alpha=0.05)
    wide_low, wide_high = prediction_interval(values, alpha=0.01)
    mean = sum(values) / len(values)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert low - slack <= mean <= high + slack
    assert wide_low <= low + slack
    assert wide_high >= high - slack


def test_the_interval_is_that_of_the_book_and_covers_the_next_draw():
    # t(0.975, 4) = 2.776445; the values have mean 3 and standard deviation 1.581139
    low, high = prediction_interval([1.0, 2.0, 3.0, 4.0, 5.0], alpha=0.05)
    assert (low, high) == pytest.approx((3 - 4.808944, 3 + 4.808944), abs=1e-5)
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        *known, following = draw.normal(size=6)
        below, above = prediction_interval(known, alpha=0.05)
        hits += below <= following <= above
    assert 0.935 <= hits / 2000 <= 0.965


def test_seeds_are_whole_numbers_by_name_and_new_ones_are_others():
    params = {
        "seed": 7,
        "split_seed": 1,
        "random_state": 2,
        "use_seed": True,
        "seeded": 3,
        "model_seed": "x",
        "rate": 1,
    }
    seeds = seeds_in(params)
    assert seeds == {"seed": 7, "split_seed": 1, "random_state": 2}
    drawn = [seeds, *(other_seeds(seeds, number=number) for number in range(1, 6))]
    assert all(one["seed"] != other["seed"] for one, other in itertools.combinations(drawn, 2))
    assert other_seeds({"seed": 2**31 - 1}, number=1) == {"seed": 0}


def scores(probabilities, decision):
    return Scores(
        probabilities=None if probabilities is None else np.array(probabilities, dtype=float),
        decision=np.array(decision),
    )


def test_equal_scores_do_not_differ_at_all():
    one = scores([[0.2, 0.8], [np.nan, np.nan]], ["yes", "no"])
    assert compare_scores(one, one) == Predictions(rows=2, differing=0, decisions=0, largest=0.0)


def test_differences_are_counted_by_row_down_to_the_last_bit():
    one = scores([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]], [1, 0, 1])
    other = scores([[0.2, np.nextafter(0.8, 1)], [0.4, 0.6], [0.5, 0.5]], [1, 1, 1])
    found = compare_scores(one, other)
    assert (found.rows, found.differing, found.decisions) == (3, 2, 1)
    assert found.largest == pytest.approx(0.2)


def test_regressions_are_compared_by_their_predictions():
    found = compare_scores(scores(None, [1.0, np.nan, 3.0]), scores(None, [1.0, np.nan, 3.5]))
    assert found == Predictions(rows=3, differing=1, decisions=1, largest=0.5)


def test_a_number_against_none_differs():
    assert compare_scores(scores(None, [1.0]), scores(None, [np.nan])).differing == 1


def test_models_of_other_classes_cannot_be_compared():
    with pytest.raises(UnlikeScores, match="2 and 3 figures a row"):
        compare_scores(scores([[0.5, 0.5]], [1]), scores([[0.5, 0.3, 0.2]], [1]))
