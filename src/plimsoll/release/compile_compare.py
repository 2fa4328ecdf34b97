"""Is the compiled form the same model? Both score the whole holdout, and rows of it made harder; then both are timed.

Harder rows are those that a holdout may lack and requests will hold: a null in each column that may be null, and a
text that nobody has seen in each column of texts.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
from numpy.typing import NDArray

from plimsoll.bundle.columns import cast_rows
from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scorer import Scorer
from plimsoll.bundle.scores import Scores, decide
from plimsoll.kernel.errors import PlimsollError
from plimsoll.release.compile_graph import MISSING, NotConvertible

TOLERANCE = 1e-6
"""Largest allowed difference of a probability; for regression times the largest value, when that is above 1."""
_HARDER_ROWS = 200
_CHUNK = 10_000
_UNSEEN = "\u001aunseen\u001a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far the compiled form is from the original."""

    rows: int
    harder_rows: int
    max_difference: float
    """In probability; for regression as a share of the largest value, when that is above 1."""
    flips: int
    """Rows decided otherwise although no tie; a faithful form has none."""
    ties: int
    """Rows decided otherwise at a tie: the score lies within TOLERANCE of the boundary."""
    problem: str = ""
    """Why the two cannot be the same although the holdout agrees."""


def open_session(model: bytes) -> ort.InferenceSession:
    """The model in onnxruntime, on one thread as the door runs it. Raises NotConvertible when it cannot."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime has no common root for its errors.
        raise NotConvertible(f"onnxruntime cannot run the graph: {_short(error)}") from error


def compare(scorer: Scorer, session: ort.InferenceSession, holdout: pd.DataFrame) -> Comparison:
    """Score the holdout and harder rows with both. Raises what the original raises on the holdout."""
    found = _difference(scorer, session, holdout)
    harder = 0
    for description, rows in _harder(scorer.spec, holdout):
        harder += len(rows)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                more = _difference(scorer, session, rows)
        except PlimsollError:
            found["problem"] = f"the original refuses {description}, and the compiled form would answer"
            continue
        found["max_difference"] = max(found["max_difference"], more["max_difference"])
        found["flips"] += more["flips"]
        found["ties"] += more["ties"]
        if not found["problem"] and (more["max_difference"] > TOLERANCE or more["flips"]):
            found["problem"] = f"answers differ by {more['max_difference']:.2g} for {description}"
    return Comparison(rows=len(holdout), harder_rows=harder, **found)


def measure(scorer: Scorer, session: ort.InferenceSession, holdout: pd.DataFrame) -> tuple[float, float]:
    """Median microseconds for one raw row, original then compiled, each from a row to its decision."""
    row = cast_rows(holdout.head(1), scorer.spec.inputs)
    inputs = feeds(scorer.spec, row)
    compiled = _median_us(lambda: decide(scorer.spec, session.run(["scores"], inputs)[0]), times=200)
    return _median_us(lambda: scorer.score(row), times=15), compiled


def feeds(spec: ScorerSpec, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """What the graph is given for a frame of cast inputs: doubles with NaN, texts with MISSING, shape (rows, 1)."""
    given: dict[str, NDArray[Any]] = {}
    for field in spec.inputs:
        column = frame[field.name]
        if field.type == "string":
            given[field.name] = column.astype(object).where(column.notna(), MISSING).to_numpy().reshape(-1, 1)
        else:
            given[field.name] = column.to_numpy(dtype=np.float64).reshape(-1, 1)
    return given


def _difference(scorer: Scorer, session: ort.InferenceSession, rows: pd.DataFrame) -> dict[str, Any]:
    spec = scorer.spec
    expected = scorer.score(rows)
    frame = cast_rows(rows, spec.inputs)
    try:
        outputs = [
            session.run(["scores"], feeds(spec, frame.iloc[start : start + _CHUNK]))[0]
            for start in range(0, len(frame), _CHUNK)
        ]
    except Exception as error:
        # onnxruntime has no common root for its errors.
        raise NotConvertible(f"onnxruntime cannot run the graph: {_short(error)}") from error
    found = decide(spec, np.concatenate(outputs))
    wanted, got = _values(expected), _values(found)
    scale = max(1.0, float(np.abs(wanted).max())) if spec.task == "regression" else 1.0
    gap = np.abs(wanted - got).max(axis=1) / scale
    largest = float(gap.max()) if np.isfinite(gap).all() else float("inf")
    other = np.zeros(len(gap), dtype=bool) if spec.task == "regression" else expected.decision != found.decision
    tied = other & _at_boundary(spec, expected)
    return {"max_difference": largest, "flips": int((other & ~tied).sum()), "ties": int(tied.sum()), "problem": ""}


def _values(scores: Scores) -> NDArray[np.float64]:
    return scores.decision.reshape(-1, 1) if scores.probabilities is None else scores.probabilities


def _at_boundary(spec: ScorerSpec, scores: Scores) -> NDArray[np.bool_]:
    """Rows whose score lies so near the boundary that the allowed difference may move it across."""
    if scores.probabilities is None:
        return np.zeros(len(scores.decision), dtype=bool)
    if spec.task == "binary_classification":
        distance = np.abs(scores.probabilities[:, 1] - spec.threshold)
    else:
        best = np.sort(scores.probabilities, axis=1)
        distance = (best[:, -1] - best[:, -2]) / 2
    return np.asarray(distance <= TOLERANCE)


def _harder(spec: ScorerSpec, holdout: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    sample = holdout.head(_HARDER_ROWS).reset_index(drop=True)
    for field in spec.inputs:
        if field.nullable:
            yield f"a null in {field.name}", _with(sample, field.name, None)
        if field.type == "string":
            yield f"an unseen value in {field.name}", _with(sample, field.name, _UNSEEN)


def _with(rows: pd.DataFrame, name: str, value: Any) -> pd.DataFrame:
    return rows.assign(**{name: pd.Series([value] * len(rows), dtype=object)})


def _median_us(act: Callable[[], Any], *, times: int) -> float:
    act()
    seconds = []
    for _ in range(times):
        before = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - before)
    return float(np.median(seconds)) * 1e6


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
