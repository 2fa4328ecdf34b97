"""Truth and prediction side by side: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.ranks import Floats, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Truth and prediction for the same rows, in the same order.

    Classification: truth and decision are class numbers, shape (rows,), and probabilities has shape (rows, classes);
    class 1 of two is the positive one. Regression: both are float64 and probabilities is None, classes 0.
    """

    truth: NDArray[Any]
    decision: NDArray[Any]
    probabilities: Floats | None
    classes: int

    def __len__(self) -> int:
        return len(self.truth)

    def only(self, rows: Mask) -> Cases:
        """The cases of some rows."""
        chances = None if self.probabilities is None else self.probabilities[rows]
        return Cases(truth=self.truth[rows], decision=self.decision[rows], probabilities=chances, classes=self.classes)

    @property
    def positive(self) -> Mask:
        """Rows whose truth is the positive class."""
        mask: Mask = self.truth == 1
        return mask

    @property
    def score(self) -> Floats:
        """The probability of the positive class."""
        assert self.probabilities is not None
        return self.probabilities[:, 1]

    @property
    def hit(self) -> Mask:
        """Rows that were decided rightly."""
        mask: Mask = self.truth == self.decision
        return mask


def tally(cases: Cases) -> tuple[Floats, Floats, Floats]:
    """Hits, rows by truth and rows by decision, each of shape (classes,). A decision of -1 is no known class."""
    hits = np.bincount(cases.truth[cases.hit], minlength=cases.classes)
    truth = np.bincount(cases.truth, minlength=cases.classes)
    decided = np.bincount(cases.decision[cases.decision >= 0], minlength=cases.classes)
    return hits.astype(np.float64), truth.astype(np.float64), decided.astype(np.float64)


def require_both_classes(name: str, cases: Cases) -> None:
    """Raises UndefinedMetric when the truth holds fewer than two classes."""
    present = np.unique(cases.truth)
    if len(present) < 2:
        only = (
            {0: "negative", 1: "positive"}.get(int(present[0]))
            if len(present) and cases.classes == 2
            else "of one class"
        )
        raise UndefinedMetric(metric=name, reason=f"all {len(cases):,} rows are {only}; it needs both classes.")


def require_rows(name: str, count: int, what: str) -> None:
    if count == 0:
        raise UndefinedMetric(metric=name, reason=f"there are no {what}.")
