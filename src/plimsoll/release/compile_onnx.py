"""A whole scorer as one ONNX model: an input for each raw column, the output `scores`."""

from __future__ import annotations

from typing import Any

import onnx
from sklearn.pipeline import Pipeline

from plimsoll.bundle.entities import Field
from plimsoll.bundle.scorer import Scorer
from plimsoll.release.compile_columns import transform
from plimsoll.release.compile_estimators import predict
from plimsoll.release.compile_graph import GraphBuilder, NotConvertible, Part, Table


def to_onnx(scorer: Scorer) -> onnx.ModelProto:
    """The scorer's ONNX form; equal scorers give equal bytes. Raises NotConvertible, which says what has none.

    Inputs are named like the fields, shape (rows, 1): strings as string, all other types as double.
    `scores` has shape (rows, classes), or (rows, 1) for regression, in double or float.
    """
    spec = scorer.spec
    if spec.transform:
        steps = "step" if len(spec.transform) == 1 else "steps"
        raise NotConvertible(f"the transform {steps} {', '.join(spec.transform)} of the project is Python code")
    names = _trained_on(scorer)
    unfit = [field for field in spec.inputs if field.type in ("timestamp", "date") and field.name in names]
    if unfit:
        raise NotConvertible(f"the input {unfit[0].name} is a {unfit[0].type}, which has no ONNX form")
    graph = GraphBuilder()
    table: Table = tuple(_input(next(field for field in spec.inputs if field.name == name)) for name in names)
    estimator = _unwrapped(scorer.model)
    while isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            table = transform(graph, step, table)
        estimator = _unwrapped(estimator.steps[-1][1])
    scores, kind = predict(graph, estimator, table)
    inputs = [(field.name, field.type == "string") for field in spec.inputs]
    return graph.finish(inputs, scores, kind=kind, width=len(spec.classes) or 1)


def _trained_on(scorer: Scorer) -> list[str]:
    """The raw columns that the model is given, in its order."""
    names = getattr(scorer.model, "feature_names_in_", None)
    return [field.name for field in scorer.spec.inputs] if names is None else [str(name) for name in names]


def _input(field: Field) -> Part:
    return Part(field.name, 1, words=field.type == "string")


def _unwrapped(model: Any) -> Any:
    """The estimator inside a finished search over parameters."""
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    return model
