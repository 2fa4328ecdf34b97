"""scikit-learn's transformers as ONNX nodes in double precision: column by column, as the fitted objects do it.

Only what is here is converted this way; any other transformer is tried with skl2onnx (`compile_estimators.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from plimsoll.release.compile_estimators import embed_transformer
from plimsoll.release.compile_graph import MISSING, GraphBuilder, NotConvertible, Part, Table, width_of


def transform(graph: GraphBuilder, step: Any, table: Table) -> Table:
    """Apply a fitted transformer, or the words `passthrough` and `drop`. Raises NotConvertible."""
    if step is None or isinstance(step, str):
        return () if step == "drop" else table
    if isinstance(step, SelectorMixin):
        return graph.take(table, np.flatnonzero(step.get_support()))
    own = _OWN.get(type(step))
    return own(graph, step, table) if own else embed_transformer(graph, step, table)


def _pipeline(graph: GraphBuilder, step: Any, table: Table) -> Table:
    for _, part in step.steps:
        table = transform(graph, part, table)
    return table


def _column_transformer(graph: GraphBuilder, step: Any, table: Table) -> Table:
    result: list[Part] = []
    for name, part, _ in step.transformers_:
        # Columns may be given as names, numbers, slices, masks or a function; this is what they came to when fitted.
        chosen = graph.take(table, step._transformer_to_input_indices[name])  # noqa: SLF001 - there is no public form
        if chosen and not (isinstance(part, str) and part == "drop"):
            result += _weighted(graph, transform(graph, part, chosen), (step.transformer_weights or {}).get(name))
    return tuple(result)


def _union(graph: GraphBuilder, step: Any, table: Table) -> Table:
    result: list[Part] = []
    for name, part in step.transformer_list:
        result += _weighted(graph, transform(graph, part, table), (step.transformer_weights or {}).get(name))
    return tuple(result)


def _weighted(graph: GraphBuilder, table: Table, weight: float | None) -> Table:
    if weight is None:
        return table
    tensor = graph.numbers(table, for_="a transformer with a weight")
    return (Part(graph.add("Mul", tensor, graph.constant(float(weight))), width_of(table), words=False),)


def _imputer(graph: GraphBuilder, step: Any, table: Table) -> Table:
    """Where(missing, statistic, value): onnxruntime's own Imputer knows no doubles."""
    if step.add_indicator:
        raise NotConvertible("SimpleImputer with add_indicator has no ONNX form")
    fills = list(step.statistics_)
    if any(fill is None or (isinstance(fill, float) and np.isnan(fill)) for fill in fills):
        raise NotConvertible("SimpleImputer of a column that was wholly missing has no ONNX form")
    if not any(part.words for part in table):
        tensor = graph.numbers(table, for_="SimpleImputer")
        missing = _is_missing(graph, tensor, step.missing_values, words=False)
        filled = graph.add("Where", missing, graph.constant(_numbers([fills], "SimpleImputer")), tensor)
        return (Part(filled, width_of(table), words=False),)
    result = []
    for position, fill in enumerate(fills):
        (part,) = graph.take(table, [position])
        missing = _is_missing(graph, part.tensor, step.missing_values, words=part.words)
        value = [[str(fill)]] if part.words else _numbers([[fill]], "SimpleImputer")
        result.append(Part(graph.add("Where", missing, graph.constant(value), part.tensor), 1, words=part.words))
    return tuple(result)


def _is_missing(graph: GraphBuilder, tensor: str, marker: Any, *, words: bool) -> str:
    if marker is None:
        raise NotConvertible("SimpleImputer(missing_values=None) has no ONNX form: missing values in a frame are NaN")
    if _is_nan(marker):
        return graph.add("Equal", tensor, graph.constant([[MISSING]])) if words else graph.add("IsNaN", tensor)
    value = [[str(marker)]] if words else _numbers([[marker]], "SimpleImputer")
    return graph.add("Equal", tensor, graph.constant(value))


def _one_hot(graph: GraphBuilder, step: Any, table: Table) -> Table:
    _known_only(step, "ignore, or infrequent_if_exist")
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(step.categories_)
    flags, width = [], 0
    for position, (categories, drop) in enumerate(zip(step.categories_, dropped, strict=True)):
        kept = [value for index, value in enumerate(categories) if index != drop]
        (part,) = graph.take(table, [position])
        if kept:
            flags.append(_matches(graph, part, kept, type(step).__name__))
            width += len(kept)
    if not flags:
        return ()
    return (Part(graph.cast(graph.concat(flags), TensorProto.DOUBLE), width, words=False),)


