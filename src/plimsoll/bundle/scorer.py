"""The scorer: raw request rows in, predictions out. Gates, batch, server and notebook use this one thing.

On disk a scorer is a folder: `scorer.json` (its ScorerSpec), `model/` (an MLflow model directory) and, when the
transforms or the model need it, `code/` (the project's code as it was). How it is made is in `build.py`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plimsoll.bundle.code import ProjectCode
from plimsoll.bundle.columns import cast_rows
from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.errors import BadModel, BadTransform, TransformNotRowWise, failed, summary
from plimsoll.bundle.model import load_model
from plimsoll.bundle.scores import Scores, decide
from plimsoll.bundle.spec import read_spec

MODEL = "model"
CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """A project's row-wise step with the parameter values that it is called with after the frame."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]


class Scorer:
    """Raw rows to predictions. Holds no state between calls and may be used from several threads."""

    def __init__(
        self, *, spec: ScorerSpec, model: Any, transforms: tuple[Transform, ...] = (), code: ProjectCode | None = None
    ) -> None:
        self.spec = spec
        self.model = model
        self.transforms = transforms
        self._code = code

    def score(self, rows: pd.DataFrame) -> Scores:
        """Predictions in the order of the rows; the order of columns and columns beyond `spec.inputs` do not matter.

        Raises BadRows (every missing or ill-typed column at once), TransformNotRowWise, BadTransform, BadModel, or
        ScoringFailed when the project's code or the model raised.
        """
        frame = cast_rows(rows, self.spec.inputs)
        if len(frame) == 0:
            return decide(self.spec, np.empty((0, len(self.spec.classes) or 1)))
        return decide(self.spec, self.output(self.features(frame)))

    def features(self, frame: pd.DataFrame) -> Any:
        """What the model is given for a frame of cast inputs: the transforms applied, the model's columns selected."""
        with self.active():
            transformed = self._transformed(frame)
        return select_features(self.model, transformed, task=self.spec.task)

    def output(self, features: Any) -> NDArray[np.float64]:
        """The model's raw output: probabilities (rows, classes), or for regression the values (rows,)."""
        method = "predict" if self.spec.task == "regression" else "predict_proba"
        try:
            with self.active():
                answer = getattr(self.model, method)(features)
        except Exception as error:
            raise failed(error, where="The model", rows=len(features)) from error
        return self._checked(answer, rows=len(features))

    def active(self) -> AbstractContextManager[None]:
        """Within, the project's module names mean this scorer's code; for calls to `model` by others."""
        return nullcontext() if self._code is None else self._code.active()

    def _transformed(self, frame: pd.DataFrame) -> Any:
        result: Any = frame
        for transform in self.transforms:
            if not isinstance(result, pd.DataFrame):
                raise BadTransform(
                    step=transform.name,
                    problem=f"the step before it returned a {type(result).__name__}, not a DataFrame",
                )
            try:
                after = transform.function(result, **transform.arguments)
            except Exception as error:
                raise failed(error, where=f"The transform step {transform.name}", rows=len(result)) from error
            _check_rows(transform.name, result, after)
            result = after
        return result

    def _checked(self, answer: Any, *, rows: int) -> NDArray[np.float64]:
        try:
            output = np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._bad(f"its answer is no array of numbers ({summary(error)})") from error
        wanted = {(rows,), (rows, 1)} if self.spec.task == "regression" else {(rows, len(self.spec.classes))}
        if output.shape not in wanted:
            expected = " or ".join(map(str, sorted(wanted)))
            raise self._bad(f"it answered an array of shape {output.shape}, expected {expected}")
        broken = ~np.isfinite(output).reshape(rows, -1).all(axis=1)
        if broken.any():
            raise self._bad(
                f"it answered NaN or infinity for {broken.sum()} of {rows} rows, first for row {broken.argmax()}"
            )
        return output

    def _bad(self, problem: str) -> BadModel:
        cure = "Compare with what `predict_proba` (classification) or `predict` (regression) of a scikit-learn estimator returns."
        return BadModel(model=type(self.model).__name__, task=self.spec.task, problem=problem, cure=cure)


