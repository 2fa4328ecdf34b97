"""Two distributions side by side as inline SVG: columns for numbers, rows for categories.

In the manner of charts.py: drawn for a wide and for a narrow screen, without script, in the page's colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plimsoll.edge.charts import CHARACTER, chart, legend, svg_text
from plimsoll.edge.scales import Scale, linear_ticks, share_text

_HEIGHT = 150
_ROW = 30
_LABEL_PART = 0.32
"""Of the width, at most, for the names of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bin: its name and its share of each distribution, 0..1."""

    name: str
    first: float
    second: float


def columns_chart(
    bars: Sequence[Bar], *, names: tuple[str, str], edges: Sequence[str], title: str, description: str = ""
) -> str:
    """Bins of numbers from left to right as pairs of columns; edges: what is written between them.

    Bars beyond those that the edges part, such as missing values, stand apart on the right. A bar that has a name has
    it below.
    """
    return chart(lambda width: _columns(bars, names, edges, width), title=title, description=description)


def rows_chart(bars: Sequence[Bar], *, names: tuple[str, str], title: str, description: str = "") -> str:
    """Categories from top to bottom as pairs of bars with their shares."""
    return chart(lambda width: _rows(bars, names, width), title=title, description=description)


def _columns(bars: Sequence[Bar], names: tuple[str, str], edges: Sequence[str], width: int) -> tuple[int, str]:
    head, top = legend(names, width)
    ticks = linear_ticks(0.0, max(0.01, *(max(bar.first, bar.second) for bar in bars)), most=4)
    y = Scale(low=0.0, high=ticks[-1], begin=top + _HEIGHT, end=top + 6)
    left = 10 + CHARACTER * max(len(share_text(tick)) for tick in ticks)
    binned = len(edges) + 1
    apart = 16 if len(bars) > binned else 0
    step = (width - 8 - left - apart) / len(bars)
    begins = [left + step * place + (apart if place >= binned else 0) for place in range(len(bars))]
    parts = [head, *(_tick(tick, y, left, width - 8) for tick in ticks)]
    for begin, bar in zip(begins, bars, strict=True):
        parts += _pair(bar, y, begin, step)
    parts += _edge_names(edges, begins[1:binned], y.begin + 18, limit=width)
    parts += [
        svg_text(
            min(begin + step / 2, width - 4 - len(bar.name) * CHARACTER / 2),
            y.begin + (34 if place >= binned else 18),
            bar.name,
            anchor="middle",
        )
        for place, (begin, bar) in enumerate(zip(begins, bars, strict=True))
        if bar.name
    ]
    return round(y.begin + (42 if apart else 26)), "".join(parts)


def _tick(tick: float, y: Scale, left: float, right: float) -> str:
    at = y(tick)
    line = f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + svg_text(left - 6, at + 4, share_text(tick), anchor="end")


def _pair(bar: Bar, y: Scale, begin: float, step: float) -> Iterator[str]:
    thick = step * 0.4
    for number, share in enumerate((bar.first, bar.second)):
        at = begin + step * 0.1 + thick * number
        yield _rectangle(number + 1, at, y(share), thick, y.begin - y(share))


def _edge_names(edges: Sequence[str], places: Sequence[float], down: float, *, limit: float) -> Iterator[str]:
    """As many names as fit, from the left; each stands under its edge."""
    free = 0.0
    for place, name in zip(places, edges, strict=True):
        half = len(name) * CHARACTER / 2
        if name and place - half >= free and place + half <= limit:
            yield svg_text(place, down, name, anchor="middle")
            free = place + half + 8


def _rows(bars: Sequence[Bar], names: tuple[str, str], width: int) -> tuple[int, str]:
    head, top = legend(names, width)
    longest = max(len(bar.name) for bar in bars)
    room = min(longest * CHARACTER, width * _LABEL_PART)
    left = room + 12
    shares = 7 * CHARACTER
    x = Scale(
        low=0.0,
        high=max(1e-9, *(max(bar.first, bar.second) for bar in bars)),
        begin=left,
        end=width - shares - 4,
    )
    parts = [head]
    for place, bar in enumerate(bars):
        down = top + 8 + _ROW * place
        parts.append(svg_text(left - 6, down + 17, _cut(bar.name, room), anchor="end"))
        for number, share in enumerate((bar.first, bar.second)):
            at = down + 12 * number + 2
            parts.append(_rectangle(number + 1, left, at, x(share) - x.begin, 10))
            parts.append(svg_text(x(share) + 5, at + 9, share_text(share)))
    return round(top + 12 + _ROW * len(bars)), "".join(parts)


def _rectangle(colour: int, left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect class="f{colour}" x="{left:.1f}" y="{top:.1f}" width="{max(width, 0):.1f}" '
        f'height="{max(height, 0):.1f}"/>'
    )


def _cut(name: str, room: float) -> str:
    most = max(int(room / CHARACTER + 1e-6), 1)
    return name if len(name) <= most else name[: most - 1] + "…"
