"""Gates over evidence: what is compared where, what blocks, and the sentences that say why."""

from __future__ import annotations

import numpy as np
import pytest
from gate_cases import evidence, random_binary, regression, with_mistakes

from plimsoll.gates import baseline
from plimsoll.gates.checks import Evidence, Reference, check_gate
from plimsoll.gates.entities import Champion, Finding
from plimsoll.project.entities import Gate

PASS, FAIL, OPEN = Finding.PASS, Finding.FAIL, Finding.INCONCLUSIVE


def mistakes(*counts, size=1000):
    """A model over consecutive groups of rows, with as many mistakes in each as counted."""
    truth = np.tile([0, 1], size * len(counts) // 2)
    wrong = np.zeros(len(truth), dtype=bool)
    for group, count in enumerate(counts):
        wrong[group * size : group * size + count] = True
    return with_mistakes(truth, wrong)


def groups(number, size=1000):
    return {
        f"country = {name}": np.repeat(np.arange(number), size) == index
        for index, name in enumerate("ABCDEFG"[:number])
    }


def only(gate, seen) -> tuple:
    return tuple((check.slice, check.finding) for check in check_gate(gate, seen))


def test_a_floor_says_which_bound_decided():
    (found,) = check_gate(Gate(metric="accuracy", min=0.9), evidence(mistakes(50)))

    assert (found.rule, found.finding) == ("accuracy >= 0.9 (lower 95 % bound)", PASS)
    assert found.because == "The lower 95 % bound 0.9371 clears 0.9."
    assert (found.limit, found.at_least) == (0.9, True)
    assert found.candidate.value == 0.95
    assert found.candidate.low < found.candidate.lower < 0.95 < found.candidate.upper < found.candidate.high


def test_a_broken_floor_is_proven_by_the_other_bound():
    (found,) = check_gate(Gate(metric="accuracy", min=0.99), evidence(mistakes(50)))

    assert found.finding is FAIL
    assert found.because == "0.9500; even the upper 95 % bound 0.9608 is below 0.99."


def test_an_open_floor_says_how_many_rows_would_settle_it():
    (found,) = check_gate(Gate(metric="accuracy", min=0.94), evidence(mistakes(50)))

    assert found.finding is OPEN
    assert found.because == (
        "0.9500, but the lower 95 % bound 0.9371 is below 0.94: not proven. 1,000 rows show shortfalls from 0.0194 up "
        "with 80 % power; about 1,700 would settle it."
    )


def test_a_ceiling_and_the_bare_value():
    seen = evidence(random_binary(800))

    loss = check_gate(Gate(metric="log_loss", min=0.1, max=0.9), seen)
    bare = check_gate(Gate(metric="accuracy", min=0.99, on="value"), seen)[0]

    assert [check.rule for check in loss] == [
        "log_loss >= 0.1 (lower 95 % bound)",
        "log_loss <= 0.9 (upper 95 % bound)",
    ]
    assert (bare.rule, bare.finding, bare.p_value) == ("accuracy >= 0.99 (value)", FAIL, None)
    assert bare.because.endswith("misses 0.99; how sure it is was not asked.")


def test_a_value_counts_even_where_no_interval_can_be_given():
    few = random_binary(24, share=0.2)

    (found,) = check_gate(Gate(metric="roc_auc", min=0.5, on="value"), evidence(few))

    assert (found.finding, found.candidate) == (PASS, None)


def test_an_equal_champion_is_matched_and_a_worse_candidate_is_harm():
    gate = Gate(metric="accuracy", against="production", margin=0.01)

    (same,) = check_gate(gate, evidence(mistakes(50), mistakes(50)))
    (harm,) = check_gate(gate, evidence(mistakes(100), mistakes(50)))

    assert same.rule == "accuracy against fraud@1 (production), margin 0.01"
    assert same.because == (
        "Worse by at most 0.0027 (95 % bound), within the margin 0.01. 0 rows lost, 0 gained (exact McNemar p 1)."
    )
    assert harm.finding is FAIL
    assert harm.because == (
        "Worse by 0.0500, at the very least by 0.0398 (95 % bound): more than the margin 0.01. "
        "50 rows lost, 0 gained (exact McNemar p below 0.0001)."
    )
    assert harm.difference.value == pytest.approx(-0.05)
    assert harm.p_value < 1e-6


def test_a_comparison_without_power_is_inconclusive_and_says_what_would_do():
    champion, candidate = random_binary(300, noise=0.5), random_binary(300, noise=0.501)

    (found,) = check_gate(Gate(metric="roc_auc", against="production", margin=0.001), evidence(candidate, champion))

    assert found.finding is OPEN
    assert "105 rows of the rarer class show shortfalls from" in found.because
    assert "would settle it" in found.because
    assert found.detectable > 0.001


def test_the_same_scorer_passes_without_a_test():
    model = random_binary(300)
    champion = Champion(environment="production", release="fraud@1", digest="d", baseline=None)
    seen = Evidence(
        task="binary_classification",
        candidate=model,
        references={"production": Reference(champion=champion, cases=model, same_scorer=True)},
        slices=(),
        seed=1,
    )

    (found,) = check_gate(Gate(metric="roc_auc", against="production", margin=0.0), seen)

    assert found.because == "The candidate is the champion: the same scorer, byte for byte."
    assert found.finding is PASS


def test_one_clearly_worse_slice_fails_although_the_overall_metric_is_fine():
    candidate, champion = mistakes(40, 40, 150), mistakes(90, 90, 50)
    seen = evidence(candidate, champion, slices=groups(3))

    overall = only(Gate(metric="accuracy", against="production", margin=0.02), seen)
    sliced = check_gate(Gate(metric="accuracy", against="production", margin=0.02, slices="all"), seen)

    assert overall == ((None, PASS),)
    assert [(check.slice, check.finding) for check in sliced] == [
        ("country = A", PASS),
        ("country = B", PASS),
        ("country = C", FAIL),
    ]
    assert sliced[2].difference.value == pytest.approx(-0.1)
    assert sliced[2].difference.high < -0.02
    assert "Holm-adjusted p below 0.0001 among 3 slices." in sliced[2].because


def test_small_slices_are_reported_and_block_only_when_required():
    parts = {"country = A": np.arange(2000) < 1960, "country = B": np.arange(2000) >= 1960}
    seen = evidence(mistakes(50, 50), mistakes(50, 50), slices=parts)
    gate = Gate(metric="accuracy", against="production", margin=0.02, slices="all")

    big, small = check_gate(gate, seen)
    required = check_gate(Gate(**{**_fields(gate), "required": True}), seen)[1]

    assert (big.finding, big.blocking, small.blocking) == (PASS, True, False)
    assert small.because.startswith("Reported only: 40 rows, fewer than min_rows 100. Could be worse by 0.06")
    assert (required.finding, required.blocking) == (OPEN, True)


def test_min_rows_counts_the_rows_that_carry_the_metric():
    parts = {"country = A": np.arange(2000) < 150}
    seen = evidence(mistakes(50, 50), mistakes(50, 50), slices=parts)

    (recall, summary) = check_gate(Gate(metric="recall", against="production", margin=0.02, slices="all"), seen)

    assert recall.because.startswith("Reported only: 75 positive rows, fewer than min_rows 100.")
    assert (summary.slice, summary.finding) == (None, OPEN)
    assert summary.because == (
        "None of the 1 slices has min_rows 100 positive rows, so nothing was shown. Hold out more rows, or lower min_rows."
    )


def test_an_empty_slice_is_reported():
    parts = {"country = A": np.ones(2000, dtype=bool), "country = Z": np.zeros(2000, dtype=bool)}

    _, empty = check_gate(Gate(metric="accuracy", min=0.5, slices="all"), evidence(mistakes(50, 50), slices=parts))

    assert empty.because == (
        "Reported only: 0 rows, fewer than min_rows 100. accuracy cannot be judged here: there are no rows."
    )


def test_only_the_named_slices_are_looked_at():
    parts = {"country = A": np.arange(2000) < 1000, "amount > 5": np.arange(2000) < 1500}

    found = only(Gate(metric="accuracy", min=0.5, slices=("amount",)), evidence(mistakes(50, 50), slices=parts))

    assert found == (("amount > 5", PASS),)


def test_the_baseline_is_the_best_constant():
    truth = np.array([0] * 900 + [1] * 100)
    constant = baseline.constant_class(truth, classes=2)

    assert set(constant.decision) == {0}
    assert constant.probabilities[0].tolist() == [0.9, 0.1]
    assert set(baseline.always_positive(constant).decision) == {1}


def test_precision_is_compared_with_always_positive():
    model = random_binary(600)
    champion = Champion(environment="production", release=None, digest=None, baseline=baseline.MAJORITY)
    seen = Evidence(
        task="binary_classification",
        candidate=model,
        references={"production": Reference(champion=champion, cases=baseline.constant_class(model.truth, classes=2))},
        slices=(),
        seed=1,
    )

    (found,) = check_gate(Gate(metric="precision", against="production", margin=0.01), seen)
    (auc,) = check_gate(Gate(metric="roc_auc", against="production", margin=0.01), seen)

    assert found.rule == "precision against baseline always positive, margin 0.01"
    assert found.reference.value == pytest.approx(model.truth.mean())
    assert auc.rule == "roc_auc against baseline majority class, margin 0.01"
    assert auc.reference.value == 0.5


def test_the_last_value_baseline_follows_time_and_never_looks_ahead():
    truth = np.array([10.0, 30.0, 20.0])
    cases = baseline.last_value(truth, np.array([0, 2, 1]))

    assert cases.decision.tolist() == [20.0, 20.0, 10.0]
    assert baseline.mean_value(truth).decision.tolist() == [20.0] * 3


def test_regression_metrics_are_better_when_smaller():
    draw = np.random.default_rng(0)
    truth, noise = draw.normal(size=500), draw.normal(size=500)
    seen = evidence(regression(truth, truth + 0.1 * noise), regression(truth, truth + 0.5 * noise))

    for metric in ("rmse", "mae", "r2"):
        (found,) = check_gate(Gate(metric=metric, against="production"), seen)
        assert (found.finding, found.difference.value > 0) == (PASS, True)


def _fields(gate):
    return {name: getattr(gate, name) for name in ("metric", "against", "margin", "slices")}
