"""Points survive their packing bit by bit, and a thinned curve looks like the whole."""

from __future__ import annotations

import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.pipeline.points import Points, ordered, pack, said, thinned, unpack

POINTS = st.lists(st.tuples(st.integers(0, 2**53), st.floats(), st.floats(0, 4e9)))


def points_of(rows: list[tuple[int, float, float]]) -> Points:
    points = Points()
    for row in rows:
        points.add(*row)
    return points


@given(POINTS)
def test_packing_keeps_every_value_nan_and_infinities_too(rows):
    found = unpack(pack(points_of(rows)))
    assert found.steps.tolist() == [step for step, _, _ in rows]
    assert found.values.tobytes() == b"".join(struct.pack("=d", value) for _, value, _ in rows)
    assert found.times.tolist() == [at for _, _, at in rows]


@given(POINTS, st.integers(2, 50))
def test_a_thinned_curve_keeps_ends_and_extremes_in_their_order(rows, most):
    whole = ordered(points_of(rows))
    shown = thinned(whole, most)
    assert len(shown) <= max(most, 4)
    assert shown.steps.tolist() == sorted(shown.steps)
    numbers = [value for value in whole.values if not math.isnan(value)]
    if numbers:
        kept = [value for value in shown.values if not math.isnan(value)]
        assert (min(kept), max(kept)) == (min(numbers), max(numbers))
    if rows:
        assert (shown.steps[0], shown.steps[-1]) == (whole.steps[0], whole.steps[-1])


def test_of_the_same_step_the_later_point_is_the_last():
    assert ordered(points_of([(2, 1.0, 0), (1, 5.0, 1), (2, 3.0, 2)])).values.tolist() == [5.0, 1.0, 3.0]


def test_numbers_without_a_word_in_json_are_said_as_text():
    assert [said(value) for value in (1.5, math.nan, math.inf, -math.inf)] == [1.5, "nan", "inf", "-inf"]
