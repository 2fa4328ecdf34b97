"""The proof of a scorer that was just written: its first rows as a batch, in another order, and one by one.

A scorer that answers these differently would answer a request differently from the gates.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from plimsoll.bundle.columns import cast_rows
from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.bundle.errors import BadRows, TransformNotRowWise, bad_holdout
from plimsoll.bundle.scorer import Scorer
from plimsoll.kernel.errors import PlimsollError

_SINGLE_ROWS = 3
_SAME = 1e-6


def prove(scorer: Scorer, sample: pd.DataFrame) -> Any:
    """Score the rows as a batch, reversed and singly; returns what the model was given. Raises when answers differ."""
    try:
        frame = cast_rows(sample, scorer.spec.inputs)
    except BadRows as error:
        raise bad_holdout(error.facts["listing"]) from error
    features = scorer.features(frame)
    expected = _flat(scorer.output(features))
    for where, part in _parts(len(frame)):
        step = _blamed(scorer)
        rows = frame.iloc[part].reset_index(drop=True)
        try:
            found = _flat(scorer.output(scorer.features(rows)))
        except PlimsollError as error:
            problem = f"it answers {len(frame)} rows together, but not {where} ({error.facts.get('problem', error)})"
            raise TransformNotRowWise(step=step, problem=problem) from error
        gap = float(np.abs(found - expected[part]).max())
        if gap > _SAME * max(1.0, float(np.abs(expected).max())):
            problem = f"predictions for {where} differ by up to {gap:.3g} from those for {len(frame)} rows together"
            raise TransformNotRowWise(step=step, problem=problem)
    return features


def _parts(rows: int) -> Iterable[tuple[str, list[int]]]:
    everything = list(range(rows))
    yield "the same rows in reverse order", everything[::-1]
    for row in everything[:_SINGLE_ROWS]:
        yield f"row {row} alone", [row]


def _flat(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return output.reshape(len(output), -1)


def _blamed(scorer: Scorer) -> str:
    return " or ".join(scorer.spec.transform) or "inside the model"


def nullability(scorer: Scorer, sample: pd.DataFrame, fields: Sequence[Field]) -> Iterable[Field]:
    """Each field, nullable when it was or when the scorer answers a row in which it is null.

    Without this, a null that the model's own imputer handles would be refused for not occurring in one holdout.
    A bool stays as it is: a nullable one is held in a frame differently.
    """
    row = sample.head(1)
    for field in fields:
        if field.nullable or field.type == "bool":
            yield field
            continue
        tried = replace(field, nullable=True)
        spec = replace(scorer.spec, inputs=tuple(tried if item is field else item for item in fields))
        rows = row.assign(**{field.name: pd.Series([None], dtype=object)})
        yield tried if _answers(scorer, spec, rows) else field


def _answers(scorer: Scorer, spec: ScorerSpec, rows: pd.DataFrame) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scorer.output(scorer.features(cast_rows(rows, spec.inputs)))
        except PlimsollError:
            return False
    return True


def one_thread() -> AbstractContextManager[Any]:
    """Single rows take OpenMP's threads longer to share out than to score, on a busy machine a hundred times longer."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no types
    except ModuleNotFoundError:  # it comes with scikit-learn
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits
