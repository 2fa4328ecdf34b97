"""How fast a release answers of late: what the candidate's deadline is made of."""

from __future__ import annotations

from collections import Counter

from plimsoll.kernel.histogram import Histogram, bucket_of

ENOUGH = 100
"""Answers before the quantile means anything, and between two looks at it."""
WINDOW = 2000
UNKNOWN_S = 1.0
LEAST_S = 0.05
"""A shorter deadline would mostly judge the machine's own hiccups."""


class Pace:
    """The 99 % quantile of recent answers: of the last 2,000 to 4,000."""

    def __init__(self) -> None:
        self._now: Counter[int] = Counter()
        self._before: Counter[int] = Counter()
        self._count = 0
        self._p99_s: float | None = None

    def count(self, seconds: float) -> None:
        """One more answer took that long."""
        self._now[bucket_of(seconds)] += 1
        self._count += 1
        if self._count % ENOUGH == 0:
            self._p99_s = Histogram(self._now + self._before).quantile(0.99)
        if self._count % WINDOW == 0:
            self._before, self._now = self._now, Counter()

    def deadline_s(self, given_s: float | None, *, most_s: float) -> float:
        """How long an arm may take: what was given, else twice the quantile and at least 50 ms; 1 s while unknown."""
        if given_s is not None:
            return min(given_s, most_s)
        if self._p99_s is None:
            return min(UNKNOWN_S, most_s)
        return min(max(LEAST_S, 2 * self._p99_s), most_s)
