"""A small builder of ONNX graphs in double precision, and tables: the columns on their way through the graph.

Numbers stay doubles until a model takes them; words (strings) stay one column a tensor, because ONNX compares them
only. A missing number is NaN, a missing word is the text MISSING. What cannot be said in ONNX raises NotConvertible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
ML_OPSET = 3
IR_VERSION = 10
MISSING = "\u001amissing\u001a"
"""Stands for a missing string: a control character that no request's text holds."""


class NotConvertible(Exception):
    """Something in the model has no ONNX form; the text says what."""


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring columns in one tensor of shape (rows, width). Words have width 1."""

    tensor: str
    width: int
    words: bool


Table = tuple[Part, ...]


def width_of(table: Table) -> int:
    """How many columns the table has."""
    return sum(part.width for part in table)


class GraphBuilder:
    """Collects nodes and constants; every method that adds a node answers the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._names = 0

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        output = self._name(operator)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, domain=domain, **attributes))
        return output

    def constant(self, values: Any) -> str:
        """Add a constant: an array of doubles, or of strings."""
        name = self._name("constant")
        array = np.asarray(values)
        if array.dtype.kind in "UO":
            texts = [str(value).encode() for value in array.ravel()]
            self.constants.append(helper.make_tensor(name, TensorProto.STRING, array.shape, texts))
        elif array.dtype.kind in "iu" and array.ndim == 1:
            self.constants.append(numpy_helper.from_array(array.astype(np.int64), name))
        else:
            self.constants.append(numpy_helper.from_array(array.astype(np.float64), name))
        return name

    def cast(self, tensor: str, kind: int) -> str:
        """Cast to a type of TensorProto."""
        return self.add("Cast", tensor, to=kind)

    def concat(self, tensors: Sequence[str]) -> str:
        """Columns side by side; one tensor stays as it is."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def numbers(self, table: Table, *, for_: str) -> str:
        """The table as one tensor of doubles. Raises NotConvertible when there are words in it."""
        if any(part.words for part in table):
            raise NotConvertible(f"{for_} is given text columns")
        if not table:
            raise NotConvertible(f"{for_} is given no columns")
        return self.concat([part.tensor for part in table])

    def take(self, table: Table, positions: Iterable[int]) -> Table:
        """The columns at these positions, in this order."""
        starts = np.cumsum([0, *(part.width for part in table)])
        taken: list[Part] = []
        for position in positions:
            index = int(np.searchsorted(starts, position, side="right")) - 1
            part = table[index]
            if part.width > 1:
                within = self.constant(np.array([position - starts[index]]))
                part = Part(self.add("Gather", part.tensor, within, axis=1), 1, words=False)
            taken.append(part)
        return tuple(taken)

    def embed(self, model: onnx.ModelProto, tensor: str, *, output: str) -> str:
        """Put another graph in, fed by a tensor; answers the name of the output asked for."""
        prefix = f"{self._name('model')}_"
        graph = onnx.compose.add_prefix(model, prefix).graph
        self.nodes.append(helper.make_node("Identity", [tensor], [graph.input[0].name], name=f"{prefix}input"))
        self.nodes.extend(graph.node)
        self.constants.extend(graph.initializer)
        return prefix + output

    def finish(self, inputs: Sequence[tuple[str, bool]], scores: str, *, kind: int, width: int) -> onnx.ModelProto:
        """The whole model: an input (name, whether words) for each field, and the output `scores`.

        Raises NotConvertible when ONNX's own checker refuses it.
        """
        self.nodes.append(helper.make_node("Identity", [scores], ["scores"], name="scores_output"))
        declared = [
            helper.make_tensor_value_info(name, TensorProto.STRING if words else TensorProto.DOUBLE, [None, 1])
            for name, words in inputs
        ]
        answer = helper.make_tensor_value_info("scores", kind, [None, width])
        graph = helper.make_graph(self.nodes, "scorer", declared, [answer], self.constants)
        domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=domains, producer_name="plimsoll", ir_version=IR_VERSION)
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            raise NotConvertible(f"the graph is not valid: {str(error).splitlines()[0]}") from error
        return model

    def _name(self, stem: str) -> str:
        self._names += 1
        return f"p{self._names}_{stem}"
