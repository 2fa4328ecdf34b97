"""Figures that are not known exactly: each answers for a bound at any level and for a one-sided p-value.

One form for each way of being unsure: Student's t, the logit scale, an exact proportion, a paired proportion, draws.
Bounds and p-values of one figure agree: `upper(1 - alpha) < x` exactly when `p_at_least(x) < alpha`, ties apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import bdtr, bdtrc, betaincinv, ndtr, ndtri, stdtr, stdtrit

from plimsoll.gates.ranks import Floats

LEVEL = 0.95
"""Of every one-sided bound that a rule is held against."""
POWER = 0.8
_REACH = 1 + float(ndtri(POWER)) / float(ndtri(LEVEL))


class Uncertain(Protocol):
    """A figure estimated from rows."""

    @property
    def value(self) -> float: ...

    @property
    def rows(self) -> int:
        """How many rows carry its information."""

    def lower(self, level: float) -> float:
        """The truth is above this with the given confidence."""

    def upper(self, level: float) -> float:
        """The truth is below this with the given confidence."""

    def p_at_least(self, threshold: float) -> float:
        """p-value of the hypothesis that the truth is at least this; small when it is proven to be below."""

    def p_at_most(self, threshold: float) -> float:
        """p-value of the hypothesis that the truth is at most this; small when it is proven to be above."""


def detectable(figure: Uncertain) -> float:
    """The smallest true shortfall that a one-sided 5 % test on as many rows finds with 80 % power.

    The distance to the lower bound is 1.645 standard errors, power 80 % adds 0.842: (1.645 + 0.842) / 1.645 of it.
    Taken from the bound, not from a standard error, it stays honest where no disagreement was seen at all.
    """
    return _REACH * max(figure.value - figure.lower(LEVEL), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentT:
    """A mean, or a difference of means or of AUCs, with its standard error."""

    value: float
    error: float
    freedom: int
    rows: int

    def lower(self, level: float) -> float:
        return self.value - self._reach(level)

    def upper(self, level: float) -> float:
        return self.value + self._reach(level)

    def p_at_least(self, threshold: float) -> float:
        return self._below(self.value - threshold)

    def p_at_most(self, threshold: float) -> float:
        return self._below(threshold - self.value)

    def _reach(self, level: float) -> float:
        return float(stdtrit(self.freedom, level)) * self.error

    def _below(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance < 0 else 1.0
        return float(stdtr(self.freedom, distance / self.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitNormal:
    """A figure strictly between 0 and 1 that is normal on the logit scale, so that bounds stay between 0 and 1."""

    value: float
    error: float
    """Standard error on the logit scale: that of the figure divided by value * (1 - value)."""
    rows: int

    def lower(self, level: float) -> float:
        return _expit(_logit(self.value) - float(ndtri(level)) * self.error)

    def upper(self, level: float) -> float:
        return _expit(_logit(self.value) + float(ndtri(level)) * self.error)

    def p_at_least(self, threshold: float) -> float:
        return self._below(_logit(self.value) - _logit(threshold))

    def p_at_most(self, threshold: float) -> float:
        return self._below(_logit(threshold) - _logit(self.value))

    def _below(self, distance: float) -> float:
        if self.error == 0:
            return 0.0 if distance < 0 else 1.0
        return float(ndtr(distance / self.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share of independent rows, with exact bounds that hold their level at every size.

    Source: Clopper & Pearson 1934, Biometrika 26.
    """

    hits: int
    rows: int

    @property
    def value(self) -> float:
        return self.hits / self.rows

    def lower(self, level: float) -> float:
        return float(betaincinv(self.hits, self.rows - self.hits + 1, 1 - level)) if self.hits else 0.0

    def upper(self, level: float) -> float:
        return float(betaincinv(self.hits + 1, self.rows - self.hits, level)) if self.hits < self.rows else 1.0

    def p_at_least(self, threshold: float) -> float:
        return float(bdtr(self.hits, self.rows, min(max(threshold, 0.0), 1.0)))

    def p_at_most(self, threshold: float) -> float:
        return 1.0 if self.hits == 0 else float(bdtrc(self.hits - 1, self.rows, min(max(threshold, 0.0), 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedProportion:
    """Difference of two shares over the same rows: what was gained less what was lost, over all rows.

    Bounds invert the score test of a given difference, the standard for matched pairs; they do not collapse when no
    row differs. Source: Tango 1998, Statistics in Medicine 17, 891-908.
    """

    gained: int
    """Rows that only the candidate decided rightly."""
    lost: int
    """Rows that only the reference decided rightly."""
    rows: int

    @property
    def value(self) -> float:
        return (self.gained - self.lost) / self.rows

    def lower(self, level: float) -> float:
        wanted = float(ndtri(level))
        return _bisect(lambda difference: self._score(difference) < wanted, -1.0, self.value)

    def upper(self, level: float) -> float:
        wanted = -float(ndtri(level))
        return _bisect(lambda difference: self._score(difference) < wanted, self.value, 1.0)

    def p_at_least(self, threshold: float) -> float:
        return float(ndtr(self._score(threshold)))

    def p_at_most(self, threshold: float) -> float:
        return float(ndtr(-self._score(threshold)))

    @property
    def mcnemar(self) -> float:
        """Exact two-sided p-value of the hypothesis that both are right equally often.

        Source: McNemar 1947, Psychometrika 12; exact form 2 * P(Binomial(gained + lost, 1/2) <= min), at most 1.
        """
        return min(1.0, 2 * float(bdtr(min(self.gained, self.lost), self.gained + self.lost, 0.5)))

    def _score(self, difference: float) -> float:
        """Tango's statistic: observed less assumed difference over its standard error under that assumption."""
        if abs(difference) >= 1:
            return -math.copysign(math.inf, difference)
        n, gained, lost = self.rows, self.gained, self.lost
        b = -gained - lost + (2 * n - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        losing = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * losing + difference * (1 - difference))
        distance = gained - lost - n * difference
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """A figure with what it came to in many resampled holdouts; percentile bounds, never inside the moved ones.

    Moved means that the draws are centred on the figure itself. Where both differ, the one further out counts.
    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """

    value: float
    draws: Floats
    """Sorted, finite."""
    rows: int
    error: float = 0.0
    """A standard error that the bounds never undercut: draws say nothing about what happened in no row."""

    def lower(self, level: float) -> float:
        drawn = float(np.quantile(self.draws, 1 - level)) + min(self._move, 0.0)
        return min(drawn, self.value, self.value - float(ndtri(level)) * self.error)

    def upper(self, level: float) -> float:
        drawn = float(np.quantile(self.draws, level)) + max(self._move, 0.0)
        return max(drawn, self.value, self.value + float(ndtri(level)) * self.error)

    def p_at_least(self, threshold: float) -> float:
        reached = threshold - max(self._move, 0.0)
        above = len(self.draws) - int(np.searchsorted(self.draws, reached, side="left"))
        return max(self._share(above), self._floor(self.value - threshold))

    def p_at_most(self, threshold: float) -> float:
        reached = threshold - min(self._move, 0.0)
        below = int(np.searchsorted(self.draws, reached, side="right"))
        return max(self._share(below), self._floor(threshold - self.value))

    @property
    def _move(self) -> float:
        return self.value - float(self.draws.mean())

    def _share(self, count: int) -> float:
        return (1 + count) / (1 + len(self.draws))

    def _floor(self, distance: float) -> float:
        return float(ndtr(distance / self.error)) if self.error else 0.0


def _bisect(above: Callable[[float], bool], low: float, high: float) -> float:
    """Where `above` turns from false to true, to 2**-60 of the range."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2


def _logit(share: float) -> float:
    if share <= 0 or share >= 1:
        return math.copysign(math.inf, share - 0.5)
    return math.log(share / (1 - share))


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
