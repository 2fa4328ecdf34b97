"""How sure a figure is when rows come in groups, such as days or customers: whole groups are drawn instead of rows.

Rows of one group resemble each other, so ten thousand rows of fourteen days say about as much as fourteen figures do.
What is drawn for the candidate is drawn for the reference, so the comparison is paired. The bounds are never inside
those of Student's t with one degree of freedom less than there are groups, since few groups alone vary too little.
Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8; Cameron, Gelbach & Miller 2008, Review of
Economics and Statistics 90.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from scipy.special import ndtri, stdtrit

from plimsoll.gates.bootstrap import draws_for, sorted_defined
from plimsoll.gates.cases import Cases
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.metrics import Family, Metric
from plimsoll.gates.ranks import AreaLadder, Floats, PrecisionLadder, Whole
from plimsoll.gates.uncertain import LEVEL, Draws

MIN_GROUPS = 8
"""Fewest groups whose spread says how sure a figure is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """To which group of a column each row belongs: numbers from 0, shape (rows,)."""

    column: str
    codes: Whole

    def only(self, rows: Whole) -> Grouping:
        """The grouping of some rows."""
        _, codes = np.unique(self.codes[rows], return_inverse=True)
        return Grouping(column=self.column, codes=codes)


def grouped_estimate(metric: Metric, cases: Cases, grouping: Grouping, *, seed: int) -> Draws:
    """The metric with its uncertainty. Raises UndefinedMetric."""
    return _draws(metric, metric.value(cases), [(1, cases)], grouping, seed=seed)


def grouped_improvement(metric: Metric, candidate: Cases, reference: Cases, grouping: Grouping, *, seed: int) -> Draws:
    """The candidate's improvement over the reference, as `paired.improvement`. Raises UndefinedMetric."""
    value = metric.sign * (metric.value(candidate) - metric.value(reference))
    return _draws(metric, value, [(metric.sign, candidate), (-metric.sign, reference)], grouping, seed=seed)


def _draws(metric: Metric, value: float, parts: list[tuple[int, Cases]], grouping: Grouping, *, seed: int) -> Draws:
    groups = int(grouping.codes.max()) + 1
    if groups < MIN_GROUPS:
        reason = f"its rows are of {groups} groups of {grouping.column}; it needs at least {MIN_GROUPS}."
        raise UndefinedMetric(metric=metric.name, reason=reason)
    generator = np.random.default_rng(seed)
    size = draws_for(len(grouping.codes))
    drawn = generator.multinomial(groups, np.full(groups, 1 / groups), size=size).astype(np.float64)
    found = sum((sign * _figures(metric, cases, grouping.codes, drawn) for sign, cases in parts), np.zeros(size))
    draws = sorted_defined(metric.name, found)
    wider = np.sqrt(groups / (groups - 1)) * float(stdtrit(groups - 1, LEVEL)) / float(ndtri(LEVEL))
    rows = min(metric.support(cases) for _, cases in parts)
    return Draws(value=value, draws=draws, rows=rows, error=float(draws.std() * wider))


def _figures(metric: Metric, cases: Cases, codes: Whole, drawn: Floats) -> Floats:
    """The metric in every draw of groups, shape (draws,); NaN where it has no value.

    drawn: how often each group is drawn, shape (draws, groups).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        match metric.family:
            case Family.SHARE:
                assert metric.trials is not None
                chosen = metric.trials(cases)
                right, tried = _sums(np.column_stack([cases.hit & chosen, chosen]), codes, drawn).T
                return np.asarray(right / tried)
            case Family.MEAN:
                assert metric.rows is not None
                return np.asarray(_means(metric.rows(cases)[:, None], codes, drawn)[:, 0])
            case Family.MOMENTS:
                assert metric.rows is not None
                assert metric.of_sums is not None
                return metric.of_sums(_means(metric.rows(cases), codes, drawn))
            case Family.COUNTS:
                assert metric.of_counts is not None
                return np.asarray(metric.of_counts(*_tallies(cases, codes, drawn)))
            case Family.AUC:
                return _by_rows(AreaLadder(cases.positive, cases.score).area, codes, drawn)
            case Family.LADDER:
                return _by_rows(PrecisionLadder(cases.positive, cases.score).average_precision, codes, drawn)
            case _:
                assert_never(metric.family)


def _sums(columns: Floats, codes: Whole, drawn: Floats) -> Floats:
    """Sums of columns, shape (rows, columns), in every draw: shape (draws, columns)."""
    groups = drawn.shape[1]
    by_group = np.column_stack([np.bincount(codes, column, groups) for column in columns.T.astype(np.float64)])
    return np.asarray(np.einsum("ij,jk->ik", drawn, by_group))


def _means(columns: Floats, codes: Whole, drawn: Floats) -> Floats:
    sums = _sums(np.column_stack([columns, np.ones(len(codes))]), codes, drawn)
    return np.asarray(sums[:, :-1] / sums[:, -1:])


def _tallies(cases: Cases, codes: Whole, drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, rows by truth and rows by decision in every draw, each of shape (draws, classes)."""
    every = np.arange(cases.classes)
    truth = cases.truth[:, None] == every
    decided = cases.decision[:, None] == every
    sums = _sums(np.hstack([truth & decided, truth, decided]), codes, drawn)
    hits, by_truth, by_decision = np.split(sums, 3, axis=1)
    return hits, by_truth, by_decision


def _by_rows(figure: Callable[[Floats], float], codes: Whole, drawn: Floats) -> Floats:
    return np.array([figure(weights[codes]) for weights in drawn])
