"""Dots of one number against another, or against named values, as inline SVG in the manner of charts.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plimsoll.edge.charts import CHARACTER, NARROW, chart, escaped, svg_text
from plimsoll.edge.scales import Scale, linear_ticks, log_ticks, number_text

_HEIGHT = 150
_EDGE = 10
"""Between the outermost dots and the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One point; `across` is the place of a name, from 0, where the values have names."""

    across: float
    up: float
    name: str
    """What is said when somebody points at it."""
    chosen: bool = False
    """Whether it is the one that matters: it is drawn larger, in another colour, above the rest."""


def scatter_chart(
    dots: Sequence[Dot], *, title: str, description: str = "", log: bool = False, names: Sequence[str] = ()
) -> str:
    """Dots over an axis of numbers (log: by magnitude, all above 0), or of names when there are any."""
    return chart(lambda width: _drawing(dots, log, names, width), title=title, description=description)


def _drawing(dots: Sequence[Dot], log: bool, names: Sequence[str], width: int) -> tuple[int, str]:
    if not dots:
        return 80, svg_text(width / 2, 44, "Nothing has been tried yet.", anchor="middle")
    levels = linear_ticks(min(dot.up for dot in dots), max(dot.up for dot in dots), most=4)
    texts = [number_text(level) for level in levels]
    left = 10 + CHARACTER * max(map(len, texts))
    y = Scale(low=levels[0], high=levels[-1], begin=12 + _HEIGHT, end=12)
    marks = _marks(dots, log, names, most=6 if width > NARROW else 4)
    x = Scale(
        low=marks[0][0], high=max(marks[-1][0], marks[0][0] + 1e-300), begin=left + _EDGE, end=width - 12, log=log
    )
    if len(marks) == 1:  # one name alone stands in the middle
        x = Scale(low=marks[0][0] - 1, high=marks[0][0] + 1, begin=left + _EDGE, end=width - 12)
    parts = [
        *(_level(left, width - 4, y(level), text) for level, text in zip(levels, texts, strict=True)),
        *_names(marks, x, y.begin + 18, left=left, right=width - 2),
        *(_circle(dot, x, y) for dot in sorted(dots, key=lambda dot: dot.chosen)),
    ]
    return round(y.begin + 26), "".join(parts)


def _marks(dots: Sequence[Dot], log: bool, names: Sequence[str], *, most: int) -> list[tuple[float, str]]:
    """What is written below the axis, and where along it."""
    if names:
        return [(float(place), name) for place, name in enumerate(names)]
    low, high = min(dot.across for dot in dots), max(dot.across for dot in dots)
    ticks = log_ticks(low, high, most=most) if log else linear_ticks(low, high, most=most)
    return [(tick, number_text(tick)) for tick in ticks]


def _level(left: float, right: float, at: float, text: str) -> str:
    line = f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + svg_text(left - 6, at + 4, text, anchor="end")


def _names(marks: Sequence[tuple[float, str]], x: Scale, down: float, *, left: float, right: float) -> Iterator[str]:
    """As many names as fit, from the left; a long one is cut to the room that each has."""
    room = max(int((right - left) / len(marks) / CHARACTER), 4)
    free = 0.0
    for place, whole in marks:
        name = whole if len(whole) <= room else f"{whole[: room - 1]}…"
        half = len(name) * CHARACTER / 2
        middle = min(max(x(place), half), right - half)
        if middle - half >= free:
            yield svg_text(middle, down, name, anchor="middle")
            free = middle + half + 4


def _circle(dot: Dot, x: Scale, y: Scale) -> str:
    colour, radius = (2, 5.5) if dot.chosen else (1, 3.5)
    return (
        f'<circle class="f{colour}" cx="{x(dot.across):.1f}" cy="{y(dot.up):.1f}" r="{radius}">'
        f"<title>{escaped(dot.name)}</title></circle>"
    )
