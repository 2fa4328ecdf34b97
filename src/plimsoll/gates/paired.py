"""How sure the difference of two models on the same rows is, as an improvement: positive is better.

| family | comparison |
|---|---|
| accuracy, recall | discordant rows: Tango's score bounds, exact McNemar test |
| roc_auc | DeLong's variance of the difference |
| log_loss, brier, mae | Student's t over the rows' differences |
| precision, f1, balanced_accuracy, macro_f1 | paired bootstrap over the cells of (truth, candidate, reference) |
| average_precision, rmse, r2 | paired bootstrap of rows |

Both models err on the same hard rows, so pairing removes most of the noise: an unpaired test of the same rows needs
several times as many.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np

from plimsoll.gates.bootstrap import canonical_order, resampled, resampled_means, resampled_tallies, sorted_defined
from plimsoll.gates.cases import Cases
from plimsoll.gates.intervals import least_error, mean_of, require_support
from plimsoll.gates.metrics import Family, Metric
from plimsoll.gates.ranks import Floats, PrecisionLadder, delong_variance, placements
from plimsoll.gates.uncertain import Draws, PairedProportion, StudentT, Uncertain


def improvement(metric: Metric, candidate: Cases, reference: Cases, *, seed: int) -> Uncertain:
    """The candidate's improvement over the reference, in the metric's own unit.

    Both hold the same rows in the same order. Raises UndefinedMetric when either has no value or too few rows carry it.
    """
    value = metric.sign * (metric.value(candidate) - metric.value(reference))
    if metric.family is Family.SHARE:
        return _share(metric, candidate, reference)
    rows = require_support(metric, candidate, reference)
    match metric.family:
        case Family.MEAN:
            assert metric.rows is not None
            return mean_of(metric.sign * (metric.rows(candidate) - metric.rows(reference)), rows=rows)
        case Family.AUC:
            return _auc(candidate, reference, rows=rows)
        case Family.LADDER:
            draws, error = _ladder_draws(candidate, reference, seed=seed), least_error(rows)
            return Draws(value=value, draws=sorted_defined(metric.name, draws), rows=rows, error=error)
        case Family.COUNTS:
            return Draws(value=value, draws=_count_draws(metric, candidate, reference, seed=seed), rows=rows)
        case Family.MOMENTS:
            return Draws(value=value, draws=_moment_draws(metric, candidate, reference, seed=seed), rows=rows)
        case _:
            assert_never(metric.family)


def _share(metric: Metric, candidate: Cases, reference: Cases) -> PairedProportion:
    assert metric.trials is not None
    chosen = metric.trials(candidate)
    right, was_right = candidate.hit[chosen], reference.hit[chosen]
    return PairedProportion(
        gained=int((right & ~was_right).sum()), lost=int((was_right & ~right).sum()), rows=int(chosen.sum())
    )


def _auc(candidate: Cases, reference: Cases, *, rows: int) -> StudentT:
    """Source: DeLong et al. 1988, L S L' of two correlated AUCs; t with the rarer class's rows instead of the normal."""
    ours = placements(candidate.positive, candidate.score)
    theirs = placements(reference.positive, reference.score)
    error = max(float(np.sqrt(delong_variance(ours, theirs))), least_error(rows))
    return StudentT(value=ours.auc - theirs.auc, error=error, freedom=rows - 1, rows=rows)


def _ladder_draws(candidate: Cases, reference: Cases, *, seed: int) -> Floats:
    order = canonical_order(candidate.score, reference.score, candidate.truth)
    positive = candidate.positive[order]
    ours = PrecisionLadder(positive, candidate.score[order])
    theirs = PrecisionLadder(positive, reference.score[order])
    return resampled(
        len(candidate), seed, lambda weights: ours.average_precision(weights) - theirs.average_precision(weights)
    )


def _count_draws(metric: Metric, candidate: Cases, reference: Cases, *, seed: int) -> Floats:
    assert metric.of_counts is not None
    ours, theirs = resampled_tallies(
        candidate.truth, [candidate.decision, reference.decision], classes=candidate.classes, seed=seed
    )
    return sorted_defined(metric.name, metric.sign * (metric.of_counts(*ours) - metric.of_counts(*theirs)))


def _moment_draws(metric: Metric, candidate: Cases, reference: Cases, *, seed: int) -> Floats:
    assert metric.rows is not None
    assert metric.of_sums is not None
    order = canonical_order(candidate.decision, reference.decision, candidate.truth)
    both = np.hstack([metric.rows(candidate), metric.rows(reference)])[order]
    means = resampled_means(both, seed)
    ours, theirs = np.split(means, 2, axis=1)
    return sorted_defined(metric.name, metric.sign * (metric.of_sums(ours) - metric.of_sums(theirs)))
