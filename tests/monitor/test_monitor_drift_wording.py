"""What moved in a column, in words."""

from __future__ import annotations

import pytest

from plimsoll.data.entities import ColumnProfile
from plimsoll.monitor.drift_wording import bin_name, median, moved_told, number, whole_values
from plimsoll.monitor.entities import ColumnJudgement, Move


def numbers(*edges, low=0.0, high=100.0):
    bins = len(edges) + 2
    return ColumnProfile(
        name="x", kind="numeric", rows=100, missing=0, low=low, high=high, edges=edges, counts=(1,) * bins, spread={}
    )


TEXTS = ColumnProfile(
    name="c",
    kind="categorical",
    rows=9,
    missing=0,
    low=None,
    high=None,
    categories=("a", "b"),
    counts=(4, 3, 2, 0),
    spread={},
)


def judged(expected, actual):
    order = sorted(range(len(expected)), key=lambda at: -abs(expected[at] - actual[at]))[:3]
    moves = tuple(Move(bin=at, expected=expected[at], actual=actual[at]) for at in order)
    return ColumnJudgement(
        column="x", drifted=True, judged=True, rows=9, reference_rows=9.0, psi=1.0, likelihood=1.0, critical=0.2,
        p=0.0, alpha=0.1, spread=1.0, moves=moves,
    )  # fmt: skip


def told(column, expected, actual):
    return moved_told(column, judged(expected, actual), expected, actual)


@pytest.mark.parametrize(
    ("column", "bin", "name"),
    [
        (numbers(10.0, 20.0), 0, "up to 10"),
        (numbers(10.0, 20.0), 1, "10 to 20"),
        (numbers(10.0, 20.0), 2, "above 20"),
        (numbers(10.0, 20.0), 3, "missing"),
        (numbers(), 0, "any number"),
        (numbers(0.0, 1.0, low=0.0, high=2.0), 2, "value 2"),
        (TEXTS, 1, "'b'"),
        (TEXTS, 2, "other categories"),
        (TEXTS, 3, "missing"),
    ],
)
def test_bins_have_names_for_people(column, bin, name):
    assert bin_name(column, bin) == name


def test_the_median_lies_where_half_of_the_numbers_are_below():
    column = numbers(10.0, 20.0)
    assert median(column, (0.5, 0.25, 0.25, 0.0)) == pytest.approx(10)
    assert median(column, (0.2, 0.2, 0.0, 0.6)) == pytest.approx(10)
    assert median(column, (0.0, 0.0, 1.0, 0.0)) == pytest.approx(60)
    assert median(column, (0.0, 0.0, 0.0, 1.0)) is None


def test_a_shifted_median_is_told_first():
    assert told(numbers(10.0, 20.0), (0.5, 0.3, 0.2, 0.0), (0.2, 0.3, 0.5, 0.0)).startswith("median 10 -> ")


def test_a_change_that_leaves_the_median_tells_the_bins():
    said = told(numbers(10.0, 20.0, 30.0), (0.25, 0.25, 0.25, 0.25, 0.0), (0.1, 0.45, 0.35, 0.1, 0.0))
    assert said == "10 to 20: 25 % -> 45 %, up to 10: 25 % -> 10 %"


def test_categories_are_told_by_name():
    assert told(TEXTS, (0.31, 0.6, 0.09, 0.0), (0.44, 0.47, 0.09, 0.0)) == "'a' 31 % -> 44 %, 'b' 60 % -> 47 %"


def test_nothing_is_told_of_what_hardly_moved():
    assert told(TEXTS, (0.31, 0.6, 0.09, 0.0), (0.312, 0.598, 0.09, 0.0)) == ""


def test_whole_numbers_in_a_row_are_their_own_bins():
    assert whole_values(numbers(0.0, 1.0, low=0.0, high=2.0)) == (0.0, 1.0, 2.0)
    assert whole_values(numbers(0.0, 2.0, low=0.0, high=3.0)) == ()


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12"), (0.05, "0.05"), (1234567.8, "1,234,568"), (-3.14159, "-3.142")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text
