"""A release as something that scores data frames, with the answers that its server gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.bundle.entities import Manifest, ScorerSpec
from plimsoll.bundle.layout import manifest_digest, verify_bundle
from plimsoll.bundle.scores import Scores
from plimsoll.bundle.spec import read_spec
from plimsoll.notebook.asking import Folder, advised
from plimsoll.notebook.choosing import choose_engine
from plimsoll.notebook.engines import Engine
from plimsoll.notebook.errors import NoProbabilities
from plimsoll.notebook.finding import find_bundle


def load(name: Folder, *, here: bool = False, project: Folder | None = None, keys: Folder | None = None) -> Model:
    """A release that scores data frames, from its verified bundle: `fraud@12`, `fraud@latest`, what is live in an
    environment (`production`), a release's digest, or the folder of a bundle.

    It answers what the release's server answers: by the compiled form where the release has one, else by its model, in
    this process when the packages are those of the release's lock, else in a runtime of its own, which is made once.
    here: in this process whatever the packages; a warning says what differs. keys: the folder with the `release.pub`
    that a bundle's signature is held against; the project's own unless told.
    Raises ReleaseUnknown, NothingLive, NoKeys, ForeignRuntime, bundle.tampered, bundle.bad_signature.
    """
    bundle, trusted, runtimes = find_bundle(name, project=project, keys=keys)
    manifest = verify_bundle(bundle, trusted)
    engine = choose_engine(bundle, manifest, runtimes=runtimes, here=here)
    return Model(bundle, manifest, engine)


class Model:
    """A loaded release. Takes raw rows: a pandas or polars DataFrame, or a list of records.

    Columns are found by name; others are ignored. Rows that the server would refuse are refused (`bundle.bad_rows`).
    """

    def __init__(self, bundle: Path, manifest: Manifest, engine: Engine) -> None:
        self._spec: ScorerSpec = read_spec(bundle / "scorer")
        self._manifest = manifest
        self._engine = engine
        self._digest = manifest_digest(bundle)

    @property
    def release(self) -> str:
        """Its name, such as fraud@12."""
        return self._manifest.name

    @property
    def digest(self) -> str:
        """The release's identity."""
        return self._digest

    @property
    def run(self) -> str:
        """The run that made it."""
        return self._manifest.run

    @property
    def task(self) -> str:
        """binary_classification, multiclass_classification or regression."""
        return self._spec.task

    @property
    def columns(self) -> dict[str, str]:
        """The columns that rows must have, with their types."""
        return {field.name: field.type for field in self._spec.inputs}

    @property
    def classes(self) -> tuple[Any, ...]:
        """The label's values in the order of the probabilities; empty for regression."""
        return self._spec.classes

    @property
    def threshold(self) -> float | None:
        """From which probability of the second class on it is decided for; None unless there are two classes."""
        return self._spec.threshold if self._spec.task == "binary_classification" else None

    def predict(self, rows: Any) -> Any:
        """The decision for each row, or the value for regression: a Series of the frame's library, with its index."""
        from plimsoll.notebook.frames import as_pandas, like

        frame = as_pandas(rows)
        return like(rows, frame, self._scores(frame).decision, self._spec.label)

    def predict_proba(self, rows: Any) -> Any:
        """The probability of each class for each row: a frame with a column a class. Raises NoProbabilities."""
        from plimsoll.notebook.frames import as_pandas, table_like

        if self._spec.task == "regression":
            raise advised(NoProbabilities(release=self.release))
        frame = as_pandas(rows)
        probabilities = self._scores(frame).probabilities
        assert probabilities is not None
        return table_like(rows, frame, probabilities, self._spec.classes)

    def _scores(self, frame: Any) -> Scores:
        from plimsoll.kernel.errors import PlimsollError

        try:
            return self._engine.score(frame)
        except PlimsollError as error:
            advised(error)
            raise

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} ({kind})" for name, kind in self.columns.items())
        answers = self._spec.label
        if self._spec.classes:
            answers += f" ({', '.join(map(str, self._spec.classes))})"
        return f"{self.release}: {self.task.replace('_', ' ')} of {answers} from {columns}; {self._engine.served}"

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import model_html

        values: Mapping[str, Any] = {
            "release": self.release,
            "digest": self.digest,
            "run": self.run,
            "task": self.task,
            "served": self._engine.served,
            "label": self._spec.label,
            "classes": self.classes,
            "threshold": self.threshold,
            "inputs": self._spec.inputs,
            "transform": self._spec.transform,
        }
        return model_html(**values)