def load_scorer(folder: Path, *, alone: bool = False) -> Scorer:
    """The scorer in a folder. Runs its pickle and its code: only for verified bundles and one's own runs.

    Its code is imported under the project's module names, and stays imported unless another module of such a name is
    there already; then that one stays and this scorer's modules are seen by itself alone. alone: always so, for a
    process in which people import their own.
    Raises BadTransform when a transform step is missing, ScoringFailed when the project's code cannot be imported.
    """
    spec = read_spec(folder)
    if not spec.code:
        return Scorer(spec=spec, model=load_model(folder / MODEL))
    code = ProjectCode(folder / CODE, spec.code, alone=alone)
    try:
        module = code.load()
        with code.active():
            model = load_model(folder / MODEL)
    except Exception as error:
        raise failed(error, where=f"Loading the model with {spec.code}", rows=0) from error
    transforms = tuple(read_transform(module, name, spec.params) for name in spec.transform)
    return Scorer(spec=spec, model=model, transforms=transforms, code=code)


def read_transform(module: ModuleType, name: str, params: Mapping[str, Any]) -> Transform:
    """The step of that name with its arguments after the first taken from params. Raises BadTransform."""
    function = getattr(module, name, None)
    if not callable(function):
        raise BadTransform(step=name, problem=f"{module.__name__} has no function {name}")
    parameters = [*inspect.signature(function).parameters.values()]
    if not parameters:
        raise BadTransform(step=name, problem="it takes no parameter, so it cannot be given the rows")
    rest = parameters[1:]
    missing = [item.name for item in rest if item.default is item.empty and item.name not in params]
    if missing:
        raise BadTransform(step=name, problem=f"it needs {', '.join(missing)}, which pipeline.params does not give")
    arguments = {item.name: params[item.name] for item in rest if item.name in params}
    return Transform(name=name, function=function, arguments=arguments)


def select_features(model: Any, frame: Any, *, task: str) -> Any:
    """The columns that the model was trained on, in its order; an array when it was trained on an array.

    Raises BadModel when they are not there.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None or _made_up(names):
        return _by_position(model, frame, task=task)
    if not isinstance(frame, pd.DataFrame):
        problem = f"it was trained on a DataFrame, but is given a {type(frame).__name__} without column names"
        cure = "Let the last transform step return the DataFrame that the model was trained on, or train on the array."
        raise BadModel(model=type(model).__name__, task=task, problem=problem, cure=cure)
    missing = [str(name) for name in names if name not in frame.columns]
    if missing:
        problem = f"it was trained on columns that requests do not have: {', '.join(missing)}"
        cure = "Add the step that makes them to `model.transform`, or keep them in the holdout and in `model.inputs`."
        raise BadModel(model=type(model).__name__, task=task, problem=problem, cure=cure)
    return frame if list(frame.columns) == list(names) else frame[list(names)]


def _by_position(model: Any, frame: Any, *, task: str) -> Any:
    count = getattr(model, "n_features_in_", None)
    if count is None:
        return frame
    found = frame.shape[1] if getattr(frame, "ndim", 0) == 2 else 1
    if found != count:
        problem = f"it was trained on an array of {count} columns, but is given {found}"
        cure = (
            "Train on the DataFrame itself, so that columns are found by name, or name the columns in `model.inputs`."
        )
        raise BadModel(model=type(model).__name__, task=task, problem=problem, cure=cure)
    return frame.to_numpy() if isinstance(frame, pd.DataFrame) else frame


def _made_up(names: Any) -> bool:
    """LightGBM names the columns of an array Column_0, Column_1, …"""
    return all(re.fullmatch(r"Column_\d+", str(name)) for name in names)


def _check_rows(step: str, before: pd.DataFrame, after: Any) -> None:
    if not isinstance(after, pd.DataFrame | np.ndarray):
        raise BadTransform(step=step, problem=f"it returned a {type(after).__name__}")
    if len(after) != len(before):
        raise TransformNotRowWise(step=step, problem=f"it was given {len(before)} rows and returned {len(after)}")
    if not isinstance(after, pd.DataFrame) or after.index.equals(before.index):
        return
    # A new index may be meant (a key); the old one in another order is a sorted or shuffled frame.
    if {*after.index} == {*before.index}:
        raise TransformNotRowWise(step=step, problem="it returned the rows in another order")
