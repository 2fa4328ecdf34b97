"""Graphs of steps are well-formed, show every step and edge in both widths, and lead edges round what lies between."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.graphs import Node, step_graph

PIPELINE = (
    Node(name="split", tone="good", note="cached"),
    Node(name="train", needs=("split",), tone="wait", note="ready"),
    Node(name="evaluate", needs=("split", "train"), note="waiting"),
)


def drawings(nodes):
    return ET.fromstring(step_graph(nodes, title="Steps <&> more"))


def boxes(drawing):
    return {
        group.find("title").text: tuple(float(group.find("rect").get(side)) for side in ("x", "y", "width", "height"))
        for group in drawing.iter("g")
    }


def edges(drawing):
    return [path.get("d") for path in drawing.iter("path") if path.get("class") == "edge"]


def test_every_step_and_edge_is_drawn_twice_with_its_state_in_words():
    for drawing in drawings(PIPELINE):
        assert list(boxes(drawing)) == ["split", "train", "evaluate"]
        assert len(edges(drawing)) == 3
        assert [text.text for text in drawing.iter("text")][:2] == ["split", "cached"]
        assert drawing.find("desc").text == "split: cached; train: ready; evaluate: waiting"
        assert drawing.get("aria-label") == "Steps <&> more"


def test_what_needs_something_stands_after_it():
    wide, narrow = (boxes(drawing) for drawing in drawings(PIPELINE))
    assert wide["split"][0] < wide["train"][0] < wide["evaluate"][0]
    assert narrow["split"][1] < narrow["train"][1] < narrow["evaluate"][1]


def test_an_edge_passes_by_the_step_between():
    wide = drawings(PIPELINE)[0]
    _, top, _, height = boxes(wide)["train"]
    (passing,) = [path for path in edges(wide) if "H" in path]
    lane = float(re.search(r"([\d.]+) H", passing)[1])
    assert not top <= lane <= top + height


def test_a_long_graph_goes_downwards_on_a_wide_screen_too():
    chain = [Node(name=f"step{number}", needs=(f"step{number - 1}",)) for number in range(12)]
    wide = drawings(chain)[0]
    assert float(wide.get("width")) <= 1080
    assert len({left for left, *_ in boxes(wide).values()}) == 1


def test_no_steps_make_an_empty_drawing():
    assert [len(boxes(drawing)) for drawing in drawings(())] == [0, 0]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=20))
def test_no_two_steps_overlap(needs):
    nodes = [
        Node(name=f"s{place}", needs=tuple(f"s{one}" for one in wanted if one < place))
        for place, wanted in enumerate(needs)
    ]
    for drawing in drawings(nodes):
        found = list(boxes(drawing).values())
        for place, (x1, y1, width, height) in enumerate(found):
            for x2, y2, _, _ in found[place + 1 :]:
                assert abs(x1 - x2) >= width or abs(y1 - y2) >= height
