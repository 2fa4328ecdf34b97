"""Labels and scores as class numbers: one numbering for the truth, the candidate and the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.gates.cases import Cases
from plimsoll.gates.errors import BadPredictions, ChampionDiffers, LabelNotNumeric, LabelNull, LabelUnknown

_SHOWN = 5


def require_comparable(candidate: ScorerSpec, champion: ScorerSpec, *, who: str, environment: str) -> None:
    """Raises ChampionDiffers when the two answer different questions."""
    problem = ""
    if champion.task != candidate.task:
        problem = f"it does {champion.task.replace('_', ' ')}, not {candidate.task.replace('_', ' ')}"
    elif candidate.task == "binary_classification" and set(champion.classes) != set(candidate.classes):
        problem = f"its classes are {_list(champion.classes)}, not {_list(candidate.classes)}"
    if problem:
        raise ChampionDiffers(candidate="The candidate", champion=who, environment=environment, problem=problem)


def encode_label(
    values: Sequence[Any], spec: ScorerSpec, *, holdout: str, label: str, type: str
) -> NDArray[np.intp] | NDArray[np.float64]:
    """The truth: class numbers, or float64 for regression. Raises LabelNull, LabelUnknown, LabelNotNumeric."""
    absent = sum(value is None for value in values)
    if absent:
        raise LabelNull(count=absent, rows=len(values), holdout=holdout, label=label)
    if spec.task == "regression":
        return _numbers(values, holdout=holdout, label=label, type=type)
    numbers = {value: number for number, value in enumerate(spec.classes)}
    unknown = Counter(value for value in values if value not in numbers)
    if unknown:
        shown = _list([value for value, _ in unknown.most_common(_SHOWN)])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise LabelUnknown(
            label=label,
            holdout=holdout,
            values=shown + more,
            count=f"{unknown.total():,}",
            classes=_list(spec.classes),
        )
    return np.array([numbers[value] for value in values], dtype=np.intp)


def encode_scores(
    scores: Scores, truth: NDArray[Any], spec: ScorerSpec, *, classes: tuple[Any, ...], who: str
) -> Cases:
    """Scores beside the truth, in the numbering of `classes`.

    spec: of the scorer that answered. A class that it lacks has probability 0; one that only it knows has no number, so
    deciding for it is a mistake. Raises BadPredictions for a wrong count, for NaN and for infinities, naming the first rows.
    """
    if len(scores.decision) != len(truth):
        raise BadPredictions(who=who, problem=f"{len(scores.decision):,} predictions for {len(truth):,} rows")
    if spec.task == "regression":
        decision = np.asarray(scores.decision, dtype=np.float64)
        _require_finite(decision[:, None], who=who)
        return Cases(truth=truth, decision=decision, probabilities=None, classes=0)
    if scores.probabilities is None:
        raise BadPredictions(who=who, problem="decisions without probabilities")
    _require_finite(scores.probabilities, who=who)
    numbers = {value: number for number, value in enumerate(classes)}
    probabilities = np.zeros((len(truth), len(classes)))
    for place, value in enumerate(spec.classes):
        if value in numbers:
            probabilities[:, numbers[value]] = scores.probabilities[:, place]
    decided = np.array([numbers.get(value, -1) for value in scores.decision.tolist()], dtype=np.intp)
    return Cases(truth=truth, decision=decided, probabilities=probabilities, classes=len(classes))


def _numbers(values: Sequence[Any], *, holdout: str, label: str, type: str) -> NDArray[np.float64]:
    broken = next((value for value in values if isinstance(value, bool | str) or not _is_finite(value)), None)
    if broken is not None:
        raise LabelNotNumeric(label=label, holdout=holdout, type=type.lower(), example=repr(broken))
    return np.array([float(value) for value in values])


def _is_finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def _require_finite(values: NDArray[np.float64], *, who: str) -> None:
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        first = ", ".join(str(row) for row in broken[:_SHOWN])
        more = ", …" if len(broken) > _SHOWN else ""
        problem = f"{len(broken):,} of {len(values):,} are NaN or infinite (rows {first}{more}, counted from 0)"
        raise BadPredictions(who=who, problem=problem)


def _list(values: Sequence[Any]) -> str:
    return ", ".join(repr(value) for value in values)
