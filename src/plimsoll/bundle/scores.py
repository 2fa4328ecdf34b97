"""What scoring answers, and the decision that follows from scores: the same rule for every form of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.entities import ScorerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Predictions for rows, in the rows' order.

    probabilities: float64, shape (rows, classes), in the order of `spec.classes`; None for regression.
    decision: shape (rows,), values of `spec.classes`; float64 for regression.
    """

    probabilities: NDArray[np.float64] | None
    decision: NDArray[Any]


def decide(spec: ScorerSpec, output: NDArray[np.floating[Any]]) -> Scores:
    """Scores from a model's raw output: shape (rows, classes), or for regression (rows,) or (rows, 1).

    Binary: the second class when its probability reaches `spec.threshold`. Multiclass: the most probable class, the
    first of equals. A compiled form is judged and served by this same function.
    """
    if spec.task == "regression":
        return Scores(probabilities=None, decision=np.asarray(output, dtype=np.float64).reshape(len(output)))
    probabilities = np.asarray(output, dtype=np.float64)
    if spec.task == "binary_classification":
        chosen = (probabilities[:, 1] >= spec.threshold).astype(np.intp)
    else:
        chosen = probabilities.argmax(axis=1)
    return Scores(probabilities=probabilities, decision=np.asarray(spec.classes)[chosen])


def save_scores(target: Path | IO[bytes], scores: Scores) -> None:
    """Write scores as numpy's .npz, without pickles."""
    decision = scores.decision.astype("str") if scores.decision.dtype == object else scores.decision
    if scores.probabilities is None:
        np.savez(target, decision=decision)
    else:
        np.savez(target, decision=decision, probabilities=scores.probabilities)


def load_scores(source: Path) -> Scores:
    """The inverse of `save_scores`."""
    with np.load(source, allow_pickle=False) as saved:
        return Scores(probabilities=saved.get("probabilities"), decision=saved["decision"])
