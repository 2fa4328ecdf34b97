"""The last step of a model as ONNX nodes: linear models by us, all others by skl2onnx.

Linear models are computed in doubles. Trees are given float32, as scikit-learn does, and add up in doubles, since the
float32 sum over 500 trees is off by more than 1e-6. All others are in float32; whether they survive that is for the
comparison on the holdout to say.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeCV,
)

from plimsoll.release.compile_graph import ML_OPSET, OPSET, GraphBuilder, NotConvertible, Part, Table, width_of

_TREE_NUMBERS = {"nodes_values", "nodes_hitrates", "class_weights", "target_weights", "base_values"}
_LOGISTIC = (LogisticRegression, LogisticRegressionCV)
_LINEAR = (LinearRegression, Ridge, RidgeCV, Lasso, LassoCV, ElasticNet, ElasticNetCV)


def predict(graph: GraphBuilder, estimator: Any, table: Table) -> tuple[str, int]:
    """The scores of a fitted estimator, (rows, classes) or (rows, 1), and their type. Raises NotConvertible."""
    name = type(estimator).__name__
    numbers = graph.numbers(table, for_=name)
    if type(estimator) in _LOGISTIC:
        return _logistic(graph, estimator, numbers), TensorProto.DOUBLE
    if type(estimator) in _LINEAR:
        return _linear(graph, estimator, numbers), TensorProto.DOUBLE
    if np.any(getattr(estimator, "is_categorical_", None)):
        raise NotConvertible(f"{name} with categorical_features has no ONNX form")
    classifies = hasattr(estimator, "classes_")
    model = _converted(estimator, FloatTensorType([None, width_of(table)]), classifies=classifies)
    numbers = graph.cast(numbers, TensorProto.FLOAT)
    ensembles = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    if len(ensembles) == 1 and ensembles[0].input[0] == model.graph.input[0].name:
        _send_nulls_as_trained(ensembles[0], estimator)
        _sum_in_doubles(ensembles[0])
        numbers = graph.cast(numbers, TensorProto.DOUBLE)
    output = "probabilities" if classifies else model.graph.output[0].name
    return graph.embed(model, numbers, output=output), TensorProto.FLOAT


def embed_transformer(graph: GraphBuilder, step: Any, table: Table) -> Table:
    """A transformer by skl2onnx, in double precision. Raises NotConvertible when it has no converter."""
    numbers = graph.numbers(table, for_=type(step).__name__)
    model = _converted(step, DoubleTensorType([None, width_of(table)]), classifies=False)
    output = model.graph.output[0]
    if output.type.tensor_type.elem_type != TensorProto.DOUBLE:
        raise NotConvertible(f"{type(step).__name__} has no ONNX form in double precision")
    shape = output.type.tensor_type.shape.dim
    if len(shape) != 2 or not shape[1].dim_value:
        raise NotConvertible(f"{type(step).__name__} has no ONNX form of a known width")
    return (Part(graph.embed(model, numbers, output=output.name), shape[1].dim_value, words=False),)


def _logistic(graph: GraphBuilder, estimator: Any, numbers: str) -> str:
    decision = _linear(graph, estimator, numbers)
    if len(estimator.classes_) > 2:
        return graph.add("Softmax", decision, axis=1)
    positive = graph.add("Sigmoid", decision)
    return graph.concat([graph.add("Sub", graph.constant([[1.0]]), positive), positive])


def _linear(graph: GraphBuilder, estimator: Any, numbers: str) -> str:
    weights = np.atleast_2d(estimator.coef_).T
    if getattr(estimator, "classes_", None) is None and weights.shape[1] != 1:
        raise NotConvertible(f"{type(estimator).__name__} with several outputs has no ONNX form here")
    product = graph.add("MatMul", numbers, graph.constant(weights))
    return graph.add("Add", product, graph.constant([np.atleast_1d(estimator.intercept_).astype(np.float64)]))


def _send_nulls_as_trained(node: onnx.NodeProto, estimator: Any) -> None:
    """Let a null take the branch that scikit-learn's forests and trees take; skl2onnx 1.20 leaves this out."""
    trees = [getattr(item, "tree_", None) for item in getattr(estimator, "estimators_", [estimator])]
    if not all(hasattr(tree, "missing_go_to_left") for tree in trees):
        return
    attributes = {item.name: item for item in node.attribute}
    places = zip(attributes["nodes_treeids"].ints, attributes["nodes_nodeids"].ints, strict=True)
    sides = [int(trees[tree].missing_go_to_left[place]) for tree, place in places]
    _replace(node, "nodes_missing_value_tracks_true", "nodes_missing_value_tracks_true", sides)


def _sum_in_doubles(node: onnx.NodeProto) -> None:
    """Let the trees compare the same float32 numbers as doubles and add their answers up in doubles.

    skl2onnx's own double form does neither take nulls nor compare as scikit-learn does.
    """
    for item in list(node.attribute):
        if item.name in _TREE_NUMBERS and item.floats:
            values = numpy_helper.from_array(np.array(item.floats, dtype=np.float64), item.name)
            _replace(node, item.name, f"{item.name}_as_tensor", values)


def _replace(node: onnx.NodeProto, old: str, new: str, value: Any) -> None:
    kept = [item for item in node.attribute if item.name != old]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(new, value)])


def _converted(step: Any, kind: Any, *, classifies: bool) -> onnx.ModelProto:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return convert_sklearn(
                step,
                initial_types=[("X", kind)],
                options={id(step): {"zipmap": False}} if classifies else None,
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except Exception as error:
        # skl2onnx raises whatever its converters meet; none of it may stop a release.
        raise NotConvertible(f"{type(step).__name__} has no ONNX form") from error
