"""A metric's points: their arrays, their bytes, and the few of them that a plot needs. Pure.

Steps are whole numbers, values any floating-point number (NaN and infinities too), times seconds since 1970 (UTC).
"""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

MOST_NAME = 200
"""Characters of a metric's, a parameter's or a file's name."""
MOST_A_CALL = 10_000
"""Points in one call."""
Number = float | Literal["nan", "inf", "-inf"]
"""A value as JSON can say it."""
_SIZE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """One metric's points, in the order in which they were logged unless `ordered`."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: int, value: float, at: float) -> None:
        """Append a point while the points are gathered."""
        self.steps.append(step)
        self.values.append(value)
        self.times.append(at)

    def part(self, begin: int, end: int) -> Points:
        """Some of them, by place."""
        return Points(steps=self.steps[begin:end], values=self.values[begin:end], times=self.times[begin:end])

    def at(self, places: Sequence[int]) -> Points:
        """Those at some places, in that order."""
        return Points(
            steps=array("q", (self.steps[place] for place in places)),
            values=array("d", (self.values[place] for place in places)),
            times=array("d", (self.times[place] for place in places)),
        )


def joined(parts: Iterable[Points]) -> Points:
    """Several one after the other."""
    whole = Points()
    for part in parts:
        whole.steps.extend(part.steps)
        whole.values.extend(part.values)
        whole.times.extend(part.times)
    return whole


def ordered(points: Points) -> Points:
    """By step; of the same step, the one that was logged later comes later."""
    if all(before <= after for before, after in pairwise(points.steps)):
        return points
    return points.at(sorted(range(len(points)), key=points.steps.__getitem__))


def thinned(points: Points, most: int) -> Points:
    """At most about `most` points that draw the same curve: first, last, and each bucket's lowest and highest.

    A bucket that holds none but NaN keeps its first point, so that a gap stays one.
    """
    if len(points) <= most:
        return points
    buckets = max((most - 2) // 2, 1)
    places = {0, len(points) - 1}
    for bucket in range(buckets):
        begin, end = bucket * len(points) // buckets, (bucket + 1) * len(points) // buckets
        numbers = [place for place in range(begin, end) if not math.isnan(points.values[place])]
        extremes = [choose(numbers, key=points.values.__getitem__) for choose in (min, max)] if numbers else [begin]
        places.update(extremes)
    return points.at(sorted(places))


def pack(points: Points) -> str:
    """The points as text for one row of the ledger: base64 of three little-endian arrays."""
    return b64encode(b"".join(_little(part) for part in (points.steps, points.values, points.times))).decode()


def unpack(block: str) -> Points:
    """What `pack` packed."""
    content = b64decode(block)
    size = len(content) // _SIZE * 8
    steps, values, times = array("q"), array("d"), array("d")
    for place, part in enumerate((steps, values, times)):
        part.frombytes(content[place * size : (place + 1) * size])  # type: ignore[attr-defined] # of both kinds
        if sys.byteorder == "big":
            part.byteswap()  # type: ignore[attr-defined] # likewise
    return Points(steps=steps, values=values, times=times)


def known(points: Points) -> Iterator[float]:
    """The values that are numbers; infinities are."""
    return (value for value in points.values if not math.isnan(value))


def said(value: float) -> Number:
    """The value, or the text for one that JSON has no word for."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _little(part: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        part = part[:]
        part.byteswap()
    return part.tobytes()
