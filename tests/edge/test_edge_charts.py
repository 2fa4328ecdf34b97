"""Charts are well-formed, say everything that they were given, escape it, and keep their labels apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.charts import CHART_STYLE, NARROW, WIDE, Axis, Event, Limit, Series, escaped, line_chart

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def a_series(*values: float | None, **changes: Any) -> Series:
    points = [(after(minute), value) for minute, value in enumerate(values)]
    return Series(**{"name": "errors", "points": points, **changes})


def drawn(chart: str) -> tuple[ET.Element, ET.Element]:
    """The wide and the narrow drawing."""
    wide, narrow = ET.fromstring(chart)
    return wide, narrow


def texts(drawing: ET.Element) -> list[str]:
    return [text.text or "" for text in drawing.iter("text")]


def of_class(drawing: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in drawing.iter() if name in one.get("class", "").split()]


def test_a_chart_says_all_that_it_was_given_in_both_widths():
    chart = line_chart(
        [a_series(1, 5, 40), a_series(1, 1, 1, name="latency")],
        title="Evidence",
        description="e-values over time",
        axis=Axis(log=True, least=0.1),
        limits=[Limit(at=40, name="proven at 40", alarm=True)],
        events=[Event(at=after(1), name="25 %")],
    )

    for drawing, width in zip(drawn(chart), (WIDE, NARROW), strict=True):
        assert drawing.get("viewBox", "").split()[2] == str(width)
        assert drawing.get("role") == "img"
        assert (drawing.findtext("title"), drawing.findtext("desc")) == ("Evidence", "e-values over time")
        assert {"errors", "latency", "proven at 40", "25 %", "1", "100", "12:01:00"} <= set(texts(drawing))
        assert len(of_class(drawing, "limit")) == len(of_class(drawing, "event")) == 1


def test_a_chart_is_the_same_each_time_and_names_nothing_elsewhere():
    one, other = (line_chart([a_series(1, 2, 3)], title="t") for _ in range(2))

    assert one == other
    assert not re.search(r"https?:|url\(|<script|href", one + CHART_STYLE)


HOSTILE = "</text><script>alert('\"&\x00\ud800')</script>"


def test_no_name_can_leave_its_place():
    chart = line_chart(
        [a_series(1, 2, name=HOSTILE), a_series(2, 1)],
        title=HOSTILE,
        description=HOSTILE,
        limits=[Limit(at=1, name=HOSTILE)],
        events=[Event(at=after(0), name=HOSTILE)],
        axis=Axis(text=lambda value: f"{value:g} <b>"),
    )

    for drawing in drawn(chart):
        assert not list(drawing.iter("script"))
        assert not list(drawing.iter("b"))
        assert "</text><script>alert('\"&\ufffd\ufffd')</script>" in texts(drawing)


def test_escaped_text_is_the_same_text():
    assert ET.fromstring(f"<p>{escaped('<a> & é')}</p>").text == "<a> & é"


def test_a_chart_without_values_says_so():
    for series in ([], [a_series()], [a_series(None, None)]):
        for drawing in drawn(line_chart(series, title="t", events=[Event(at=NOON, name="live")])):
            assert texts(drawing) == ["Nothing has been seen yet."]


def test_a_single_value_is_a_dot():
    (wide, _) = drawn(line_chart([a_series(3)], title="t"))

    assert len(list(wide.iter("circle"))) == 1


def test_what_is_not_known_is_a_gap():
    (wide, _) = drawn(line_chart([a_series(1, 2, None, 4, 3)], title="t"))

    assert len(of_class(wide, "line")) == 2


def test_steps_keep_a_value_until_the_next():
    (wide, _) = drawn(line_chart([a_series(0, 100, 50, steps=True, area=True)], title="t"))
    (line,) = of_class(wide, "line")
    numbers = [float(one) for one in re.findall(r"[\d.]+", line.get("d", ""))]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))

    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(corners))
    assert len(of_class(wide, "area")) == 1


def test_the_space_below_closes_at_the_axis_beside_a_gap():
    (wide, _) = drawn(line_chart([a_series(1, 2, None, 4, 3, area=True)], title="t"))

    assert all(area.get("d", "").endswith("Z") for area in of_class(wide, "area"))
    assert len(of_class(wide, "area")) == 2


def test_a_long_path_keeps_its_peak_in_few_points():
    values = [0.0] * 20_000
    values[7321] = 9.0
    (wide, _) = drawn(line_chart([a_series(*values)], title="t", axis=Axis(most=9)))
    (line,) = of_class(wide, "line")
    numbers = [float(one) for one in re.findall(r"[\d.]+", line.get("d", ""))]

    assert len(numbers) < 4 * WIDE
    assert len(set(numbers[1::2])) == 2


def test_values_beyond_a_logarithmic_axis_lie_on_its_foot():
    (wide, _) = drawn(line_chart([a_series(1e-300, 0.0, 10)], title="t", axis=Axis(log=True, least=0.1)))

    assert "nan" not in ET.tostring(wide, encoding="unicode")
    with pytest.raises(ValueError, match="least value above 0"):
        line_chart([a_series(1)], title="t", axis=Axis(log=True))


@given(
    values=st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=30),
    limits=st.lists(st.floats(-1e9, 1e9), max_size=3),
    events=st.lists(st.integers(-5, 40), max_size=8),
)
def test_everything_lies_within_the_drawing(values: list[float | None], limits: list[float], events: list[int]):
    chart = line_chart(
        [a_series(*values)],
        title="t",
        limits=[Limit(at=at, name="limit") for at in limits],
        events=[Event(at=after(at), name="an event") for at in events],
    )

    for drawing in drawn(chart):
        _, _, width, height = map(float, drawing.get("viewBox", "").split())
        for one in drawing.iter():
            for name, value in one.attrib.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value) <= width
                if name in ("y1", "y2", "cy"):
                    assert 0 <= float(value) <= height


def test_names_of_events_do_not_overlap():
    events = [Event(at=after(minute / 3), name=f"stage number {minute}") for minute in range(12)]
    for drawing in drawn(line_chart([a_series(*range(5))], title="t", events=events)):
        names = of_class(drawing, "event-name")
        boxes = [(float(one.get("x", "")), float(one.get("y", "")), len(one.text or "") * 6.6) for one in names]
        for at, (left, down, width) in enumerate(boxes):
            for other_left, other_down, other_width in boxes[at + 1 :]:
                assert down != other_down or left + width <= other_left or other_left + other_width <= left
        assert 2 <= len(names) < len(of_class(drawing, "event")) == 12
        assert {line.findtext("title") for line in of_class(drawing, "event")} == {event.name for event in events}
