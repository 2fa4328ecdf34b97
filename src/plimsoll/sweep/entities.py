"""The nouns of sweeping: what is tried, a sweep, its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Direction = Literal["maximize", "minimize"]
Method = Literal["grid", "random", "optuna"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of these values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number between two, ends included."""

    low: float
    high: float
    log: bool
    """Whether magnitudes are alike likely, not numbers."""
    whole: bool


Dimension = Choice | Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep tries, complete: together with the trials that have ended it decides every next one."""

    metric: str
    direction: Direction
    step: str = ""
    """The step that logs the metric; empty where only one does."""
    take: Literal["last", "best"] = "last"
    method: Method = "grid"
    trials: int
    seed: int = 0
    jobs: int = 1
    max_failures: int = 5
    params: Mapping[str, Any]
    """Parameter -> a list, or one range as a mapping, as the project file says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all trials have in common, so that they can be compared; digests."""

    code: str
    data: Mapping[str, str]
    """Dataset -> data version."""
    lock: str
    rest: str
    """The declared environment variables, outputs and settings of the steps."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The values of the parameters that are not tried."""


class TrialState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


ENDED = (TrialState.DONE, TrialState.FAILED, TrialState.CANCELLED)
"""A trial in one of these is not done again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of a sweep. `number` counts from 0 and decides, with the plan, the parameters."""

    number: int
    params: Mapping[str, Any]
    """Those that are tried."""
    run: str
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    """Of the metric; None unless the trial is done."""
    seconds: float = 0.0
    error: str = ""


class SweepState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A search over parameters, and what has come of it so far."""

    id: str
    project: str
    state: SweepState
    created_by: str
    started_at: str
    ended_at: str | None = None
    plan: Plan
    ground: Ground
    trials: tuple[Trial, ...] = ()
    """By number."""
    error: str = ""
