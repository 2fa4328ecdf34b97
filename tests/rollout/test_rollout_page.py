"""The report of a rollout as a page: the same facts as the text, well-formed, escaped, from nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from tests.rollout.worlds import START, a_spec, an_arm, at, seen

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.histogram import Histogram
from plimsoll.rollout.decide import decide
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.page import rollout_html
from plimsoll.rollout.plots import rollout_plots
from plimsoll.rollout.report import rollout_text, turning_points
from plimsoll.rollout.rollouts import (
    Order,
    Pause,
    ReleaseRef,
    Resume,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Starting,
    Strategy,
)
from plimsoll.rollout.seen import Readiness, Seen

SPEC = a_spec(stages=(5.0, 50.0), hold_s=10.0, warm_s=20.0, deadline_s=60.0)
HOSTILE = '</h1><script>alert("x")</script>&\'\x00'


def a_life(
    spec: RolloutSpec = SPEC,
    *,
    errs: float = 0.0,
    per_look: int = 1000,
    looks: int = 20,
    orders: Mapping[int, Order] | None = None,
    readiness: Readiness = Readiness.READY,
    problem: str = "",
) -> list[Decision]:
    """A rollout from its first look on, every 5 s, in which the candidate gets `per_look` requests in each stage."""
    decisions: list[Decision] = []
    state: RolloutState = Starting(since=START)
    counts: dict[int, StageCounts] = {}
    for turn in range(looks):
        evidence = decisions[-1].because.evidence if decisions else None
        stage = evidence.stage if evidence else None
        if stage is not None:
            requests = counts[stage].candidate.requests + per_look if stage in counts else per_look
            share = spec.shares[stage].expected
            erred = round(errs * requests)
            counts[stage] = StageCounts(
                champion=an_arm(round(requests * (1 - share) / share)),
                candidate=an_arm(requests, errors=erred),
                fallback=Histogram.of([0.018] * erred),
            )
        what = Seen(stages=dict(counts), health=seen(readiness=readiness, problem=problem).health)
        decisions.append(decide(spec, state, what, at(5 * turn), (orders or {}).get(turn)))
        state = decisions[-1].state
    return decisions


def page(spec: RolloutSpec, decisions: list[Decision]) -> ET.Element:
    return ET.fromstring(rollout_html(spec, decisions).removeprefix("<!DOCTYPE html>\n"))


def words(element: ET.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def figures(document: ET.Element) -> dict[str, str]:
    (row,) = [one for one in document.iter("dl") if one.get("class") == "figures"]
    return {cell.findtext("dt") or "": cell.findtext("dd") or "" for cell in row}


def test_a_rolled_back_release_is_told_with_every_figure():
    decisions = a_life(errs=0.05)
    document = page(SPEC, decisions)
    end = next(decision for decision in decisions if isinstance(decision.state, RolledBack))
    evidence = end.because.evidence

    assert evidence is not None
    assert document.findtext("head/title") == "fraud@2 over fraud@1 (canary): rolled back"
    assert words(document).count(" ".join(end.because.sentence.split())) == 2  # on top and in the timeline
    assert figures(document) == {
        "Duration": "10 s",
        "Requests touched": f"{evidence.cost.touched:,}",
        "Candidate errors": f"{evidence.cost.erred:,}",
        "Callers who noticed": "none",
        "Fallback p99": "18 ms",
        "E-value, errors": "> 1,000,000",
        "E-value, latency": "0.5",
    }
    assert "of 40: harm proven" in words(document)


def test_a_promoted_release_has_its_stages_in_every_chart():
    document = page(SPEC, a_life(looks=30))
    charts = [one for one in document.iter("svg") if one.get("class") == "wide"]

    assert document.findtext("head/title") == "fraud@2 over fraud@1 (canary): promoted"
    assert [chart.findtext("title") for chart in charts] == [
        "Evidence",
        "Traffic",
        "Requests seen",
        "Added errors, at most",
    ]
    for chart in charts:
        assert {"5 %", "50 %", "live", "promoted"} <= {line.findtext("title") for line in chart.iter("line")}
    assert "harm is proven at 40" in words(charts[0])
    assert "1,000 wanted" in words(charts[2])
    assert "0.5 % allowed" in words(charts[3])


def test_traffic_is_what_the_recorded_effects_gave():
    traffic = rollout_plots(SPEC, a_life(looks=30))[1].svg
    wide = ET.fromstring(traffic)[0]
    (line,) = [one for one in wide.iter("path") if "line" in one.get("class", "")]
    heights = {float(down) for down in re.findall(r"[ML][\d.]+ ([\d.]+)", line.get("d", ""))}
    grid = [float(one.get("y1", "")) for one in wide.iter("line") if one.get("class") == "grid"]
    foot, top = max(grid), min(grid)

    assert sorted(round(100 * (foot - down) / (foot - top)) for down in heights) == [5, 50, 100]


def test_the_page_tells_the_same_turns_as_the_text():
    decisions = a_life(errs=0.05)
    (body,) = page(SPEC, decisions).iter("tbody")
    text = " ".join(rollout_text(SPEC, decisions).split())

    assert len(body) == len(turning_points(decisions))
    for row in body:
        when, _, sentence = (words(cell) for cell in row)
        assert f"{when} {sentence}" in text


def test_looks_after_the_end_change_nothing():
    decisions = a_life(errs=0.05)
    end = next(place for place, decision in enumerate(decisions) if isinstance(decision.state, RolledBack))

    assert end + 1 < len(decisions)
    assert rollout_html(SPEC, decisions) == rollout_html(SPEC, decisions[: end + 1])


@pytest.mark.parametrize(
    ("decisions", "standing"),
    [
        (a_life(looks=1), "under way"),
        (a_life(per_look=10, looks=20), "held, waiting for a person"),
        (a_life(looks=4, orders={3: Pause(by="ada", why="lunch")}), "paused"),
        (a_life(a_spec(ready_s=20.0), readiness=Readiness.NOT_READY, problem="no module"), "rolled back"),
    ],
    ids=["one decision", "held", "paused", "never ready"],
)
def test_a_rollout_is_told_wherever_it_stands(decisions: list[Decision], standing: str):
    document = page(SPEC, decisions)

    assert [one.text for one in document.iter("span") if "badge" in one.get("class", "")] == [standing]
    assert decisions[-1].because.sentence.split("(")[0].strip() in words(document) or standing == "rolled back"


def test_a_pause_is_marked_with_its_end():
    orders = {3: Pause(by="ada", why="lunch"), 6: Resume(by="ada", why="back")}
    evidence = ET.fromstring(rollout_plots(SPEC, a_life(looks=8, per_look=10, orders=orders))[0].svg)

    marks = [line.findtext("title") for line in evidence[0].iter("line") if line.get("class") == "event"]
    assert marks == ["5 %", "paused", "resumed"]


def test_nothing_decided_is_said():
    document = page(SPEC, [])

    assert "Nothing has been decided yet." in words(document)
    assert not list(document.iter("svg"))


def test_without_stages_nothing_is_judged_or_drawn_as_if_it_were():
    spec = a_spec(strategy=Strategy.ALL_AT_ONCE)

    told = a_life(spec, looks=3)
    assert [plot.heading for plot in rollout_plots(spec, told)] == ["Traffic"]
    assert "Requests touched" not in rollout_html(spec, told)


def test_nothing_that_people_wrote_can_leave_its_place():
    hostile = ReleaseRef(name=HOSTILE, digest="d2")
    spec = replace(SPEC, candidate=hostile, champion=ReleaseRef(name=HOSTILE, digest="d1"))
    decisions = a_life(spec, looks=6, orders={4: Pause(by=HOSTILE, why=HOSTILE)})
    document = page(spec, decisions)

    assert not list(document.iter("script"))
    assert "Paused by </h1><script>" in words(document)
    assert "<script" not in rollout_html(spec, decisions)


def test_the_page_needs_nothing_from_anywhere():
    html = rollout_html(SPEC, a_life(errs=0.05))

    assert not re.search(r"https?:|url\(|src=|href=|@import|javascript", html)
    assert html == rollout_html(SPEC, a_life(errs=0.05))
