"""The charts of a rollout's report, drawn from its recorded decisions: evidence, traffic and exposure over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from plimsoll.edge.charts import Axis, Event, Limit, Series, line_chart
from plimsoll.rollout.decisions import Decision, Exposure, Measure, Reading
from plimsoll.rollout.report import turning_points
from plimsoll.rollout.rollouts import (
    Held,
    MakeLive,
    Paused,
    Promoted,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    SetTraffic,
    Stage,
    Starting,
    Unready,
)
from plimsoll.rollout.wording import percent

_LEAST_E, _MOST_E = 0.1, 1e12
"""What a chart of e-values shows: below is no evidence, above is proof many times over."""
_LEAST_ADDED = 1e-4
_LINES = {Measure.ERRORS: "errors", Measure.LATENCY: "latency", Measure.SPLIT: "split of traffic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart with its heading."""

    heading: str
    remark: str
    svg: str


def rollout_plots(spec: RolloutSpec, decisions: Sequence[Decision]) -> tuple[Plot, ...]:
    """Every chart that this rollout has something for. Needs at least one decision, oldest first."""
    marks = [*_marks(spec, decisions)]
    if not spec.shares:
        return (_traffic(spec, decisions, marks),)
    plots = (_evidence(decisions, marks), _traffic(spec, decisions, marks))
    if not any(_exposure(decision) for decision in decisions):
        return plots
    return (*plots, _requests(decisions, marks), _added_errors(decisions, marks))


def _evidence(decisions: Sequence[Decision], marks: Sequence[Event]) -> Plot:
    paths: dict[Measure, list[tuple[datetime, float]]] = {}
    limits: dict[str, Limit] = {}
    for decision in decisions:
        evidence = decision.because.evidence
        for reading in () if evidence is None else (*evidence.harm, evidence.split):
            paths.setdefault(reading.measure, []).append((decision.at, _shown(reading)))
            harm = reading.measure is not Measure.SPLIT
            name = f"{'harm is proven' if harm else 'all is void'} at {reading.wanted:,.0f}"
            limits[name] = Limit(at=reading.wanted, name=name, alarm=harm)
    return _plot(
        "Evidence",
        "How many times likelier harm makes what was seen (e-values)."
        " A test speaks when its line reaches its limit; at 1 and below there is no evidence.",
        [Series(name=_LINES[measure], points=paths[measure]) for measure in Measure if measure in paths],
        axis=Axis(log=True, least=_LEAST_E),
        limits=list(limits.values()),
        events=marks,
    )


def _traffic(spec: RolloutSpec, decisions: Sequence[Decision], marks: Sequence[Event]) -> Plot:
    shares = [(decision.at, _share(spec, decision)) for decision in decisions]
    return _plot(
        "Traffic",
        "The share of all requests that the candidate answers.",
        [Series(name="share", points=shares, steps=True, area=True)],
        axis=Axis(least=0.0, most=100.0, text=lambda value: f"{value:g} %"),
        events=marks,
    )


def _requests(decisions: Sequence[Decision], marks: Sequence[Event]) -> Plot:
    points = [(at, None if shown is None else float(shown.requests)) for at, shown in _exposures(decisions)]
    wanted = {shown.wanted for _, shown in _exposures(decisions) if shown is not None}
    return _plot(
        "Requests seen",
        "By the candidate; each stage begins anew and must show enough for itself.",
        [Series(name="requests", points=points, area=True)],
        axis=Axis(least=0.0),
        limits=[Limit(at=one, name=f"{one:,} wanted") for one in sorted(wanted)],
        events=marks,
    )


def _added_errors(decisions: Sequence[Decision], marks: Sequence[Event]) -> Plot:
    points = [
        (at, None if shown is None else max(shown.added_errors, _LEAST_ADDED)) for at, shown in _exposures(decisions)
    ]
    allowed = {shown.allowed for _, shown in _exposures(decisions) if shown is not None}
    return _plot(
        "Added errors, at most",
        "By how much the candidate's error rate may exceed the champion's, for all that its stage has shown.",
        [Series(name="added errors", points=points)],
        axis=Axis(log=True, least=_LEAST_ADDED, most=1.0, text=percent),
        limits=[Limit(at=max(one, _LEAST_ADDED), name=f"{percent(one)} allowed") for one in sorted(allowed)],
        events=marks,
    )


def _plot(
    heading: str,
    remark: str,
    series: Sequence[Series],
    *,
    axis: Axis,
    limits: Sequence[Limit] = (),
    events: Sequence[Event] = (),
) -> Plot:
    chart = line_chart(series, title=heading, description=remark, axis=axis, limits=limits, events=events)
    return Plot(heading=heading, remark=remark, svg=chart)


def _marks(spec: RolloutSpec, decisions: Sequence[Decision]) -> Iterator[Event]:
    """The turns, each named in a word or two."""
    before: RolloutState | None = None
    for turn in turning_points(decisions):
        name = _mark(spec, turn.state, before=before)
        if name and turn.state != before:
            yield Event(at=turn.at, name=name)
        before = turn.state


def _mark(spec: RolloutSpec, state: RolloutState, *, before: RolloutState | None) -> str:
    match state:
        case Stage() | Settling() if isinstance(before, Unready):
            return "ready again"
        case Stage() | Settling() if isinstance(before, Paused) or (
            isinstance(before, Held) and isinstance(state, Stage)
        ):
            return "resumed"
        case Stage(index=index):
            share = spec.shares[index]
            return f"{share.candidate_pct:g} %" if share.candidate_pct else "copies"
        case Held():
            return "held"
        case Paused():
            return "paused"
        case Unready():
            return "not ready"
        case Settling():
            return "live"
        case Promoted():
            return "promoted"
        case RolledBack():
            return "rolled back"
        case Starting():
            return ""
        case _:
            assert_never(state)


def _share(spec: RolloutSpec, decision: Decision) -> float:
    """What the recorded effects give to the candidate, in percent."""
    if MakeLive(digest=spec.candidate.digest) in decision.effects:
        return 100.0
    return next((effect.candidate_pct for effect in decision.effects if isinstance(effect, SetTraffic)), 0.0)


def _exposures(decisions: Sequence[Decision]) -> Iterator[tuple[datetime, Exposure | None]]:
    """What the present stage has shown at each moment; None outside the stages and where one gives way to the next."""
    before: int | None = None
    for decision in decisions:
        evidence = decision.because.evidence
        stage = None if evidence is None else evidence.stage
        if stage != before:
            yield decision.at, None
        yield decision.at, _exposure(decision)
        before = stage


def _exposure(decision: Decision) -> Exposure | None:
    return None if decision.because.evidence is None else decision.because.evidence.exposure


def _shown(reading: Reading) -> float:
    return min(max(reading.e_value, _LEAST_E), _MOST_E)
