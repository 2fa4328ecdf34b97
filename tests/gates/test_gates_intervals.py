"""Bounds: exact where exact ones exist, ordered, seeded, in agreement with their p-values and with each other."""

from __future__ import annotations

import numpy as np
import pytest
from gate_cases import binary, multiclass, random_binary, regression
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from plimsoll.gates.bootstrap import draws_for, resampled, seed_of
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.intervals import estimate
from plimsoll.gates.metrics import METRICS
from plimsoll.gates.uncertain import Draws, LogitNormal, PairedProportion, Proportion, StudentT, detectable

ALL = [(task, name) for task, named in METRICS.items() for name in named]


def some_cases(task, *, rows=400, seed=5):
    draw = np.random.default_rng(seed)
    if task == "binary_classification":
        return random_binary(rows, seed=seed)
    if task == "multiclass_classification":
        truth = draw.integers(3, size=rows)
        return multiclass(truth, draw.dirichlet(np.ones(3), size=rows) * 0.7 + 0.3 * np.eye(3)[truth])
    truth = draw.normal(size=rows)
    return regression(truth, truth + 0.4 * draw.normal(size=rows))


@pytest.mark.parametrize(("task", "name"), ALL)
def test_bounds_enclose_the_value_and_widen_with_the_level(task, name):
    found = estimate(METRICS[task][name], some_cases(task), seed=3)

    assert found.value == pytest.approx(METRICS[task][name].value(some_cases(task)))
    assert found.lower(0.975) <= found.lower(0.95) < found.value < found.upper(0.95) <= found.upper(0.975)
    assert detectable(found) > 0


@pytest.mark.parametrize(("task", "name"), ALL)
def test_the_order_of_the_rows_changes_nothing(task, name):
    cases = some_cases(task)
    shuffled = cases.only(np.random.default_rng(9).permutation(len(cases)))

    one, other = (estimate(METRICS[task][name], item, seed=3) for item in (cases, shuffled))

    assert other.lower(0.95) == pytest.approx(one.lower(0.95), abs=1e-12)
    assert other.upper(0.95) == pytest.approx(one.upper(0.95), abs=1e-12)


@pytest.mark.parametrize(("hits", "rows"), [(0, 20), (3, 20), (20, 20), (512, 1000)])
def test_proportions_have_clopper_pearson_bounds(hits, rows):
    exact = stats.binomtest(hits, rows).proportion_ci(0.95, method="exact")

    found = Proportion(hits=hits, rows=rows)

    assert (found.lower(0.975), found.upper(0.975)) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_means_have_students_bounds():
    losses = np.random.default_rng(1).normal(size=50)
    expected = stats.ttest_1samp(losses, 0).confidence_interval(0.95)

    found = StudentT(value=losses.mean(), error=losses.std(ddof=1) / np.sqrt(50), freedom=49, rows=50)

    assert (found.lower(0.975), found.upper(0.975)) == pytest.approx((expected.low, expected.high))


def test_delongs_interval_agrees_with_a_bootstrap_of_the_auc():
    cases = random_binary(1500, seed=11)
    auc = METRICS["binary_classification"]["roc_auc"]
    draw = np.random.default_rng(0)

    drawn = [auc.value(cases.only(draw.integers(len(cases), size=len(cases)))) for _ in range(500)]
    found = estimate(auc, cases, seed=1)

    low, high = np.quantile(drawn, [0.05, 0.95])
    assert found.upper(0.95) - found.lower(0.95) == pytest.approx(high - low, rel=0.15)
    assert found.lower(0.95) == pytest.approx(low, abs=0.003)


def test_a_perfect_ranking_is_not_certain():
    cases = binary([0] * 50 + [1] * 20, [0.1] * 50 + [0.9] * 20)

    found = estimate(METRICS["binary_classification"]["roc_auc"], cases, seed=1)

    assert found.value == 1.0
    assert found.lower(0.95) == pytest.approx(0.05 ** (1 / 20))


def test_a_perfect_f1_is_not_certain_although_no_row_is_wrong():
    cases = binary([0] * 150 + [1] * 150, [0.1] * 150 + [0.9] * 150)

    assert estimate(METRICS["binary_classification"]["f1"], cases, seed=1).lower(0.95) < 0.993


@pytest.mark.parametrize(
    ("name", "rows", "text"),
    [
        ("roc_auc", 12, "roc_auc cannot be judged here: it stands on 6 rows of the rarer class; it needs at least 10."),
        ("f1", 12, "f1 cannot be judged here: it stands on 6 positive rows; it needs at least 10."),
        ("log_loss", 20, "log_loss cannot be judged here: it stands on 20 rows; it needs at least 30."),
    ],
)
def test_too_few_rows_give_no_interval(name, rows, text):
    cases = binary([0, 1] * (rows // 2), [0.2, 0.7] * (rows // 2))

    with pytest.raises(UndefinedMetric) as refusal:
        estimate(METRICS["binary_classification"][name], cases, seed=1)

    assert str(refusal.value) == text


FIGURES = [
    StudentT(value=0.4, error=0.1, freedom=30, rows=31),
    LogitNormal(value=0.8, error=0.2, rows=90),
    Proportion(hits=17, rows=40),
    PairedProportion(gained=12, lost=25, rows=300),
    Draws(value=0.5, draws=np.sort(np.random.default_rng(0).normal(0.5, 0.1, size=2000)), rows=100),
    Draws(value=0.52, draws=np.sort(np.random.default_rng(0).normal(0.5, 0.1, size=2000)), rows=100, error=0.2),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: type(figure).__name__)
@given(st.floats(0.01, 0.4))
@settings(max_examples=15)
def test_bounds_and_p_values_agree(figure, alpha):
    low, high = figure.lower(1 - alpha), figure.upper(1 - alpha)
    step = 0.02

    assert figure.p_at_least(high + step) < alpha < figure.p_at_least(high - step) + 0.002
    assert figure.p_at_most(low - step) < alpha < figure.p_at_most(low + step) + 0.002


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
@settings(max_examples=60)
def test_paired_proportions_are_antisymmetric(gained, lost, same):
    rows = gained + lost + same + 1
    one = PairedProportion(gained=gained, lost=lost, rows=rows)
    other = PairedProportion(gained=lost, lost=gained, rows=rows)

    assert one.lower(0.95) == pytest.approx(-other.upper(0.95), abs=1e-9)
    assert -1 <= one.lower(0.95) <= one.value <= one.upper(0.95) <= 1


def test_no_disagreement_still_leaves_room_for_about_three_in_n():
    found = PairedProportion(gained=0, lost=0, rows=1000)

    z = stats.norm.ppf(0.95)
    assert found.lower(0.95) == pytest.approx(-(z**2) / (1000 + z**2), rel=1e-6)
    assert found.mcnemar == 1.0


def test_mcnemar_is_the_exact_binomial_test():
    assert PairedProportion(gained=5, lost=17, rows=500).mcnemar == pytest.approx(stats.binomtest(5, 22).pvalue)


def test_draws_depend_on_the_seed_only():
    def mean(weights):
        return weights @ np.arange(50.0) / 50

    assert np.array_equal(resampled(50, 4, mean), resampled(50, 4, mean))
    assert not np.array_equal(resampled(50, 4, mean), resampled(50, 5, mean))
    assert seed_of("00000000000000ff" + "0" * 48) == 255


def test_large_holdouts_get_fewer_draws():
    assert (draws_for(1000), draws_for(100_000), draws_for(200_000), draws_for(10_000_000)) == (2000, 2000, 1000, 400)
