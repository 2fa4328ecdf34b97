"""Shares of one column before and now, bin by bin, as inline SVG bars: how far a distribution has moved.

One drawing serves wide and narrow screens. A page that holds them puts `BARS_STYLE` into its style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.edge.charts import escaped

MOST = 16
"""Bins that are drawn; of more, those that moved the most, in their order, and the rest as one."""
_WIDTH, _ROW, _NAME, _FIGURE = 340, 26, 118, 58
_CHARACTERS = 18

BARS_STYLE = """
.bars { display: block; width: 100%; max-width: 420px; height: auto; font: 12px system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.bars text { fill: var(--soft); }
.bars .now { fill: var(--mark); }
.bars .before { fill: none; stroke: var(--edge); stroke-width: 1.5; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin: its name, and its shares (0..1) of the rows before and now."""

    name: str
    before: float
    now: float


def moved_bars(bins: Sequence[Bin], *, title: str) -> str:
    """Two bars a bin, one above the other: filled what is now, in outline what was before. One XML element."""
    shown = _shown(bins)
    most = max((max(one.before, one.now) for one in shown), default=0.0) or 1.0
    room = _WIDTH - _NAME - _FIGURE
    rows = "".join(_row(one, place * _ROW, room / most) for place, one in enumerate(shown))
    height = max(len(shown), 1) * _ROW
    told = "; ".join(f"{one.name} {_percent(one.before)}, now {_percent(one.now)}" for one in shown)
    return (
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="{escaped(title)}"><desc>{escaped(told)}</desc>{rows}</svg>'
    )


def _shown(bins: Sequence[Bin]) -> list[Bin]:
    if len(bins) <= MOST:
        return list(bins)
    kept = sorted(range(len(bins)), key=lambda place: -abs(bins[place].now - bins[place].before))[: MOST - 1]
    rest = [one for place, one in enumerate(bins) if place not in kept]
    others = Bin(name=f"{len(rest)} others", before=sum(one.before for one in rest), now=sum(one.now for one in rest))
    return [*(bins[place] for place in sorted(kept)), others]


def _row(one: Bin, top: int, scale: float) -> str:
    now, before = max(one.now * scale, 0.0), max(one.before * scale, 0.0)
    return (
        f"<g><title>{escaped(one.name)}</title>"
        f'<text x="{_NAME - 8}" y="{top + 17}" text-anchor="end">{escaped(_short(one.name))}</text>'
        f'<rect class="now" x="{_NAME}" y="{top + 4}" width="{now:.1f}" height="9"/>'
        f'<rect class="before" x="{_NAME}" y="{top + 15}" width="{before:.1f}" height="6"/>'
        f'<text x="{_NAME + max(now, before) + 6:.1f}" y="{top + 17}">{_percent(one.now)}</text></g>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
