"""Charts as inline SVG, for every page: strings without script, which take their colours from the page.

Each chart is drawn twice, for a wide and for a narrow screen, and the page shows the one that fits, so its text keeps
its size. A page that holds charts puts `CHART_STYLE` into its style sheet. Every text is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from plimsoll.edge.scales import Scale, Text, linear_ticks, log_ticks, number_text, rows, spread, time_ticks

WIDE, NARROW = 540, 340
_HEIGHT = 230
_FONT = 12
CHARACTER = 6.6
"""What a character of a label takes, on average, in pixels."""
_LINE = 16
_COLOURS = 4
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

CHART_STYLE = """
.chart { --series-1: #0b6e99; --series-2: #b4540a; --series-3: #6f4bb2; --series-4: #14743c;
  --axis: #5a6b75; --grid: #e6ebee; --alarm: #b3261e; --event: #8796a0; --halo: #ffffff; margin: 0; }
@media (prefers-color-scheme: dark) {
  .chart { --series-1: #5fb8dd; --series-2: #f0a35e; --series-3: #b79cf0; --series-4: #7ddc9c;
    --axis: #95a6af; --grid: #26333a; --alarm: #ff9d94; --event: #6d7f89; --halo: #182127; }
}
.chart svg { display: block; width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.chart text { fill: var(--axis); }
.chart .grid { stroke: var(--grid); }
.chart .event { stroke: var(--event); stroke-dasharray: 2 3; }
.chart .limit { stroke: var(--axis); stroke-dasharray: 6 3; }
.chart .limit.alarm { stroke: var(--alarm); }
.chart .limit-name.alarm { fill: var(--alarm); }
.chart .limit-name, .chart .event-name { paint-order: stroke; stroke: var(--halo); stroke-width: 4px; stroke-linejoin: round; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart .area { stroke: none; opacity: .14; }
.chart .s1 { stroke: var(--series-1); } .chart .f1 { fill: var(--series-1); }
.chart .s2 { stroke: var(--series-2); stroke-dasharray: 7 4; } .chart .f2 { fill: var(--series-2); }
.chart .s3 { stroke: var(--series-3); stroke-dasharray: 2 4; } .chart .f3 { fill: var(--series-3); }
.chart .s4 { stroke: var(--series-4); stroke-dasharray: 9 3 2 3; } .chart .f4 { fill: var(--series-4); }
.chart .narrow { display: none; }
@media (max-width: 560px) { .chart .wide { display: none; } .chart .narrow { display: block; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: values over time, oldest first."""

    name: str
    points: Sequence[tuple[datetime, float | None]]
    """None: nothing is known there, and the line has a gap."""
    steps: bool = False
    """Whether a value holds until the next one; else points are joined."""
    area: bool = False
    """Whether the space below is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A value that matters, drawn across the chart."""

    at: float
    name: str
    alarm: bool = False
    """Whether to reach it is bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A moment that matters, drawn from top to bottom. Its name is left out where there is no room for it."""

    at: datetime
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """How values are drawn upwards. It holds all values, limits and these two."""

    log: bool = False
    """Needs `least` above 0; smaller values lie on it."""
    least: float | None = None
    most: float | None = None
    text: Text = number_text


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    description: str = "",
    axis: Axis = Axis(),
    limits: Sequence[Limit] = (),
    events: Sequence[Event] = (),
) -> str:
    """A chart of values over time: one XML element, of class `chart`. Without any value it says so.

    title, description: what it shows, for those who do not see it. Colours and dashes follow the order of `series`.
    """
    return chart(lambda width: _drawing(series, axis, limits, events, width), title=title, description=description)


def chart(draw: Callable[[int], tuple[int, str]], *, title: str, description: str = "") -> str:
    """What `draw` gives for a wide and for a narrow screen as one XML element. draw: width -> height and content."""
    drawings = "".join(
        f'<svg class="{name}" viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(title)}">'
        f"<title>{escaped(title)}</title><desc>{escaped(description)}</desc>{body}</svg>"
        for name, width in (("wide", WIDE), ("narrow", NARROW))
        for height, body in [draw(width)]
    )
    return f'<div class="chart">{drawings}</div>'


def legend(names: Sequence[str], width: int) -> tuple[str, float]:
    """Names of filled areas in the order of the colours, and how far down the page they reach."""
    rows = list(_legend(names, width))
    squares = (
        f'<rect class="f{colour}" x="{left:.1f}" y="{5 + _LINE * place}" width="20" height="10"/>'
        f"{svg_text(left + 26, 14 + _LINE * place, name)}"
        for place, row in enumerate(rows)
        for left, colour, name in row
    )
    return "".join(squares), 10.0 + _LINE * len(rows)


def escaped(text: str) -> str:
    """Any text as content or attribute of XML and HTML; what neither may hold at all becomes a question mark."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def _drawing(
    series: Sequence[Series], axis: Axis, limits: Sequence[Limit], events: Sequence[Event], width: int
) -> tuple[int, str]:
    """The chart's height and content at this width."""
    if all(value is None for one in series for _, value in one.points):
        return 80, svg_text(width / 2, 44, "Nothing has been seen yet.", anchor="middle")
    ticks = _ticks(series, axis, limits)
    names = [axis.text(tick) for tick in ticks]
    left = 10 + CHARACTER * max(map(len, names))
    moments = [at for one in series for at, _ in one.points]
    begin, end = min(moments), max(*moments, min(moments) + timedelta(seconds=1))
    x = Scale(low=begin.timestamp(), high=end.timestamp(), begin=left, end=width - 8)
    names_of_series = list(_legend([one.name for one in series], width)) if len(series) > 1 else []
    kept = [event for event in events if begin <= event.at <= end]
    labels, label_rows = _event_labels(kept, x)
    above = _LINE * len(names_of_series) + (8 if names_of_series else 0)
    top = 10 + above + _LINE * label_rows
    y = Scale(low=ticks[0], high=ticks[-1], begin=top + _HEIGHT - 40, end=top, log=axis.log)
    parts = [
        *(_legend_row(row, place) for place, row in enumerate(names_of_series)),
        *(_y_tick(x, y, tick, name) for tick, name in zip(ticks, names, strict=True)),
        *_x_ticks(x, y, begin, end, most=6 if width == WIDE else 4),
        *(_event(event, x, y, label, 14 + above) for event, label in zip(kept, labels, strict=True)),
        *(part for number, one in enumerate(series) for part in _series(one, x, y, number % _COLOURS + 1)),
        *_limits(limits, series, x, y),
    ]
    return round(y.begin + 26), "".join(parts)


def _ticks(series: Sequence[Series], axis: Axis, limits: Sequence[Limit]) -> list[float]:
    values = [value for one in series for _, value in one.points if value is not None]
    values += [limit.at for limit in limits] + [bound for bound in (axis.least, axis.most) if bound is not None]
    if not axis.log:
        return linear_ticks(min(values), max(values))
    if axis.least is None or axis.least <= 0:
        raise ValueError("a logarithmic axis needs a least value above 0")
    return log_ticks(axis.least, max(values))


def _y_tick(x: Scale, y: Scale, tick: float, name: str) -> str:
    at = y(tick)
    return (
        f'<line class="grid" x1="{x.begin:.1f}" x2="{x.end:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
        f"{svg_text(x.begin - 6, at + 4, name, anchor='end')}"
    )


def _x_ticks(x: Scale, y: Scale, begin: datetime, end: datetime, *, most: int) -> Iterator[str]:
    for moment, name in time_ticks(begin, end, most=most):
        at = x(moment.timestamp())
        half = len(name) * CHARACTER / 2
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{y.begin:.1f}" y2="{y.begin + 4:.1f}"/>'
        yield svg_text(min(at, x.end + 6 - half), y.begin + 18, name, anchor="middle")


def _series(series: Series, x: Scale, y: Scale, colour: int) -> Iterator[str]:
    for points in _runs(series):
        pixels = _thinned([(x(at.timestamp()), y(value)) for at, value in points])
        if series.steps:
            pixels = [*_stepped(pixels)]
        path = " ".join(f"{'L' if place else 'M'}{right:.1f} {down:.1f}" for place, (right, down) in enumerate(pixels))
        if series.area:
            closed = f"{path} L{pixels[-1][0]:.1f} {y.begin:.1f} L{pixels[0][0]:.1f} {y.begin:.1f} Z"
            yield f'<path class="area f{colour}" d="{closed}"/>'
        if len(points) == 1:
            yield f'<circle class="f{colour}" cx="{pixels[0][0]:.1f}" cy="{pixels[0][1]:.1f}" r="3"/>'
        else:
            yield f'<path class="line s{colour}" d="{path}"/>'


def _runs(series: Series) -> Iterator[list[tuple[datetime, float]]]:
    """The points between the gaps."""
    for known, points in groupby(series.points, key=lambda point: point[1] is not None):
        if known:
            yield [(at, value) for at, value in points if value is not None]


def _thinned(pixels: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of the points in each column of pixels, the first, the extremes and the last, but none amid a level run: no more can be seen."""
    kept: list[tuple[float, float]] = []
    for _, column in groupby(pixels, key=lambda pixel: round(pixel[0])):
        points = list(column)
        places = {0, len(points) - 1}
        places |= {choose(range(len(points)), key=lambda place: points[place][1]) for choose in (min, max)}
        kept += [points[place] for place in sorted(places)]
    level = [before[1] == here[1] == after[1] for before, here, after in zip(kept, kept[1:], kept[2:], strict=False)]
    return [point for point, within in zip(kept, [False, *level, False], strict=False) if not within]


def _stepped(pixels: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    before: float | None = None
    for right, down in pixels:
        if before is not None:
            yield right, before
        yield right, down
        before = down


def _limits(limits: Sequence[Limit], series: Sequence[Series], x: Scale, y: Scale) -> Iterator[str]:
    drawn = [(x(at.timestamp()), y(value)) for one in series for at, value in one.points if value is not None]
    places = [y(limit.at) for limit in limits]
    below = [place - 16 < y.end for place in places]  # else it would reach into the names of the events
    labels = spread([at + (14 if low else -5) for at, low in zip(places, below, strict=True)], apart=14)
    for limit, at, label in zip(limits, places, labels, strict=True):
        alarm = " alarm" if limit.alarm else ""
        yield f'<line class="limit{alarm}" x1="{x.begin:.1f}" x2="{x.end:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
        width = len(limit.name) * CHARACTER + 12
        near = [right for right, down in drawn if label - 14 <= down <= label + 6]
        at_left, at_right = sum(right < x.begin + width for right in near), sum(right > x.end - width for right in near)
        right, anchor = (x.end - 6, "end") if at_right < at_left else (x.begin + 6, "start")
        yield svg_text(right, label, limit.name, anchor=anchor, css=f"limit-name{alarm}")


def _event_labels(events: Sequence[Event], x: Scale) -> tuple[list[tuple[float, int] | None], int]:
    """For each event where its name begins and in which row above the chart, and how many rows there are."""
    widths = [len(event.name) * CHARACTER for event in events]
    begins = [
        max(min(x(event.at.timestamp()) - width / 2, x.end - width), 0)
        for event, width in zip(events, widths, strict=True)
    ]
    spans = [(begin, begin + width) for begin, width in zip(begins, widths, strict=True)]
    found = list(rows(spans, most=2))
    labels = [None if row is None else (begin, row) for begin, row in zip(begins, found, strict=True)]
    return labels, max((row + 1 for row in found if row is not None), default=0)


def _event(event: Event, x: Scale, y: Scale, label: tuple[float, int] | None, top: float) -> str:
    at = x(event.at.timestamp())
    line = (
        f'<line class="event" x1="{at:.1f}" x2="{at:.1f}" y1="{y.end:.1f}" y2="{y.begin:.1f}">'
        f"<title>{escaped(event.name)}</title></line>"
    )
    return line if label is None else line + svg_text(label[0], top + _LINE * label[1], event.name, css="event-name")


def _legend(names: Sequence[str], width: int) -> Iterator[list[tuple[float, int, str]]]:
    """Rows of (left edge, colour, name)."""
    row: list[tuple[float, int, str]] = []
    left = 4.0
    for number, name in enumerate(names):
        needs = 26 + len(name) * CHARACTER + 14
        if row and left + needs > width:
            yield row
            row, left = [], 4.0
        row.append((left, number % _COLOURS + 1, name))
        left += needs
    yield row


def _legend_row(row: Sequence[tuple[float, int, str]], place: int) -> str:
    middle = 10 + _LINE * place
    return "".join(
        f'<path class="line s{colour}" d="M{left:.1f} {middle} h20"/>{svg_text(left + 26, middle + 4, name)}'
        for left, colour, name in row
    )


def svg_text(right: float, down: float, text: str, *, anchor: str = "start", css: str = "") -> str:
    """A text with its anchor at a point, escaped."""
    style = f' class="{css}"' if css else ""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{style} x="{right:.1f}" y="{down:.1f}"{where}>{escaped(text)}</text>'
