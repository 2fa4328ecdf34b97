"""Figures of a ranking: mid-ranks, placements for DeLong's variance, areas and average precision. All O(N log N)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Mask = NDArray[np.bool_]


def midranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing their mean rank; shape (n,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """For each positive the share of negatives ranked below it, for each negative the share of positives above it.

    Ties count one half. Both have the AUC as their mean.
    """

    positives: Floats
    negatives: Floats

    @property
    def auc(self) -> float:
        return float(self.positives.mean())


def placements(positive: Mask, score: Floats) -> Placements:
    """Placement values by mid-ranks.

    Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44; the mid-rank form is Sun & Xu 2014, IEEE SPL 21.
    Both classes must be present.
    """
    above, below = score[positive], score[~positive]
    overall = midranks(np.concatenate([above, below]))
    n_above, n_below = len(above), len(below)
    return Placements(
        positives=(overall[:n_above] - midranks(above)) / n_below,
        negatives=1 - (overall[n_above:] - midranks(below)) / n_above,
    )


def delong_variance(first: Placements, second: Placements | None = None) -> float:
    """Variance of an AUC, or with a second ranking of the same rows of the difference of the two AUCs."""
    positives = first.positives - (second.positives if second else 0.0)
    negatives = first.negatives - (second.negatives if second else 0.0)
    return float(positives.var(ddof=1) / len(positives) + negatives.var(ddof=1) / len(negatives))


class PrecisionLadder:
    """A ranking prepared so that average precision under any row weights takes one pass without sorting.

    AP = sum over distinct scores of (increase of recall) * precision at that score, as scikit-learn defines it. Only
    scores that some positive holds matter, so every row is filed once under the first such score that includes it.
    """

    def __init__(self, positive: Mask, score: Floats) -> None:
        levels = np.unique(score[positive])[::-1]
        self._count = len(levels)
        # Ascending search over negated scores: how many levels lie strictly above the row's score.
        self._level: NDArray[Any] = np.searchsorted(-levels, -score, side="left")
        self._positive = np.flatnonzero(positive)
        self._positive_level = self._level[self._positive]

    def average_precision(self, weights: Floats) -> float:
        """AP with these row weights, shape (n,); NaN when no positive has weight."""
        hits = np.bincount(self._positive_level, weights[self._positive], self._count)
        seen = np.bincount(self._level, weights, self._count + 1)[: self._count].cumsum()
        total = hits.sum()
        if total == 0:
            return float("nan")
        with np.errstate(invalid="ignore"):
            precision = np.where(seen > 0, hits.cumsum() / seen, 0.0)
        # Not a dot product: BLAS starts threads for it, which on busy cores cost ten times the sum itself.
        return float((hits * precision).sum() / total)


class AreaLadder:
    """A ranking prepared so that its AUC under any row weights takes one pass without sorting. Ties count one half."""

    def __init__(self, positive: Mask, score: Floats) -> None:
        levels, self._level = np.unique(score, return_inverse=True)
        self._count = len(levels)
        self._positive = positive

    def area(self, weights: Floats) -> float:
        """The AUC with these row weights, shape (n,); NaN when one of the classes has no weight."""
        above = np.bincount(self._level, np.where(self._positive, weights, 0.0), self._count)
        below = np.bincount(self._level, np.where(self._positive, 0.0, weights), self._count)
        pairs = above.sum() * below.sum()
        return float((above * (below.cumsum() - below / 2)).sum() / pairs) if pairs else float("nan")
