"""Two models' answers to the same rows, beside each other: equal means equal to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.scores import Scores
from plimsoll.release.reproduction import Predictions


class UnlikeScores(ValueError):
    """Answers that cannot be laid beside each other."""


def compare_scores(released: Scores, again: Scores) -> Predictions:
    """What differs between them. Raises UnlikeScores when they are of other rows or other classes."""
    first, second = _figures(released), _figures(again)
    if first.shape != second.shape or len(released.decision) != len(again.decision):
        told = f"{first.shape[1]} and {second.shape[1]} figures a row, {len(first):,} and {len(second):,} rows"
        message = f"the two models do not answer alike: {told}"
        raise UnlikeScores(message)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    decided = _differs(released.decision, again.decision)
    distance = np.abs(np.where(same, 0.0, first - second))
    return Predictions(
        rows=len(first),
        differing=int((decided | ~same.all(axis=1)).sum()),
        decisions=int(decided.sum()),
        largest=float(np.nan_to_num(distance, nan=np.finfo(np.float64).max).max(initial=0.0)),
    )


def _figures(scores: Scores) -> NDArray[np.float64]:
    """Shape (rows, classes), or (rows, 1) in regression."""
    if scores.probabilities is None:
        return np.asarray(scores.decision, dtype=np.float64).reshape(-1, 1)
    return scores.probabilities


def _differs(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        return np.asarray((first != second) & ~(np.isnan(first) & np.isnan(second)))
    return np.asarray(first != second)
