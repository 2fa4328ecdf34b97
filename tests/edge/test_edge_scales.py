"""Axes are written with few round values that reach around all there is, and labels are kept apart."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.scales import Scale, linear_ticks, log_ticks, number_text, rows, spread, time_ticks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_linear_ticks_are_few_and_reach_around_all(low: float, span: float):
    ticks = linear_ticks(low, low + span)

    assert 2 <= len(ticks) <= 7
    assert ticks == sorted(ticks)
    assert ticks[0] <= low + 1e-6 * max(abs(low), span, 1)
    assert ticks[-1] >= low + span - 1e-6 * max(abs(low), span, 1)


@given(st.floats(-300, 300), st.floats(0, 300))
def test_log_ticks_are_powers_of_ten_that_reach_around_all(low: float, span: float):
    ticks = log_ticks(10.0 ** min(low, 290), 10.0 ** min(low + span, 290))

    assert 2 <= len(ticks) <= 8
    assert all(math.isclose(math.log10(tick), round(math.log10(tick)), abs_tol=1e-6) for tick in ticks)


def test_log_ticks_have_one_among_them():
    assert 1.0 in log_ticks(0.1, 1e12)


@given(st.integers(1, 5 * 365 * 86_400))
def test_time_ticks_are_round_few_and_within(seconds: int):
    end = NOON + timedelta(seconds=seconds)
    ticks = time_ticks(NOON, end)

    assert len(ticks) <= 7
    assert all(NOON <= moment <= end and moment.microsecond == 0 for moment, _ in ticks)


def test_time_is_written_as_the_span_needs_it():
    assert time_ticks(NOON, after(0.5))[1][1] == "12:00:05"
    assert time_ticks(NOON, after(60))[1][1] == "12:10"
    assert "2 Mar" in [name for _, name in time_ticks(NOON, after(24 * 60))]
    assert time_ticks(NOON, after(24 * 60 * 6))[0][1] == "2 Mar"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.05, "0.05"), (25, "25"), (1000, "1,000"), (1e6, "10⁶"), (3e-5, "3·10⁻⁵")],
)
def test_numbers_are_short(value: float, text: str):
    assert number_text(value) == text


def test_labels_that_would_overlap_are_moved_apart_and_others_stay():
    assert spread([10, 100, 12], apart=14) == [10, 100, 24]
    assert list(rows([(0, 10), (5, 15), (8, 20), (30, 40)], most=2)) == [0, 1, None, 0]


def test_a_scale_maps_its_ends_and_stays_within():
    scale = Scale(low=1, high=100, begin=200, end=0, log=True)

    assert (scale(1), scale(10), scale(100), scale(1e9), scale(0.001)) == (200, 100, 0, 0, 200)
