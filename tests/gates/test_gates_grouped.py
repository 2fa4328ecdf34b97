"""Rows that belong together count as groups: the bounds hold their level, however alike the rows of a group are."""

from __future__ import annotations

import numpy as np
import pytest
from gate_cases import binary, evidence, multiclass, random_binary, regression, with_mistakes
from sklearn.metrics import roc_auc_score

from plimsoll.gates.checks import check_gate
from plimsoll.gates.entities import Finding
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.grouped import MIN_GROUPS, Grouping, grouped_estimate, grouped_improvement
from plimsoll.gates.intervals import estimate
from plimsoll.gates.metrics import METRICS, find_metric
from plimsoll.gates.paired import improvement
from plimsoll.gates.ranks import AreaLadder
from plimsoll.project.entities import Gate

DAYS, ROWS_A_DAY = 14, 48
ACCURACY = find_metric("accuracy", "binary_classification")


def by_day(days: int = DAYS, rows: int = ROWS_A_DAY) -> Grouping:
    return Grouping(column="day", codes=np.repeat(np.arange(days), rows))


def days_of_luck(seed: int, *, days: int = DAYS, shift: float = 0.0):
    """Two models, of which each day favours one: all its rows lean the same way. shift: by which the first is worse."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 2, days * ROWS_A_DAY)
    luck = np.repeat(draw.normal(0, 0.06, days), ROWS_A_DAY)
    ours = draw.random(len(truth)) < 0.25 + shift + luck
    theirs = draw.random(len(truth)) < 0.25 - luck
    return with_mistakes(truth, ours), with_mistakes(truth, theirs)


def test_the_level_holds_where_days_differ_and_rows_would_break_it():
    wrong_by_day = wrong_by_row = 0
    for seed in range(300):
        candidate, reference = days_of_luck(seed)
        wrong_by_day += grouped_improvement(ACCURACY, candidate, reference, by_day(), seed=seed).lower(0.95) > 0
        wrong_by_row += improvement(ACCURACY, candidate, reference, seed=seed).lower(0.95) > 0
    assert wrong_by_day <= 25, "5 % of 300 are 15; 25 would be seen once in 200 times"
    assert wrong_by_row > 45, "rows taken for independent are sure too often"


def test_a_model_that_is_worse_beyond_the_margin_fails_whatever_the_days():
    candidate, reference = days_of_luck(5, days=60, shift=0.12)
    seen = evidence(candidate, reference, groupings={"day": by_day(60)})
    (found,) = check_gate(Gate(metric="accuracy", against="production", margin=0.02, group="day"), seen)
    assert found.finding is Finding.FAIL
    assert found.rule == "accuracy against fraud@1 (production), margin 0.02, by day"


def test_groups_of_one_row_each_say_what_rows_say():
    cases, alone = random_binary(1500), Grouping(column="row", codes=np.arange(1500))
    for name in ("accuracy", "roc_auc", "average_precision", "f1", "log_loss", "balanced_accuracy"):
        metric = find_metric(name, "binary_classification")
        by_rows, by_groups = estimate(metric, cases, seed=3), grouped_estimate(metric, cases, alone, seed=3)
        assert by_groups.value == pytest.approx(by_rows.value)
        width = by_rows.upper(0.95) - by_rows.lower(0.95)
        assert by_groups.upper(0.95) - by_groups.lower(0.95) == pytest.approx(width, rel=0.12)


@pytest.mark.parametrize(("task", "cases"), [
    ("binary_classification", random_binary(600)),
    ("multiclass_classification", multiclass(np.arange(600) % 3, np.random.default_rng(1).dirichlet([1, 1, 1], 600))),
    ("regression", regression(np.arange(600.0), np.arange(600.0) + np.random.default_rng(1).normal(size=600))),
])  # fmt: skip
def test_every_metric_is_around_its_value(task, cases):
    grouping = by_day(12, 50)
    for name, metric in METRICS[task].items():
        found = grouped_estimate(metric, cases, grouping, seed=1)
        assert found.lower(0.95) < metric.value(cases) < found.upper(0.95), name
        assert grouped_improvement(metric, cases, cases, grouping, seed=1).value == 0


def test_the_order_of_the_rows_changes_nothing():
    cases, grouping = random_binary(480), by_day(10, 48)
    order = np.random.default_rng(2).permutation(480)
    turned = Grouping(column="day", codes=grouping.codes[order])
    metric = find_metric("roc_auc", "binary_classification")
    first = grouped_estimate(metric, cases, grouping, seed=1)
    again = grouped_estimate(metric, cases.only(order), turned, seed=1)
    assert again.lower(0.95) == pytest.approx(first.lower(0.95), abs=1e-12)


def test_few_groups_are_inconclusive_and_say_so():
    with pytest.raises(UndefinedMetric, match=f"7 groups of day; it needs at least {MIN_GROUPS}"):
        grouped_estimate(ACCURACY, random_binary(70), by_day(7, 10), seed=1)


def test_slices_are_judged_by_the_groups_that_they_hold():
    candidate, reference = days_of_luck(9, days=30)
    late = np.arange(len(candidate)) >= 15 * ROWS_A_DAY
    seen = evidence(candidate, reference, slices={"late": late}, groupings={"day": by_day(30)})
    gate = Gate(metric="accuracy", against="production", margin=0.3, slices=("late",), group="day")
    (found,) = check_gate(gate, seen)
    assert found.finding is Finding.PASS
    assert found.slice == "late"


def test_an_area_under_weights_is_that_of_repeated_rows():
    draw = np.random.default_rng(4)
    truth, score, weights = draw.integers(0, 2, 60), draw.integers(0, 9, 60) / 9, draw.integers(0, 4, 60)
    repeated = np.repeat(np.arange(60), weights)
    cases = binary(truth, score)
    area = AreaLadder(cases.positive, cases.score).area(weights.astype(float))
    assert area == pytest.approx(roc_auc_score(truth[repeated], score[repeated]))
    assert np.isnan(AreaLadder(cases.positive, cases.score).area((truth == 1).astype(float)))
