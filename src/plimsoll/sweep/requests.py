"""What is asked about sweeps, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

from plimsoll.sweep.entities import Sweep, SweepState, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """Begin a sweep. What is None is as the project file has it, and else as its defaults are."""

    maximize: str | None = None
    minimize: str | None = None
    step: str | None = None
    take: Literal["last", "best"] | None = None
    method: Literal["grid", "random", "optuna"] | None = None
    trials: int | None = None
    seed: int | None = None
    jobs: int | None = None
    max_failures: int | None = None
    params: Mapping[str, Any] | None = None
    """In place of all that the project file tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepName:
    """A sweep's id; `latest` is the one that began last."""

    sweep: str = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepListing:
    limit: Annotated[int, Interval(ge=1, le=1000)] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTally:
    """How often a step ran in a sweep's trials, and how often it was cached."""

    step: str
    ran: int
    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """A sweep with its trials in the order of their ranks."""

    sweep: Sweep
    ranking: tuple[int, ...]
    """Numbers of the trials that are done, best first."""
    best: Trial | None
    steps: tuple[StepTally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """A line of the list of sweeps."""

    id: str
    state: SweepState
    started_at: str
    created_by: str
    goal: str
    """`maximize roc_auc`."""
    method: str
    trials: int
    done: int
    failed: int
    best: float | None
