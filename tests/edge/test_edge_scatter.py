"""Scatter charts: well-formed, escaped, inside their frame, the chosen dot on top."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.charts import NARROW, WIDE
from plimsoll.edge.scatter import Dot, scatter_chart

NUMBERS = st.floats(-1e6, 1e6)
DOTS = st.lists(
    st.builds(Dot, across=NUMBERS, up=NUMBERS, name=st.text(max_size=30), chosen=st.booleans()), max_size=20
)


@given(DOTS, st.sampled_from(["numbers", "log", "names"]))
def test_charts_are_well_formed_and_stay_in_their_frame(dots: list[Dot], kind: str):
    if kind == "log":
        dots = [Dot(across=abs(dot.across) + 1e-6, up=dot.up, name=dot.name, chosen=dot.chosen) for dot in dots]
    names: list[str] = []
    if kind == "names":
        dots = [Dot(across=float(place), up=dot.up, name=dot.name) for place, dot in enumerate(dots)]
        names = [f"value <{place}>" * 3 for place in range(len(dots))]
    drawn = scatter_chart(dots, title="<t>", log=kind == "log", names=names)
    for svg, width in zip(ET.fromstring(drawn), (WIDE, NARROW), strict=True):
        height = float((svg.get("viewBox") or "").split()[3])
        circles = svg.findall("circle")
        assert len(circles) == len(dots)
        for one in circles:
            x, y, r = (float(one.get(name) or "nan") for name in ("cx", "cy", "r"))
            assert r <= x <= width - r
            assert r <= y <= height - r


def test_the_chosen_dot_is_larger_and_above_the_rest():
    dots = [Dot(across=1, up=1, name="first", chosen=True), Dot(across=2, up=2, name="second")]
    wide = ET.fromstring(scatter_chart(dots, title="t"))[0]
    circles = wide.findall("circle")
    assert [one.findtext("title") for one in circles] == ["second", "first"]
    assert float(circles[1].get("r") or 0) > float(circles[0].get("r") or 0)


def test_magnitudes_are_evenly_apart():
    dots = [Dot(across=10.0**power, up=0, name="") for power in (-3, -2, -1)]
    circles = ET.fromstring(scatter_chart(dots, title="t", log=True))[0].findall("circle")
    first, second, third = (float(one.get("cx") or 0) for one in circles)
    assert abs((second - first) - (third - second)) < 0.3
    assert ">0.01<" in scatter_chart(dots, title="t", log=True)