def _ordinal(graph: GraphBuilder, step: Any, table: Table) -> Table:
    """The position of the matching category by a product: codes count from 1, so that 0 is no match at all."""
    _known_only(step, "use_encoded_value")
    result = []
    for position, categories in enumerate(step.categories_):
        (part,) = graph.take(table, [position])
        flags = graph.cast(_matches(graph, part, list(categories), type(step).__name__), TensorProto.DOUBLE)
        places = graph.add("MatMul", flags, graph.constant(np.arange(1.0, len(categories) + 1).reshape(-1, 1)))
        zero, one = graph.constant([[0.0]]), graph.constant([[1.0]])
        unknown = graph.constant([[float(step.unknown_value)]])
        code = graph.add("Where", graph.add("Equal", places, zero), unknown, graph.add("Sub", places, one))
        if any(_is_nan(value) for value in categories):
            missing = _is_missing(graph, part.tensor, np.nan, words=part.words)
            code = graph.add("Where", missing, graph.constant([[float(step.encoded_missing_value)]]), code)
        result.append(Part(code, 1, words=False))
    return tuple(result)


def _known_only(step: Any, cure: str) -> None:
    name = type(step).__name__
    if step.handle_unknown == "error":
        raise NotConvertible(
            f"{name}(handle_unknown='error') refuses unknown categories, which ONNX cannot; use handle_unknown={cure}"
        )
    if getattr(step, "_infrequent_enabled", False):
        raise NotConvertible(f"{name} with infrequent categories has no ONNX form")


def _matches(graph: GraphBuilder, part: Part, categories: list[Any], name: str) -> str:
    """Which category each row holds: bool (rows, categories). A missing value matches the category NaN."""
    if any(value is None for value in categories):
        raise NotConvertible(f"{name} with the category None has no ONNX form: missing values in a frame are NaN")
    missing = [_is_nan(value) for value in categories]
    if part.words:
        texts = [MISSING if gone else str(value) for value, gone in zip(categories, missing, strict=True)]
        return graph.add("Equal", part.tensor, graph.constant([texts]))
    known = _numbers([[value for value, gone in zip(categories, missing, strict=True) if not gone]], name)
    flags = [graph.add("Equal", part.tensor, graph.constant(known))] if known.size else []
    if any(missing):  # NaN is the last of the categories
        flags.append(graph.add("IsNaN", part.tensor))
    return graph.concat(flags)


def _scaled(center: Callable[[Any], Any], divisor: Callable[[Any], Any]) -> Callable[[GraphBuilder, Any, Table], Table]:
    """(x - center) / divisor, each left out where the fitted scaler has none."""

    def convert(graph: GraphBuilder, step: Any, table: Table) -> Table:
        tensor = graph.numbers(table, for_=type(step).__name__)
        for operator, values in (("Sub", center(step)), ("Div", divisor(step))):
            if values is not None:
                tensor = graph.add(operator, tensor, graph.constant([np.asarray(values, dtype=np.float64)]))
        return (Part(tensor, width_of(table), words=False),)

    return convert


def _min_max(graph: GraphBuilder, step: Any, table: Table) -> Table:
    tensor = graph.numbers(table, for_="MinMaxScaler")
    tensor = graph.add("Mul", tensor, graph.constant([np.asarray(step.scale_, dtype=np.float64)]))
    tensor = graph.add("Add", tensor, graph.constant([np.asarray(step.min_, dtype=np.float64)]))
    if step.clip:
        low, high = step.feature_range
        tensor = graph.add("Clip", tensor, graph.constant(float(low)), graph.constant(float(high)))
    return (Part(tensor, width_of(table), words=False),)


def _function(graph: GraphBuilder, step: Any, table: Table) -> Table:
    """The identity and a few functions of numpy; any other function is Python code."""
    if step.func is None:
        return table
    if step.func not in _FUNCTIONS or step.kw_args:
        name = getattr(step.func, "__name__", repr(step.func))
        raise NotConvertible(f"FunctionTransformer({name}) has no ONNX form")
    tensor = graph.numbers(table, for_="FunctionTransformer")
    if step.func is np.log1p:
        tensor = graph.add("Add", tensor, graph.constant(1.0))
    return (Part(graph.add(_FUNCTIONS[step.func], tensor), width_of(table), words=False),)


def _numbers(values: Any, name: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NotConvertible(f"{name} mixes text and numbers in one column") from error


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


_FUNCTIONS: dict[Any, str] = {np.log1p: "Log", np.log: "Log", np.exp: "Exp", np.sqrt: "Sqrt", np.abs: "Abs"}

_OWN: dict[type, Callable[[GraphBuilder, Any, Table], Table]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _column_transformer,
    FeatureUnion: _union,
    FunctionTransformer: _function,
    SimpleImputer: _imputer,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
    StandardScaler: _scaled(
        lambda step: step.mean_ if step.with_mean else None, lambda step: step.scale_ if step.with_std else None
    ),
    RobustScaler: _scaled(
        lambda step: step.center_ if step.with_centering else None,
        lambda step: step.scale_ if step.with_scaling else None,
    ),
    MaxAbsScaler: _scaled(lambda _: None, lambda step: step.scale_),
    MinMaxScaler: _min_max,
}
