"""Scales and ticks of charts: where a value lies along an axis, and which round values are written beside it.

Pure arithmetic; what is drawn with it is in charts.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps values from `low` to `high` (apart) onto pixels from `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel; values beyond the ends lie on them."""
        low, high, at = (math.log10(one) if self.log else one for one in (self.low, self.high, self._within(value)))
        return self.begin + (self.end - self.begin) * (at - low) / (high - low)

    def _within(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def linear_ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) that reach from `low` or below to `high` or above."""
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-200):
        high = low + (abs(low) if abs(low) > 1e-200 else 1.0)
    size = 10.0 ** math.floor(math.log10((high - low) / max(most - 1, 1)))
    step = next(size * times for times in (1, 2, 5, 10, 20) if _reach(low, high, size * times) < most)
    first = math.floor(low / step + 1e-9)
    digits = 12 - math.floor(math.log10(step))
    return [round((first + tick) * step, digits) for tick in range(_reach(low, high, step) + 1)]


def log_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Powers of ten, evenly many apart, that reach from `low` (above 0) or below to `high` or above."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    step = math.ceil((last - first) / (most - 1))
    begin = math.floor(first / step) * step  # so that 1 is among them
    return [10.0 ** min(max(power, -307), 308) for power in range(begin, last + step, step)]


def time_ticks(begin: datetime, end: datetime, *, most: int = 6) -> list[tuple[datetime, str]]:
    """Round moments between two (UTC), with what to write at each: seconds, minutes or days, as the span needs it."""
    low, high = begin.timestamp(), end.timestamp()
    step = next((step for step in _STEPS_S if (high - low) / step <= most), _STEPS_S[-1])
    first = math.ceil(low / step) * step
    moments = [datetime.fromtimestamp(first + step * tick, UTC) for tick in range(int((high - first) // step) + 1)]
    return [(moment, _moment_text(moment, step)) for moment in moments]


def number_text(value: float) -> str:
    """A value of an axis: `0.05`, `25`, `1,000`, `10⁶`."""
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        power = math.floor(math.log10(abs(value)) + 1e-9)
        lead = value / 10.0**power
        sign = "" if math.isclose(lead, 1) else f"{lead:.3g}·"
        return f"{sign}10{str(power).translate(_SUPERSCRIPTS)}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share_text(share: float) -> str:
    """A share in percent: `31 %`, `0.4 %`."""
    return f"{share * 100:.0f} %" if share >= 0.1 or share == 0 else f"{share * 100:.2g} %"


def spread(places: Sequence[float], *, apart: float) -> list[float]:
    """The places moved down the page as little as keeps them `apart`, in their order. For labels that would overlap."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + apart)
    return moved


def rows(spans: Sequence[tuple[float, float]], *, most: int, gap: float = 6.0) -> Iterator[int | None]:
    """For each span the first of `most` rows in which it overlaps none before it; None when it fits in no row."""
    ends = [-math.inf] * most
    for begin, end in spans:
        row = next((row for row, taken in enumerate(ends) if begin >= taken + gap), None)
        if row is not None:
            ends[row] = end
        yield row


Text = Callable[[float], str]


def _reach(low: float, high: float, step: float) -> int:
    return math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9)


def _moment_text(moment: datetime, step: int) -> str:
    if step >= 86_400 or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment.day} {_MONTHS[moment.month - 1]}"
    return f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
