"""A compiled release inside the door: onnxruntime over one input per column, on one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from plimsoll.bundle.entities import ScorerSpec


class CompiledModel:
    """The ONNX form of a scorer."""

    def __init__(self, folder: Path, spec: ScorerSpec) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(folder / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._missing = json.loads((folder / "compiled.json").read_bytes())["missing_string"]
        given = {item.name for item in self._session.get_inputs()}
        self._columns = tuple((field.name, field.type == "string") for field in spec.inputs if field.name in given)

    def output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[Any]:
        """The model's raw output, shape (rows, classes) or, for regression, (rows, 1). Raises what onnxruntime does."""
        feeds = {
            name: self._texts(columns[name], rows) if is_text else _numbers(columns[name], rows)
            for name, is_text in self._columns
        }
        scores: NDArray[Any] = self._session.run(["scores"], feeds)[0]
        return scores

    def _texts(self, values: list[Any], rows: int) -> NDArray[Any]:
        column = np.empty((rows, 1), dtype=object)
        column[:, 0] = [self._missing if value is None else value for value in values]
        return column


def _numbers(values: list[Any], rows: int) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64).reshape(rows, 1)  # None becomes NaN
