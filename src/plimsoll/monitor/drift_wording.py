"""What moved in a column, in words: for alerts, reports and the command line. Pure text from profiles and shares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from plimsoll.data.entities import ColumnProfile
from plimsoll.edge.scales import share_text
from plimsoll.monitor.entities import ColumnJudgement

_MEDIAN_MOVED = 0.05
"""A median is worth a word when so much of the reference lies between it and the old one."""
_MOVED = 0.01


def moved_told(
    column: ColumnProfile, judgement: ColumnJudgement, expected: Sequence[float], actual: Sequence[float]
) -> str:
    """What moved most, such as `median 12 -> 19` or `'online' 31 % -> 44 %, 'shop' 60 % -> 47 %`.

    expected, actual: shares per bin of the profile. Empty when nothing moved by a hundredth.
    """
    parts = [_median_told(column, expected, actual)] if column.kind == "numeric" else []
    for move in judgement.moves:
        if abs(move.actual - move.expected) >= _MOVED:
            name = bin_name(column, move.bin)
            colon = ":" if name[-1].isdigit() else ""
            parts.append(f"{name}{colon} {share_text(move.expected)} -> {share_text(move.actual)}")
    return ", ".join([part for part in parts if part][:2])


def verdict_told(judgement: ColumnJudgement) -> str:
    """One word, or two: `drift`, `no drift`, `too few rows`."""
    if not judgement.judged:
        return "too few rows"
    return "drift" if judgement.drifted else "no drift"


def bin_name(column: ColumnProfile, bin: int) -> str:
    """A bin for people: `above 30`, `12 to 19`, `'online'`, `missing`."""
    if bin == column.bins - 1:
        return "missing"
    if column.kind == "categorical":
        return f"'{column.categories[bin]}'" if bin < len(column.categories) else "other categories"
    edges, values = column.edges, whole_values(column)
    if values:
        return f"value {number(values[bin])}"
    if not edges:
        return "any number"
    if bin == 0:
        return f"up to {number(edges[0])}"
    if bin == len(edges):
        return f"above {number(edges[-1])}"
    return f"{number(edges[bin - 1])} to {number(edges[bin])}"


def whole_values(column: ColumnProfile) -> tuple[float, ...]:
    """The value of each bin where each holds one whole number; else nothing."""
    if column.kind != "numeric" or column.low is None or column.high is None or not column.edges:
        return ()
    values = (*column.edges, column.high)
    whole = all(value.is_integer() for value in values) and values[0] == column.low
    return values if whole and all(after - before == 1 for before, after in pairwise(values)) else ()


def number(value: float) -> str:
    """A value with four digits: `12`, `0.05`, `1,234,000`."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def median(column: ColumnProfile, shares: Sequence[float]) -> float | None:
    """The middle of the numbers, taken as even within bins; None without any."""
    if column.low is None or column.high is None or sum(shares[:-1]) <= 0:
        return None
    bounds = [column.low, *column.edges, column.high]
    half, before = sum(shares[:-1]) / 2, 0.0
    for place, after in enumerate(accumulate(shares[:-1])):
        if after >= half and shares[place] > 0:
            within = (half - before) / shares[place]
            return bounds[place] + within * (bounds[place + 1] - bounds[place])
        before = after
    return column.high


def _median_told(column: ColumnProfile, expected: Sequence[float], actual: Sequence[float]) -> str:
    old, new = median(column, expected), median(column, actual)
    if old is None or new is None or number(old) == number(new):
        return ""
    below = _share_below(column, expected, new)
    return f"median {number(old)} -> {number(new)}" if abs(below - 0.5) >= _MEDIAN_MOVED else ""


def _share_below(column: ColumnProfile, shares: Sequence[float], value: float) -> float:
    """The share of the numbers that lie below a value."""
    assert column.low is not None
    assert column.high is not None
    bounds = [column.low, *column.edges, column.high]
    below = 0.0
    for place, share in enumerate(shares[:-1]):
        low, high = bounds[place], bounds[place + 1]
        part = (value - low) / (high - low) if high > low else float(value > low)
        below += share * min(max(part, 0.0), 1.0)
    return below / max(sum(shares[:-1]), 1e-12)
