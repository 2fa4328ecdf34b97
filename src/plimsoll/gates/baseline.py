"""What a candidate is compared with when nothing is live: the best constant prediction, or the last value seen.

It is made from the holdout's own labels, so it is the hardest constant there is. A constant ranks nothing: its AUC
is 0.5, its average precision the share of positives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.gates.cases import Cases

MAJORITY, ALWAYS_POSITIVE, MEAN, LAST_VALUE = "majority class", "always positive", "mean", "last value"


def constant_class(truth: NDArray[np.intp], *, classes: int) -> Cases:
    """Decides the most frequent class everywhere (the first of equals) and gives each class its share as probability."""
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return Cases(
        truth=truth,
        decision=np.full(len(truth), int(shares.argmax())),
        probabilities=np.tile(shares, (len(truth), 1)),
        classes=classes,
    )


def always_positive(baseline: Cases) -> Cases:
    """The baseline for precision, which has no value when nothing is decided positive: its precision is the share."""
    return replace(baseline, decision=np.ones(len(baseline), dtype=np.intp))


def mean_value(truth: NDArray[np.float64]) -> Cases:
    """Predicts the mean label everywhere."""
    return Cases(truth=truth, decision=np.full(len(truth), truth.mean()), probabilities=None, classes=0)


def last_value(truth: NDArray[np.float64], order: NDArray[Any]) -> Cases:
    """Predicts for each row the label of the row before it in time, as if it were known by then; the mean for the first.

    order: row numbers from the earliest to the latest.
    """
    in_time = truth[order]
    before = np.concatenate([[truth.mean()], in_time[:-1]])
    decision = np.empty_like(truth)
    decision[order] = before
    return Cases(truth=truth, decision=decision, probabilities=None, classes=0)
