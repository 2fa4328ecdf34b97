"""How sure a metric of one model is: picks the right kind of interval for each family of metrics.

| family | interval |
|---|---|
| accuracy, recall, precision | Clopper-Pearson, exact |
| roc_auc | DeLong's variance, normal on the logit scale |
| log_loss, brier, mae | Student's t |
| balanced_accuracy, f1, macro_f1 | bootstrap over the cells of truth by decision |
| average_precision, rmse, r2 | bootstrap of rows |
"""

from __future__ import annotations

from typing import assert_never

import numpy as np

from plimsoll.gates.bootstrap import canonical_order, resampled, resampled_means, resampled_tallies, sorted_defined
from plimsoll.gates.cases import Cases
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.metrics import MIN_PER_CLASS, Family, Metric
from plimsoll.gates.ranks import Floats, PrecisionLadder, delong_variance, placements
from plimsoll.gates.uncertain import Draws, LogitNormal, Proportion, StudentT, Uncertain

MIN_ROWS = 30
"""Fewest rows on which a mean, or a figure of sums, is trusted to be normal."""


def estimate(metric: Metric, cases: Cases, *, seed: int) -> Uncertain:
    """The metric with its uncertainty. Raises UndefinedMetric when it has no value or too few rows carry it."""
    value = metric.value(cases)
    if metric.trials is not None:
        chosen = metric.trials(cases)
        return Proportion(hits=int(cases.hit[chosen].sum()), rows=int(chosen.sum()))
    rows = require_support(metric, cases)
    match metric.family:
        case Family.MEAN:
            assert metric.rows is not None
            return mean_of(metric.rows(cases), rows=rows)
        case Family.AUC:
            return _auc(cases, rows=rows)
        case Family.LADDER:
            order = canonical_order(cases.score, cases.truth)
            ladder = PrecisionLadder(cases.positive[order], cases.score[order])
            draws = resampled(len(cases), seed, ladder.average_precision)
            return Draws(value=value, draws=sorted_defined(metric.name, draws), rows=rows, error=least_error(rows))
        case Family.COUNTS:
            assert metric.of_counts is not None
            (tallies,) = resampled_tallies(cases.truth, [cases.decision], classes=cases.classes, seed=seed)
            return Draws(value=value, draws=sorted_defined(metric.name, metric.of_counts(*tallies)), rows=rows)
        case Family.MOMENTS:
            assert metric.rows is not None
            assert metric.of_sums is not None
            order = canonical_order(cases.decision, cases.truth)
            means = resampled_means(metric.rows(cases)[order], seed)
            return Draws(value=value, draws=sorted_defined(metric.name, metric.of_sums(means)), rows=rows)
        case Family.SHARE:
            raise AssertionError(metric.name)
        case _:
            assert_never(metric.family)


def require_support(metric: Metric, *of: Cases) -> int:
    """How many rows carry the metric, for the model that has fewest. Raises UndefinedMetric when they are too few."""
    rows = min(metric.support(cases) for cases in of)
    needed = MIN_ROWS if metric.family in (Family.MEAN, Family.MOMENTS) else MIN_PER_CLASS
    if rows < needed:
        raise UndefinedMetric(
            metric=metric.name, reason=f"it stands on {rows} {metric.unit}; it needs at least {needed}."
        )
    return rows


def mean_of(numbers: Floats, *, rows: int) -> StudentT:
    """The mean of independent numbers. Needs two or more."""
    error = float(numbers.std(ddof=1)) / float(np.sqrt(len(numbers)))
    return StudentT(value=float(numbers.mean()), error=error, freedom=len(numbers) - 1, rows=rows)


def least_error(rows: int) -> float:
    """Half of what one row of the rarer class can move a ranking figure: no figure of a ranking is surer than that."""
    return 0.5 / rows


def _auc(cases: Cases, *, rows: int) -> Uncertain:
    """The AUC on the logit scale, where DeLong's interval keeps its level near 0 and 1.

    Source: DeLong et al. 1988; logit: Qin & Hotilovac 2008, Statistical Methods in Medical Research 17. A perfect or a
    constant ranking has no variance: a perfect one is taken as `rows` successes in as many trials.
    """
    found = placements(cases.positive, cases.score)
    value = found.auc
    if value in (0.0, 1.0):
        return Proportion(hits=rows if value else 0, rows=rows)
    return LogitNormal(value=value, error=float(np.sqrt(delong_variance(found))) / (value * (1 - value)), rows=rows)
