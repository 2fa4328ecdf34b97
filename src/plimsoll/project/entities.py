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


_CLOSED: dict[str, Any] = {"extra": "forbid", "alias_generator": _written}

RoleName = Literal["viewer", "developer", "approver", "operator", "admin"]

ExecutorName = Literal["local", "ray"]

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
class Reference:
    """Where every value of a column must occur: a foreign key."""

    __pydantic_config__ = _CLOSED

    dataset: str
    """The dataset that holds the values; it may be the same one."""
    column: str
    """Its column, declared there with the same type."""


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
    pattern: str | None = None
    """A regular expression (RE2) that the whole text of every value must match; for type string."""
    references: Reference | None = None
    """The column of a dataset in which every value must occur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old the newest row may be when a dataset is checked."""

    __pydantic_config__ = _CLOSED

    within: str
    """The greatest age, such as 2d; values of the future say nothing."""
    column: str | None = None
    """The column of moments or dates that is looked at; default: the dataset's `time`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """How many rows a dataset must have."""

    __pydantic_config__ = _CLOSED

    min: int | None = None
    """The fewest."""
    max: int | None = None
    """The most."""
    change: str | float | None = None
    """By how much a new version may differ from the one recorded last, up or down: 20% or 0.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A condition that every row must meet."""

    __pydantic_config__ = _CLOSED

    sql: str
    """One SQL condition over the declared columns; a row for which it is not true breaks it."""
    name: str | None = None
    """What people call it; default: the condition itself."""
    max_failing: str | float = 0
    """The share of rows that may break it: 0.1% or 0.001."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A named input of the pipeline."""

    __pydantic_config__ = _CLOSED

    path: str | None = None
    """A file, glob or folder of CSV or Parquet files: relative to the project file, or in a cloud: s3://, gs://, az://."""
    query: str | None = None
    """SQL whose result is the dataset, instead of `path`; ORDER BY makes the same rows the same version."""
    url: str | None = None
    """The database that `query` asks: postgresql://, sqlite:/// or duckdb:///; write passwords as ${NAME}."""
    time: str | None = None
    """The column that says when a row's event happened."""
    key: str | None = None
    """The column that identifies a row."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Checks by column name."""
    checks: tuple[str | RowCheck, ...] = ()
    """Conditions that every row must meet, in SQL: `amount <= credit_limit`."""
    rows: RowCount | None = None
    """How many rows there must be."""
    fresh: Freshness | None = None
    """How old the newest row may be."""
    missing: tuple[str, ...] = ()
    """Texts that stand for a missing value, such as "?"; an empty CSV field always does."""
    format: Literal["csv", "parquet"] | None = None
    """How the files are written; default: what their extension says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a step takes of the machine while it runs."""

    __pydantic_config__ = _CLOSED

    cpu: int | float = 1
    """How many of the machine's cores it counts for: fewer steps run beside it."""
    memory: str | None = None
    """The most memory that it may use, with what it starts, such as 4Gi; a step over it is stopped alone."""
    gpu: int = 0
    """How many GPUs it has to itself, named to it by CUDA_VISIBLE_DEVICES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """How one step runs; every field has a default, so most steps need no entry."""

    __pydantic_config__ = _CLOSED

    outputs: tuple[str, ...] = ()
    """Names for the parts of the tuple that the step returns; without it the output is named like the step."""
    timeout: str | None = None
    """How long it may run, such as 30m; then it is stopped and has failed."""
    retries: int = 0
    """How often it is tried again after it has failed."""
    backoff: str = "1s"
    """How long the first retry waits; each one after it waits twice as long."""
    resources: Resources = field(default_factory=Resources)
    """What it takes of the machine."""
    env: tuple[str, ...] = ()
    """Environment variables that its result depends on: another value is another result."""
    each: Mapping[str, str] = field(default_factory=dict)
    """The parameter that takes one item at a time, and the list that the items come from; the output is a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The values and options of the steps."""

    __pydantic_config__ = _CLOSED

    params: Mapping[str, Any] = field(default_factory=dict)
    """Values that steps receive by parameter name."""
    steps: Mapping[str, StepOptions] = field(default_factory=dict)
    """Options by step name."""
    executor: ExecutorName = "local"
    """Where the steps run: as processes of this machine, or on the nodes of a Ray cluster."""


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
    group: str | None = None
    """A column of the holdout whose rows belong together, such as a day or a customer: the gate draws groups, not rows."""


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
class HarmTest:
    """How much worse than the live release still counts as harmless."""

    __pydantic_config__ = _CLOSED

    ratio: float = 1.2
    """Harm is what is proven to be more than so many times the live release's; at least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What takes a candidate back at once, however far its rollout is."""

    __pydantic_config__ = _CLOSED

    alpha: float = 0.05
    """The chance to take back a harmless candidate, over the whole rollout and all tests together."""
    errors: HarmTest | None = field(default_factory=HarmTest)
    """Test the rate of errors; null does not."""
    latency_p99: HarmTest | None = field(default_factory=HarmTest)
    """Test the latency that 99 % of the requests stay below; null does not. Blue-green cannot: it compares copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """What each stage must have shown before the next one begins."""

    __pydantic_config__ = _CLOSED

    requests: int = 1000
    """How many requests the candidate must have seen in the stage."""
    max_added_errors: str | float = "0.5%"
    """How far its error rate may lie above the live release's, shown with 95 % confidence: 0.5% or 0.005."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a release takes the place of the live one."""

    __pydantic_config__ = _CLOSED

    strategy: Literal["all-at-once", "blue-green", "canary", "shadow-then-canary"] = "all-at-once"
    """How callers come to the candidate: at once; at once and judged; share by share; share by share after copies."""
    stages: tuple[int | float, ...] = (5, 25, 50)
    """The candidate's shares of the requests in percent, rising, in steps of 0.1; then it is live."""
    shadow: int | float = 100
    """Where requests are copied to the release that does not answer: of how many, in percent."""
    hold: str = "10m"
    """The shortest time that a stage lasts."""
    stage_deadline: str = "24h"
    """A stage that has not shown enough by then is inconclusive."""
    ready: str = "2m"
    """A candidate that is not ready to answer for so long is taken back."""
    warm: str = "1h"
    """How long the previous release stays loaded after its last stage, so that the way back is instant."""
    look: str = "5s"
    """The longest time between two looks at the counts."""
    stick_to: str | None = None
    """What keeps a caller with one release: a column of model.context or model.inputs, or `header:NAME`."""
    candidate_deadline: str | None = None
    """A candidate's answer that takes longer is given by the live release; null: twice that one's 99 % latency."""
    harm: Harm = field(default_factory=Harm)
    """What takes the candidate back at once."""
    enough: Enough = field(default_factory=Enough)
    """What each stage must show."""
    inconclusive: Literal["hold", "rollback"] = "hold"
    """What follows an inconclusive stage: a person is asked, or the candidate is taken back."""


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
    doors: int = 1
    """How many processes share the answering."""
    after: str | None = None
    """Another environment in which a release must have been live before it may be deployed here."""
    bake: str = "0s"
    """How long it must have been live there."""
    approvals: tuple[ApprovalRule, ...] = ()
    """Who must approve a release before it is deployed here."""
    auto_deploy: bool = False
    """Whether a release that a trigger made is deployed here by itself, as soon as `after`, `bake` and approvals allow."""
    rollout: Rollout = field(default_factory=Rollout)
    """How a release takes the place of the live one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """When a column's values, or the predictions, count as drifted from what the release was judged on."""

    __pydantic_config__ = _CLOSED

    tolerance: float = 0.1
    """The population stability index that is still no drift."""
    false_alarms: str = "1/year"
    """How often an alert may be wrong where nothing drifts, over all columns of a release: N/day, N/week, N/month, N/year."""
    calendar: Literal["auto", "none"] = "auto"
    """Whether hours are compared with like hours of the reference, as far as it covers them."""
    group: str | None = None
    """A column whose rows belong together, such as a customer: their rows are not independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How the live release is held to its holdout once labels arrive."""

    __pydantic_config__ = _CLOSED

    metric: str
    """The metric's name, such as roc_auc, accuracy, rmse."""
    label_delay: str = "7d"
    """The age at which a prediction's label counts; one without a label by then is missing."""
    tolerance: float = 0.02
    """How much worse than on the holdout is still no decay, in the metric's own unit."""
    false_alarms: str = "1/year"
    """How often an alert may be wrong where nothing decays: N/day, N/week, N/month, N/year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is measured over the captured predictions of every environment, and who is told."""

    __pydantic_config__ = _CLOSED

    window: str = "1h"
    """How long a window is; drift is judged after each, after each day and after each week."""
    drift: Drift | None = field(default_factory=Drift)
    """Drift of columns and predictions; null does not look."""
    quality: Quality | None = None
    """The metric on labels; without it, it is not held to anything."""
    notify: tuple[str, ...] = ()
    """Whom to tell of alerts, as Apprise URLs such as mailto:// or slack://; take secrets from ${NAME}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainLimits:
    """How often triggers may start a run."""

    __pydantic_config__ = _CLOSED

    cooldown: str = "6h"
    """The least time between the ends of one triggered run and the beginning of the next."""
    per_day: int = 4
    """The most triggered runs within 24 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRule:
    """A trigger: one of `schedule` and `on`; or the limits of all."""

    __pydantic_config__ = _CLOSED

    schedule: str | None = None
    """When to run, as five cron fields in UTC, such as "0 3 * * 1"."""
    on: Literal["drift", "decay", "new_data"] | None = None
    """What starts a run: an alert of drift or of decay, or a new version of a dataset."""
    dataset: str | None = None
    """The dataset whose new version starts a run."""
    environment: str | None = None
    """Whose alerts count, and whose live release's code runs; default: the last environment."""
    ref: str | None = None
    """A branch, tag or commit whose code runs instead of the live release's."""
    limits: RetrainLimits | None = None
    """How often triggers may start a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """What `plimsoll sweep` tries: which parameters, how, and by which logged metric trials are ranked."""

    __pydantic_config__ = _CLOSED

    maximize: str | None = None
    """The logged metric that should be high; one of maximize and minimize."""
    minimize: str | None = None
    """The logged metric that should be low."""
    step: str | None = None
    """The step that logs it, where several steps log a metric of that name."""
    take: Literal["last", "best"] = "last"
    """The value of a curve that counts: its last, or its best."""
    method: Literal["grid", "random", "optuna"] = "grid"
    """How values are found: every combination, drawn at random, or proposed by Optuna."""
    trials: int | None = None
    """How many trials; null: every combination of a grid, else 20."""
    seed: int = 0
    """What random and Optuna draw from: the same seed, the same trials."""
    jobs: int = 1
    """How many trials run at the same time."""
    max_failures: int = 5
    """How many trials may fail before the sweep ends."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameter -> a list of values, or one of {uniform: [a, b]}, {log: [a, b]}, {int: [a, b]}, {log_int: [a, b]}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlflow:
    """Where MLflow keeps what steps log by its calls, and where releases appear as versions of a registered model."""

    __pydantic_config__ = _CLOSED

    tracking_uri: str | None = None
    """Its server, or its folder as file:///…; default: MLFLOW_TRACKING_URI where it is set, else a folder in the state."""
    experiment: str | None = None
    """The experiment that takes the runs; default: the project's name."""
    champion: str | None = None
    """The environment whose live release has the alias `champion`; default: the last environment."""


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
    monitor: Monitor = field(default_factory=Monitor)
    """What is measured once a release is live."""
    retrain: tuple[RetrainRule, ...] = ()
    """What starts a run by itself."""
    sweep: SweepSettings | None = None
    """What `plimsoll sweep` tries when it is told nothing else."""
    mlflow: Mlflow | None = None
    """MLflow beside the ledger; without it nothing of MLflow is used."""
