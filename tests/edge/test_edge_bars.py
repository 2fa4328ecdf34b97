"""Charts of two distributions: well-formed, escaped, inside their frame, for wide and narrow screens."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.bars import Bar, columns_chart, rows_chart
from plimsoll.edge.charts import NARROW, WIDE
from plimsoll.edge.scales import share_text

SHARES = st.floats(0, 1)
NAMES = ("reference", "current")
BARS = st.lists(st.builds(lambda n, a, b: Bar(name=n, first=a, second=b), st.text(max_size=40), SHARES, SHARES), min_size=1, max_size=15)  # fmt: skip


@given(BARS, st.booleans())
def test_charts_are_well_formed_and_stay_in_their_frame(bars, as_rows):
    edges = ["1.5"] * (len(bars) - 1)
    drawn = rows_chart(bars, names=NAMES, title="<t>") if as_rows else columns_chart(bars, names=NAMES, edges=edges, title="<t>")  # fmt: skip
    wide, narrow = ET.fromstring(drawn)
    for svg, width in ((wide, WIDE), (narrow, NARROW)):
        height = float(svg.get("viewBox").split()[3])
        rectangles = svg.findall("rect")
        assert len(rectangles) == 2 * len(bars) + 2
        for one in rectangles:
            x, y, w, h = (float(one.get(name)) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= width + 0.2
            assert 0 <= y <= y + h <= height + 0.2


def test_rows_tell_their_shares_and_cut_long_names():
    drawn = rows_chart([Bar(name="y" * 90, first=0.31, second=0.444)], names=NAMES, title="t")
    assert ">31 %<" in drawn
    assert ">44 %<" in drawn
    assert re.search("y{10,30}…", drawn)


def test_columns_write_as_many_edges_as_fit():
    bars = [Bar(name="", first=0.1, second=0.1)] * 10 + [Bar(name="missing", first=0.0, second=0.2)]
    wide, narrow = ET.fromstring(columns_chart(bars, names=NAMES, edges=["1,234.5"] * 9, title="t"))
    count = [sum(text.text == "1,234.5" for text in svg.findall("text")) for svg in (wide, narrow)]
    assert count[0] > count[1] > 2
    assert any(text.text == "missing" for text in narrow.findall("text"))


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.31, "31 %"), (0.004, "0.4 %"), (0.0456, "4.6 %"), (1, "100 %")]
)
def test_shares_are_short(share, text):
    assert share_text(share) == text
