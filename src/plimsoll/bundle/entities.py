"""The nouns of a bundle: the fields of a request, what a scorer is made of, and the release's own page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Task = Literal["binary_classification", "multiclass_classification", "regression"]
FieldType = Literal["int", "float", "string", "bool", "timestamp", "date"]
"""Frame dtypes: int64 (float64 in a frame where nulls occur), float64, str, bool (object when nullable), datetime64[us]
for both timestamp and date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of raw rows."""

    name: str
    type: FieldType
    nullable: bool = True
    """Whether it may be null: the holdout had nulls, or the scorer answered a row in which it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """`scorer.json`: everything that turns raw rows into predictions, apart from the bytes of code and model."""

    task: Task
    label: str
    classes: tuple[Any, ...]
    """Label values in the order of the model's probabilities; empty for regression."""
    threshold: float
    inputs: tuple[Field, ...]
    """What a request must carry."""
    context: tuple[Field, ...]
    """What a request may carry; never given to the model."""
    transform: tuple[str, ...]
    """Step functions applied to raw rows, in order."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Values that transform steps receive by parameter name."""
    code: str = ""
    """The project's `code` entry, relative to the bundle's `code/` folder; empty when neither a transform nor the model needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`release.json`: the page whose digest is the release's identity; it names every file by its digest."""

    project: str
    number: int
    files: Mapping[str, str]
    """Path in the bundle -> SHA-256; every file but release.json and signature.json."""
    run: str
    commit: str
    authors: tuple[str, ...]
    dirty: tuple[str, ...]
    data: Mapping[str, str]
    lock_digest: str
    verdict: str
    created_by: str
    created_at: str
    compiled: str | None
    """`onnx` when `compiled/` holds a faithful ONNX form of the scorer, else None."""

    @property
    def name(self) -> str:
        return f"{self.project}@{self.number}"
