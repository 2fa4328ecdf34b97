"""Every metric agrees with scikit-learn, and says why when it has no value."""

from __future__ import annotations

import numpy as np
import pytest
from gate_cases import binary, multiclass, random_binary, regression
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from plimsoll.gates.errors import MetricNotForTask, UndefinedMetric
from plimsoll.gates.metrics import METRICS, find_metric
from plimsoll.gates.ranks import midranks
from plimsoll.project import entities

BINARY = {
    "roc_auc": lambda cases: sk.roc_auc_score(cases.truth, cases.score),
    "average_precision": lambda cases: sk.average_precision_score(cases.truth, cases.score),
    "accuracy": lambda cases: sk.accuracy_score(cases.truth, cases.decision),
    "balanced_accuracy": lambda cases: sk.balanced_accuracy_score(cases.truth, cases.decision),
    "precision": lambda cases: sk.precision_score(cases.truth, cases.decision),
    "recall": lambda cases: sk.recall_score(cases.truth, cases.decision),
    "f1": lambda cases: sk.f1_score(cases.truth, cases.decision),
    "log_loss": lambda cases: sk.log_loss(cases.truth, cases.probabilities),
    "brier": lambda cases: sk.brier_score_loss(cases.truth, cases.score),
}
MULTICLASS = {
    "accuracy": lambda cases: sk.accuracy_score(cases.truth, cases.decision),
    "balanced_accuracy": lambda cases: sk.balanced_accuracy_score(cases.truth, cases.decision),
    "macro_f1": lambda cases: sk.f1_score(cases.truth, cases.decision, average="macro"),
    "log_loss": lambda cases: sk.log_loss(cases.truth, cases.probabilities),
}
REGRESSION = {
    "rmse": lambda cases: sk.root_mean_squared_error(cases.truth, cases.decision),
    "mae": lambda cases: sk.mean_absolute_error(cases.truth, cases.decision),
    "r2": lambda cases: sk.r2_score(cases.truth, cases.decision),
}


def test_the_project_file_knows_exactly_these_metrics():
    assert {task: tuple(named) for task, named in METRICS.items()} == dict(entities.METRICS)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("digits", [16, 1])
def test_binary_metrics_agree_with_scikit_learn_also_with_ties(name, digits):
    made = random_binary(400, seed=3)
    cases = binary(made.truth, made.score.round(digits).clip(0.01, 0.99))

    assert METRICS["binary_classification"][name].value(cases) == pytest.approx(BINARY[name](cases), abs=1e-12)


@pytest.mark.parametrize("name", MULTICLASS)
def test_multiclass_metrics_agree_with_scikit_learn(name):
    draw = np.random.default_rng(2)
    cases = multiclass(draw.integers(4, size=300), draw.dirichlet(np.ones(4), size=300))

    assert METRICS["multiclass_classification"][name].value(cases) == pytest.approx(MULTICLASS[name](cases), abs=1e-12)


@pytest.mark.parametrize("name", REGRESSION)
def test_regression_metrics_agree_with_scikit_learn(name):
    draw = np.random.default_rng(2)
    truth = 1000 + draw.normal(size=200)
    cases = regression(truth, truth + 0.3 * draw.normal(size=200))

    assert METRICS["regression"][name].value(cases) == pytest.approx(REGRESSION[name](cases), abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60))
@settings(max_examples=60)
def test_rankings_agree_with_scikit_learn_on_any_small_table(rows):
    truth = [int(positive) for positive, _ in rows]
    cases = binary(truth, [score / 5 for _, score in rows])
    if 0 < sum(truth) < len(truth):
        assert METRICS["binary_classification"]["roc_auc"].value(cases) == pytest.approx(BINARY["roc_auc"](cases))
    if sum(truth):
        expected = BINARY["average_precision"](cases)
        assert METRICS["binary_classification"]["average_precision"].value(cases) == pytest.approx(expected)


def test_equal_values_share_their_mean_rank():
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize(
    ("name", "cases", "text"),
    [
        ("roc_auc", binary([0, 0], [0.1, 0.2]), "roc_auc cannot be judged here: all 2 rows are negative; it needs both classes."),
        ("balanced_accuracy", binary([1, 1], [0.1, 0.2]), "balanced_accuracy cannot be judged here: all 2 rows are positive; it needs both classes."),
        ("average_precision", binary([0, 0], [0.1, 0.2]), "average_precision cannot be judged here: there are no positive rows."),
        ("recall", binary([0, 0], [0.1, 0.9]), "recall cannot be judged here: there are no positive rows."),
        ("precision", binary([0, 1], [0.1, 0.2]), "precision cannot be judged here: no row is decided positive."),
        ("f1", binary([0, 0], [0.1, 0.2]), "f1 cannot be judged here: no row is positive, and none is decided positive."),
        ("log_loss", binary([], []), "log_loss cannot be judged here: there are no rows."),
    ],
)  # fmt: skip
def test_a_metric_without_a_value_says_why(name, cases, text):
    with pytest.raises(UndefinedMetric) as refusal:
        METRICS["binary_classification"][name].value(cases)

    assert str(refusal.value) == text


def test_r2_of_a_constant_label_is_undefined_rather_than_zero():
    with pytest.raises(UndefinedMetric, match="the label has the same value in every row"):
        METRICS["regression"]["r2"].value(regression([2.0] * 40, [1.0] * 40))


def test_a_metric_of_another_task_is_refused_with_the_nearest_word():
    with pytest.raises(MetricNotForTask) as refusal:
        find_metric("roc_au", "binary_classification")
    assert str(refusal.value) == "The metric roc_au does not fit binary classification. Did you mean roc_auc?"
    with pytest.raises(MetricNotForTask) as refusal:
        find_metric("roc_auc", "regression")
    assert str(refusal.value) == "The metric roc_auc does not fit regression."
    assert refusal.value.advice == "For regression there are: rmse, mae, r2."
