"""Builders for tests of gates: predictions with a chosen accuracy and shared errors, uncertain figures, small projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.gates.cases import Cases
from plimsoll.gates.checks import Evidence, Reference, Slice
from plimsoll.gates.entities import Champion


def binary(truth: Sequence[int], score: Sequence[float], *, threshold: float = 0.5) -> Cases:
    chances = np.asarray(score, dtype=np.float64)
    return Cases(
        truth=np.asarray(truth, dtype=np.intp),
        decision=(chances >= threshold).astype(np.intp),
        probabilities=np.column_stack([1 - chances, chances]),
        classes=2,
    )


def multiclass(truth: Sequence[int], probabilities: NDArray[np.float64]) -> Cases:
    return Cases(
        truth=np.asarray(truth, dtype=np.intp),
        decision=probabilities.argmax(axis=1),
        probabilities=probabilities,
        classes=probabilities.shape[1],
    )


def regression(truth: Sequence[float], predicted: Sequence[float]) -> Cases:
    return Cases(
        truth=np.asarray(truth, dtype=np.float64),
        decision=np.asarray(predicted, dtype=np.float64),
        probabilities=None,
        classes=0,
    )


def random_binary(rows: int, *, seed: int = 1, noise: float = 1.0, share: float = 0.3) -> Cases:
    """One seed has one truth, so cases of equal rows, seed and share can be paired whatever their noise."""
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=rows)
    truth = signal + 0.5 * draw.normal(size=rows) > np.quantile(signal, 1 - share)
    score = signal - np.quantile(signal, 1 - share) + noise * np.random.default_rng(seed + 77).normal(size=rows)
    return binary(truth.astype(int), 1 / (1 + np.exp(-2 * score)))


def with_mistakes(truth: NDArray[np.intp], wrong: NDArray[np.bool_]) -> Cases:
    """Sure predictions that are wrong in the given rows."""
    return binary(truth, np.where(truth.astype(bool) ^ wrong, 0.9, 0.1))


def evidence(
    candidate: Cases, reference: Cases | None = None, *, slices: dict[str, Any] | None = None, **changes: Any
) -> Evidence:
    """Against fraud@1 in production, or against nothing."""
    champion = Champion(environment="production", release="fraud@1", digest="d1", baseline=None)
    references = {"production": Reference(champion=champion, cases=reference)} if reference else {}
    parts = tuple(
        Slice(source=name.partition(" ")[0], name=name, rows=np.asarray(rows)) for name, rows in (slices or {}).items()
    )
    task = {0: "regression", 2: "binary_classification"}.get(candidate.classes, "multiclass_classification")
    return Evidence(task=task, candidate=candidate, references=references, slices=parts, seed=7, **changes)
