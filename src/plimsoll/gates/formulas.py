"""The formulas behind the metrics: figures of a row, of counts, of sums. Where a figure is undefined it is NaN."""

from __future__ import annotations

import numpy as np

from plimsoll.gates.cases import Cases
from plimsoll.gates.ranks import Floats, Mask


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _mean_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN; NaN when nothing is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def precision(hits: Floats, _truth: Floats, decided: Floats) -> Floats:
    return _ratio(hits[..., 1], decided[..., 1])


def f1(hits: Floats, truth: Floats, decided: Floats) -> Floats:
    return _ratio(2 * hits[..., 1], truth[..., 1] + decided[..., 1])


def balanced_accuracy(hits: Floats, truth: Floats, _decided: Floats) -> Floats:
    return _mean_defined(_ratio(hits, truth))


def macro_f1(hits: Floats, truth: Floats, decided: Floats) -> Floats:
    return _mean_defined(_ratio(2 * hits, truth + decided))


def log_loss_rows(cases: Cases) -> Floats:
    """-log of the probability that the true class was given, clipped at machine precision, in nats."""
    assert cases.probabilities is not None
    chances = cases.probabilities[np.arange(len(cases)), cases.truth]
    epsilon = np.finfo(np.float64).eps
    losses: Floats = -np.log(np.clip(chances, epsilon, 1 - epsilon))
    return losses


def brier_rows(cases: Cases) -> Floats:
    losses: Floats = (cases.score - cases.positive) ** 2
    return losses


def absolute_error_rows(cases: Cases) -> Floats:
    errors: Floats = np.abs(cases.decision - cases.truth)
    return errors


def square_columns(cases: Cases) -> Floats:
    """Squared error, truth and squared truth; the truth is centred first, for precision."""
    centred = cases.truth - cases.truth.mean()
    return np.column_stack([(cases.decision - cases.truth) ** 2, centred, centred**2])


def rmse(means: Floats) -> Floats:
    root: Floats = np.sqrt(means[..., 0])
    return root


def r2(means: Floats) -> Floats:
    return 1 - _ratio(means[..., 0], means[..., 2] - means[..., 1] ** 2)


def everyone(cases: Cases) -> Mask:
    return np.ones(len(cases), dtype=np.bool_)


def rarest(cases: Cases) -> int:
    """Rows of the rarest class that occurs; 0 when fewer than two occur."""
    counts = np.bincount(cases.truth, minlength=cases.classes)
    counts = counts[counts > 0]
    return int(counts.min()) if len(counts) > 1 else 0


def positives(cases: Cases) -> int:
    return int(cases.positive.sum())


def decided_positive(cases: Cases) -> int:
    return int((cases.decision == 1).sum())
