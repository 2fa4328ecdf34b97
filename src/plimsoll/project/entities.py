"""The nouns of a project file. One frozen type for each; the loader validates straight into them.

A trailing underscore keeps a Python keyword usable as a field: `in_`, `from_` and `not_` are `in`, `from` and
`not` in the file. The text below a field is its description in the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from plimsoll.bundle.entities import FieldType, Task


def _written(name: str) -> str:
    return name.rstrip("_")


_CLOSED: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True, "alias_generator": _written}

RoleName = Literal["viewer", "developer", "approver", "operator", "admin"]

METRICS: Mapping[Task, tuple[str, ...]] = {
    "binary_classification": (
        "roc_auc",
        "average_precision",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "log_loss",
        "brier",
    ),
    "multiclass_classification": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
"""What gates can measure, by what the model predicts."""

UNBOUNDED_METRICS = ("log_loss", "rmse", "mae", "r2")
"""The metrics whose values may leave the range from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What must hold for one column of a dataset; checked before any step runs."""

    __pydantic_config__ = _CLOSED

    type: FieldType
    """The type every non-null value must have."""
    nullable: bool = True
    """Whether the column may hold nulls."""
    unique: bool = False
    """Whether no value may occur twice."""
    min: float | None = None
    """The smallest allowed value."""
    max: float | None = None
    """The largest allowed value."""
    in_: tuple[str | int | float | bool, ...] | None = None
    """The allowed values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A named input of the pipeline."""

    __pydantic_config__ = _CLOSED

    path: str
    """A file, glob or folder of CSV or Parquet files, relative to the project file."""
    time: str | None = None
    """The column that says when a row's event happened."""
    key: str | None = None
    """The column that identifies a row."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Checks by column name."""
    missing: tuple[str, ...] = ()
    """Texts that stand for a missing value, such as "?"; an empty CSV field always does."""
    format: Literal["csv", "parquet"] | None = None
    """How the files are written; default: what their extension says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """How one step runs; every field has a default, so most steps need no entry."""

    __pydantic_config__ = _CLOSED

    outputs: tuple[str, ...] = ()
    """Names for the parts of the tuple that the step returns; without it the output is named like the step."""
    timeout: str | None = None
    """How long it may run, such as 30m; then it is stopped and the run fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The values and options of the steps."""

    __pydantic_config__ = _CLOSED

    params: Mapping[str, Any] = field(default_factory=dict)
    """Values that steps receive by parameter name."""
    steps: Mapping[str, StepOptions] = field(default_factory=dict)
    """Options by step name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is released: which step makes the model, and how raw rows become its input."""

    __pydantic_config__ = _CLOSED

    from_: str
    """The step that returns the model."""
    transform: tuple[str, ...] = ()
    """Row-wise steps that the scorer applies to raw rows, in this order, before the model."""
    task: Task
    """What the model predicts."""
    label: str
    """The column that holds the truth."""
    inputs: tuple[str, ...] = ()
    """Raw columns that a request carries; default: the holdout's columns without label, context and key, and without
    transform steps only those that the model was trained on."""
    context: tuple[str, ...] = ()
    """Columns sent with a request but never given to the model: for routing, slices, fairness."""
    holdout: str
    """The output (or dataset) that holds raw rows plus label, never used in training."""
    slices: tuple[str, ...] = ()
    """Columns, or SQL conditions over the holdout's columns, that name the groups to look at."""
    threshold: float = 0.5
    """Binary classification: the score from which a row is decided positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One measured rule that a candidate must pass before it can be released."""

    __pydantic_config__ = _CLOSED

    metric: str
    """The metric's name, such as roc_auc, recall, log_loss, rmse."""
    min: float | None = None
    """The value that the metric must reach."""
    max: float | None = None
    """The value that the metric must not exceed."""
    on: Literal["bound", "value"] = "bound"
    """Hold min and max against the 95 % confidence bound, or against the bare value."""
    against: str | None = None
    """The environment whose champion is compared with; a stated baseline when it has none."""
    margin: float | None = None
    """How much worse than the champion still counts as not inferior, in the metric's own unit."""
    slices: Literal["all"] | tuple[str, ...] = ()
    """Compare within these slices (`all`: every slice of `model.slices`) instead of overall."""
    min_rows: int = 100
    """Slices with fewer rows that the metric stands on (roc_auc: of the rarer class) are reported and do not block."""
    required: bool = False
    """Whether slices with fewer than min_rows rows block as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who must say yes before a release may live in an environment."""

    __pydantic_config__ = _CLOSED

    role: RoleName = "approver"
    """The role that counts."""
    count: int = 1
    """How many different people."""
    not_: Literal["author"] | None = "author"
    """Who does not count: `author` means whoever wrote the code, ran the pipeline or made the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a release can live, with its own policy."""

    __pydantic_config__ = _CLOSED

    target: Literal["process"] = "process"
    """What carries the deployment."""
    host: str = "127.0.0.1"
    """The address its door listens on."""
    port: int = 0
    """The port its door listens on; 0 takes a free one at the first deployment and keeps it."""
    approvals: tuple[ApprovalRule, ...] = ()
    """Who must approve a release before it is deployed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole `plimsoll.yaml`, validated, with every default filled in."""

    __pydantic_config__ = _CLOSED

    project: str
    """The project's name: lower-case letters, digits and dashes."""
    code: str
    """The Python file or package folder that holds the step functions."""
    data: Mapping[str, Dataset] = field(default_factory=dict)
    """The inputs, by name."""
    pipeline: Pipeline = field(default_factory=Pipeline)
    """Parameters and step options."""
    model: Model | None = None
    """What is released; without it the project runs but has nothing to release."""
    gates: tuple[Gate, ...] = ()
    """The rules a candidate must pass."""
    environments: Mapping[str, Environment] = field(default_factory=dict)
    """Where releases can live, by name."""
