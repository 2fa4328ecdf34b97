"""A figure with its interval as a small inline SVG, held against a limit: one row of a table of checks.

Rows that belong together are drawn on one scale. A page that holds them puts `SPAN_STYLE` into its style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from plimsoll.edge.charts import escaped
from plimsoll.edge.scales import Scale

_WIDTH, _HEIGHT = 240, 26
_EDGE = 8

SPAN_STYLE = """
.span { display: block; width: 240px; max-width: 100%; height: auto; }
.span .axis { stroke: var(--edge); }
.span .zero { stroke: var(--soft); }
.span .limit { stroke: var(--bad); stroke-dasharray: 3 2; stroke-width: 1.5; }
.span .beyond { fill: var(--bad-back); }
.span .line { stroke-width: 2.5; stroke-linecap: round; }
.span .good { stroke: var(--good); fill: var(--good); }
.span .bad { stroke: var(--bad); fill: var(--bad); }
.span .wait { stroke: var(--wait); fill: var(--wait); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A figure and its two-sided interval."""

    value: float
    low: float
    high: float


def scale_of(spans: Sequence[Span], *, limit: float, zero: bool) -> Scale:
    """One scale that holds every interval, the limit, and 0 when it means something, with some air at both ends."""
    values = [limit, *([0.0] if zero else [])]
    values += [value for span in spans for value in (span.low, span.high, span.value)]
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or max(abs(high), 1e-9) * 0.06
    return Scale(low=low - air, high=high + air, begin=_EDGE, end=_WIDTH - _EDGE)


def span_plot(
    span: Span,
    *,
    scale: Scale,
    limit: float,
    at_least: bool,
    zero: bool,
    tone: Literal["good", "bad", "wait", "none"],
    title: str,
) -> str:
    """The interval as a line with a dot, the limit dashed, and the side on which the rule is broken shaded."""
    middle = _HEIGHT / 2
    at = scale(limit)
    begin, width = (0.0, at) if at_least else (at, _WIDTH - at)
    low, high, value = scale(span.low), scale(span.high), scale(span.value)
    zero_line = f'<path class="zero" d="M{scale(0.0):.1f} 3 V{_HEIGHT - 3}"/>' if zero else ""
    return (
        f'<svg class="span" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{escaped(title)}">'
        f'<rect class="beyond" x="{begin:.1f}" y="0" width="{max(width, 0):.1f}" height="{_HEIGHT}"/>'
        f'<path class="axis" d="M0 {middle} H{_WIDTH}"/>{zero_line}'
        f'<path class="limit" d="M{at:.1f} 0 V{_HEIGHT}"/>'
        f'<path class="line {tone}" d="M{low:.1f} {middle} H{high:.1f} M{low:.1f} {middle - 4} v8 M{high:.1f} {middle - 4} v8"/>'
        f'<circle class="{tone}" cx="{value:.1f}" cy="{middle}" r="4"/></svg>'
    )
