"""A compiled release inside the door: onnxruntime over one input per column, on one thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.entities import ScorerSpec


class CompiledModel:
    """The ONNX form of a scorer. Making one imports onnxruntime, which doors of other releases do without."""

    def __init__(self, folder: Path, spec: ScorerSpec) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(folder / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._missing = json.loads((folder / "compiled.json").read_bytes())["missing_string"]
        given = {item.name for item in self._session.get_inputs()}
        self._numbers = tuple(field.name for field in spec.inputs if field.name in given and field.type != "string")
        self._strings = tuple(field.name for field in spec.inputs if field.name in given and field.type == "string")

    def output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[Any]:
        """The model's raw output, shape (rows, classes) or, for regression, (rows, 1). Raises what onnxruntime does."""
        numbers = np.array([columns[name] for name in self._numbers], dtype=np.float64)  # None becomes NaN
        feeds: dict[str, NDArray[Any]] = dict(zip(self._numbers, numbers.reshape(-1, rows, 1), strict=True))
        for name in self._strings:
            feeds[name] = self._texts(columns[name], rows)
        scores: NDArray[Any] = self._session.run(["scores"], feeds)[0]
        return scores

    def _texts(self, values: list[Any], rows: int) -> NDArray[Any]:
        column = np.empty((rows, 1), dtype=object)
        column[:, 0] = [self._missing if value is None else value for value in values]
        return column
