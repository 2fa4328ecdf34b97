"""What scores a loaded release: its compiled form as in the door, its model here, or its model in its own runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.columns import cast_rows
from plimsoll.bundle.errors import BadModel
from plimsoll.bundle.score import score_rows
from plimsoll.bundle.scorer import load_scorer
from plimsoll.bundle.scores import Scores, decide
from plimsoll.bundle.spec import read_spec

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 10_000


class Engine(Protocol):
    """Scores raw rows in their order."""

    served: str
    """How, in words."""

    def score(self, rows: pd.DataFrame) -> Scores: ...


class Compiled:
    """The compiled form of a release, run by the code of the door: the same doubles, so the same answers."""

    served = "answers by its compiled form, as the door does"

    def __init__(self, bundle: Path) -> None:
        from plimsoll.serving.compiled import CompiledModel

        self._spec = read_spec(bundle / "scorer")
        self._model = CompiledModel(bundle / "compiled", self._spec)

    def score(self, rows: pd.DataFrame) -> Scores:
        frame = cast_rows(rows, self._spec.inputs)
        parts = [self._part(frame.iloc[start : start + _CHUNK]) for start in range(0, len(frame), _CHUNK)]
        output = np.concatenate(parts) if parts else np.empty((0, len(self._spec.classes) or 1))
        if not np.isfinite(output).all():
            raise BadModel(
                model="the compiled form", task=self._spec.task, problem="it answered NaN or infinity", cure=""
            )
        return decide(self._spec, output)

    def _part(self, frame: pd.DataFrame) -> NDArray[Any]:
        columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
        return self._model.output(columns, len(frame))


class Here:
    """The release's model, loaded into this process; its code is seen by itself alone."""

    served = "answers by its model, in this process"

    def __init__(self, bundle: Path) -> None:
        self._scorer = load_scorer(bundle / "scorer", alone=True)

    def score(self, rows: pd.DataFrame) -> Scores:
        return self._scorer.score(rows)


class Elsewhere:
    """The release's model in a process of its own at each call, in a runtime with exactly the packages of its lock."""

    served = "answers by its model, in a runtime of its own"

    def __init__(self, bundle: Path, python: str) -> None:
        self._scorer = bundle / "scorer"
        self._spec = read_spec(self._scorer)
        self._python = python

    def score(self, rows: pd.DataFrame) -> Scores:
        from plimsoll.pipeline.codecs.codec import VALUE_TABLE
        from plimsoll.pipeline.codecs.frames import write_table

        frame = cast_rows(rows, self._spec.inputs)
        with tempfile.TemporaryDirectory(prefix="plimsoll-rows-") as scratch:
            write_table(frame, Path(scratch))
            return score_rows(self._scorer, Path(scratch) / VALUE_TABLE, python=self._python)
