"""The three findings: proven fine, proven harmful, neither; Holm over slices; the verdict over all checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.gates.decide import Requirement, finding_of, findings_of_slices, holm, verdict_finding
from plimsoll.gates.entities import CheckResult, Finding
from plimsoll.gates.uncertain import StudentT

PASS, FAIL, OPEN = Finding.PASS, Finding.FAIL, Finding.INCONCLUSIVE


def figure(value, *, error=0.01):
    return StudentT(value=value, error=error, freedom=10_000, rows=10_000)


def check(finding, *, blocking=True):
    return CheckResult(rule="r", finding=finding, because="b", metric="accuracy", blocking=blocking)


@pytest.mark.parametrize(
    ("value", "finding"), [(0.95, PASS), (0.917, PASS), (0.91, OPEN), (0.89, OPEN), (0.883, FAIL), (0.5, FAIL)]
)
def test_a_floor_is_held_against_the_lower_bound_and_broken_by_the_upper(value, finding):
    assert finding_of(Requirement(limit=0.9), figure(value)) is finding


@pytest.mark.parametrize(("value", "finding"), [(0.88, PASS), (0.89, OPEN), (0.91, OPEN), (0.93, FAIL)])
def test_a_ceiling_is_held_against_the_upper_bound_and_broken_by_the_lower(value, finding):
    assert finding_of(Requirement(limit=0.9, at_least=False), figure(value)) is finding


@pytest.mark.parametrize(("value", "finding"), [(0.9, PASS), (0.9001, PASS), (0.8999, FAIL)])
def test_on_value_there_is_no_doubt(value, finding):
    assert finding_of(Requirement(limit=0.9, by_bound=False), figure(value)) is finding


@pytest.mark.parametrize(
    ("value", "finding"), [(0.0, OPEN), (0.007, PASS), (-0.02, OPEN), (-0.0264, OPEN), (-0.0266, FAIL)]
)
def test_harm_is_proven_only_beyond_the_margin(value, finding):
    assert finding_of(Requirement(limit=-0.01, strict=True), figure(value)) is finding


def test_equal_to_the_limit_is_no_proof_of_better():
    assert finding_of(Requirement(limit=0.0, strict=True), figure(0.0, error=0.0)) is OPEN


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_stays_monotone():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_rule_rejects(p_values, alpha):
    rejected = set()
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        if p_values[index] * (len(p_values) - rank) >= alpha:
            break
        rejected.add(index)

    assert {index for index, adjusted in enumerate(holm(p_values)) if adjusted < alpha} == rejected


def test_one_slice_of_many_fails_only_beyond_what_chance_explains():
    lone, proven = figure(-0.031), figure(-0.06)
    fine = [figure(0.02)] * 19
    rule = Requirement(limit=-0.01, strict=True)

    assert findings_of_slices(rule, [lone])[0][0] is FAIL
    assert findings_of_slices(rule, [lone, *fine])[0][0] is OPEN
    assert [finding for finding, _ in findings_of_slices(rule, [proven, *fine])] == [FAIL, *[PASS] * 19]


@pytest.mark.parametrize(
    ("checks", "finding"),
    [
        ([check(PASS), check(PASS)], PASS),
        ([check(PASS), check(OPEN)], OPEN),
        ([check(OPEN), check(FAIL), check(PASS)], FAIL),
        ([check(PASS), check(FAIL, blocking=False)], PASS),
        ([check(PASS, blocking=False)], OPEN),
        ([], OPEN),
    ],
)
def test_fail_beats_inconclusive_beats_pass_and_nothing_shown_is_no_pass(checks, finding):
    assert verdict_finding(checks) is finding
