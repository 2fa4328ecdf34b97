"""Curves over steps: as inline SVG in the manner of charts.py, and as a line of bars for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from plimsoll.edge.charts import CHARACTER, NARROW, chart, svg_text
from plimsoll.edge.scales import Scale, linear_ticks, number_text

_HEIGHT = 150
_COLOURS = 4
_LINE = 16
_BARS = "▁▂▃▄▅▆▇█"
_MOST = 1e300
"""Greater values are left out of a drawing: differences of them are no numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: its name and (step, value), by step. A value that is no number is a gap."""

    name: str
    points: Sequence[tuple[int, float]]


def curve_chart(lines: Sequence[Line], *, title: str, description: str = "") -> str:
    """Curves over the same steps: one XML element, of class `chart`. Colours and dashes follow the order of the lines."""
    return chart(lambda width: _drawing(lines, width), title=title, description=description)


def sparkline(values: Sequence[float], *, width: int = 24) -> str:
    """The values' course as a line of bars, the lowest to the highest; a part without a number is a blank."""
    columns = min(width, len(values))
    parts = [values[place * len(values) // columns : (place + 1) * len(values) // columns] for place in range(columns)]
    means = [_mean([value for value in part if _drawable(value)]) for part in parts]
    numbers = [mean for mean in means if mean is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    return "".join(" " if mean is None else _bar(mean, low, high) for mean in means)


def _bar(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.5
    return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(value / len(values) for value in values) if values else None


def _drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _MOST


def _drawing(lines: Sequence[Line], width: int) -> tuple[int, str]:
    drawn = [(step, value) for line in lines for step, value in line.points if _drawable(value)]
    if not drawn:
        return 80, svg_text(width / 2, 44, "No number has been logged.", anchor="middle")
    ticks = linear_ticks(min(value for _, value in drawn), max(value for _, value in drawn), most=4)
    names = [number_text(tick) for tick in ticks]
    left = 10 + CHARACTER * max(map(len, names))
    first, last = min(step for step, _ in drawn), max(step for step, _ in drawn)
    several = len(lines) > 1
    top = 12 + (_LINE * len(lines) + 6 if several else 0)
    x = Scale(low=first, high=max(last, first + 1), begin=left, end=width - 12)
    y = Scale(low=ticks[0], high=ticks[-1], begin=top + _HEIGHT, end=top)
    parts = [
        *(_name(line.name, place) for place, line in enumerate(lines) if several),
        *(_level(x, y, tick, name) for tick, name in zip(ticks, names, strict=True)),
        *_step_names(x, y, first, last, most=6 if width > NARROW else 4),
        *(part for place, line in enumerate(lines) for part in _curve(line, x, y, place % _COLOURS + 1)),
    ]
    return round(y.begin + 26), "".join(parts)


def _name(name: str, place: int) -> str:
    middle = 10 + _LINE * place
    return f'<path class="line s{place % _COLOURS + 1}" d="M4 {middle} h20"/>{svg_text(30, middle + 4, name)}'


def _level(x: Scale, y: Scale, tick: float, name: str) -> str:
    at = y(tick)
    line = f'<line class="grid" x1="{x.begin:.1f}" x2="{x.end:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + svg_text(x.begin - 6, at + 4, name, anchor="end")


def _step_names(x: Scale, y: Scale, first: int, last: int, *, most: int) -> Iterator[str]:
    for tick in linear_ticks(first, max(last, first + 1), most=most):
        if first <= tick <= last and tick.is_integer():
            name = number_text(tick)
            place = min(x(tick), x.end + 8 - len(name) * CHARACTER / 2)
            yield svg_text(place, y.begin + 18, name, anchor="middle")


def _curve(line: Line, x: Scale, y: Scale, colour: int) -> Iterator[str]:
    for drawable, points in groupby(line.points, key=lambda point: _drawable(point[1])):
        if not drawable:
            continue
        pixels = [(x(step), y(value)) for step, value in points]
        if len(pixels) == 1:
            yield f'<circle class="f{colour}" cx="{pixels[0][0]:.1f}" cy="{pixels[0][1]:.1f}" r="3"/>'
        else:
            path = " ".join(
                f"{'L' if place else 'M'}{right:.1f} {down:.1f}" for place, (right, down) in enumerate(pixels)
            )
            yield f'<path class="line s{colour}" d="{path}"/>'
