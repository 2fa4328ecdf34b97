"""Curves over steps, drawn: gaps where no number is, text that stays text, and bars from the lowest to the highest."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.curves import Line, curve_chart, sparkline

POINTS = st.lists(st.tuples(st.integers(0, 2**53), st.floats())).map(sorted)


@given(POINTS, POINTS, st.text(max_size=20))
def test_every_curve_gives_well_formed_svg(first, second, name):
    drawn = curve_chart([Line(name=name, points=first), Line(name="other", points=second)], title=name)
    assert len(ET.fromstring(drawn).findall("svg")) == 2


def test_a_value_that_is_no_number_is_a_gap():
    points = [(0, 1.0), (1, 2.0), (2, math.nan), (3, 1.0), (4, math.inf), (5, 3.0), (6, 1.0)]
    drawn = curve_chart([Line(name="loss", points=points)], title="loss")
    assert (drawn.count("<path"), drawn.count("<circle")) == (2 * 2, 2)
    assert "No number has been logged." in curve_chart([Line(name="x", points=[(0, math.nan)])], title="x")


def test_a_sparkline_goes_from_the_lowest_to_the_highest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, math.nan, 2]) == "▁ █"
    assert sparkline([3.0, 3.0]) == "▅▅"
    assert sparkline([]) == ""
    assert len(sparkline(range(1000), width=10)) == 10


@given(st.lists(st.floats()))
def test_any_values_have_a_sparkline(values):
    assert len(sparkline(values)) == min(24, len(values))
