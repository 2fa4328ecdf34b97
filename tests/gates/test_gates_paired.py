"""Comparisons on the same rows: no difference with itself, antisymmetric, order-free, and far sharper than unpaired."""

from __future__ import annotations

import numpy as np
import pytest
from gate_cases import binary, multiclass, random_binary, regression
from scipy import stats

from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.intervals import estimate
from plimsoll.gates.metrics import METRICS
from plimsoll.gates.paired import improvement

ALL = [(task, name) for task, named in METRICS.items() for name in named]
BINARY = METRICS["binary_classification"]


def two_models(task, *, rows=500, seed=5, worse=0.8):
    """A better and a worse model on the same rows."""
    draw = np.random.default_rng(seed)
    if task == "binary_classification":
        first = random_binary(rows, seed=seed, noise=0.5)
        return first, random_binary(rows, seed=seed, noise=0.5 + worse)
    if task == "multiclass_classification":
        truth = draw.integers(3, size=rows)
        chances = draw.dirichlet(np.ones(3), size=rows)
        return tuple(
            multiclass(truth, (1 - sure) * chances + sure * np.eye(3)[truth]) for sure in (0.5, 0.5 - worse / 3)
        )
    truth, noise = draw.normal(size=rows), draw.normal(size=rows)
    return regression(truth, truth + 0.4 * noise), regression(truth, truth + (0.4 + worse) * noise)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_model_is_no_better_and_no_worse_than_itself(task, name):
    model, _ = two_models(task)

    found = improvement(METRICS[task][name], model, model, seed=3)

    assert found.value == 0
    assert found.lower(0.95) <= 0 <= found.upper(0.95)
    assert found.p_at_least(0) >= 0.3
    assert found.p_at_most(0) >= 0.3


@pytest.mark.parametrize(("task", "name"), ALL)
def test_the_better_model_improves_whatever_the_metrics_direction(task, name):
    better, worse = two_models(task)

    found = improvement(METRICS[task][name], better, worse, seed=3)

    assert found.lower(0.975) > 0
    assert found.p_at_most(0) < 0.01


@pytest.mark.parametrize(("task", "name"), ALL)
def test_exchanging_the_models_mirrors_the_difference(task, name):
    one, other = two_models(task, worse=0.1)

    there, back = (improvement(METRICS[task][name], *pair, seed=3) for pair in ((one, other), (other, one)))

    assert back.value == pytest.approx(-there.value)
    reach = there.upper(0.95) - there.lower(0.95)
    assert back.lower(0.95) == pytest.approx(-there.upper(0.95), abs=0.1 * reach)
    assert back.upper(0.95) == pytest.approx(-there.lower(0.95), abs=0.1 * reach)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_the_order_of_the_rows_changes_nothing(task, name):
    one, other = two_models(task, worse=0.1)
    order = np.random.default_rng(9).permutation(len(one))

    found = improvement(METRICS[task][name], one, other, seed=3)
    shuffled = improvement(METRICS[task][name], one.only(order), other.only(order), seed=3)

    assert shuffled.lower(0.95) == pytest.approx(found.lower(0.95), abs=1e-12)
    assert shuffled.upper(0.95) == pytest.approx(found.upper(0.95), abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1", "precision", "balanced_accuracy"])
def test_bounds_agree_with_a_plain_paired_bootstrap_of_row_indices(name):
    one, other = two_models("binary_classification", rows=1200, worse=0.15)
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(600):
        rows = draw.integers(len(one), size=len(one))
        drawn.append(BINARY[name].value(one.only(rows)) - BINARY[name].value(other.only(rows)))

    found = improvement(BINARY[name], one, other, seed=3)

    low, high = np.quantile(drawn, [0.05, 0.95])
    assert found.upper(0.95) - found.lower(0.95) == pytest.approx(high - low, rel=0.15)
    assert (found.lower(0.95) + found.upper(0.95)) / 2 == pytest.approx((low + high) / 2, abs=0.2 * (high - low))


def test_accuracy_bounds_come_close_to_the_normal_ones_on_many_rows():
    one, other = two_models("binary_classification", rows=5000, worse=0.3)
    each = one.hit.astype(float) - other.hit.astype(float)
    expected = stats.ttest_1samp(each, 0).confidence_interval(0.9)

    found = improvement(BINARY["accuracy"], one, other, seed=3)

    assert (found.lower(0.95), found.upper(0.95)) == pytest.approx((expected.low, expected.high), abs=0.0005)


def test_pairing_needs_far_fewer_rows_than_two_intervals_would():
    one, other = two_models("binary_classification", rows=2000, worse=0.1)

    paired = improvement(BINARY["accuracy"], one, other, seed=3)
    alone = estimate(BINARY["accuracy"], one, seed=3)

    assert paired.value - paired.lower(0.95) < (alone.value - alone.lower(0.95)) * 0.8


def test_a_reference_that_decides_nobody_positive_leaves_precision_undefined():
    model, _ = two_models("binary_classification")
    timid = binary(model.truth, np.full(len(model), 0.1))

    with pytest.raises(UndefinedMetric, match="no row is decided positive"):
        improvement(BINARY["precision"], model, timid, seed=1)


def test_models_that_never_disagree_are_not_proven_equal_on_few_rows():
    model = binary([0] * 150 + [1] * 30, [0.1] * 150 + [0.9] * 30)

    bounds = {name: improvement(BINARY[name], model, model, seed=1).lower(0.95) for name in ("recall", "f1", "roc_auc")}

    assert bounds["recall"] < -0.08
    assert bounds["f1"] < -0.03
    assert bounds["roc_auc"] < -0.02
