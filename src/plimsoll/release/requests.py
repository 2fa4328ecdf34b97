"""What release's operations are asked with, and the reports that they answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Interval

from plimsoll.gates.entities import Verdict
from plimsoll.pipeline.entities import LogPiece, Run, RunState, StepOutcome
from plimsoll.project.entities import ExecutorName


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """How a run or a plan differs from what the project file and earlier runs would have it."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """Values that replace those of the project file, for this run."""
    rehash: bool = False
    """Read every file and object again, also those that look unchanged."""
    executor: ExecutorName | None = None
    """Where the steps run, instead of what the project file says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run together with its verdict (None when the project has no gates)."""

    run: Run
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of the list of runs."""

    run: Run
    finding: str | None
    release: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunName:
    """A run's id; `latest` is the project's latest."""

    run: str = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How many to list, latest first."""

    limit: Annotated[int, Interval(ge=1, le=1000)] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """Which run to release, and whether code that no commit holds is allowed (and recorded)."""

    run: str = "latest"
    allow_dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseName:
    """A release's name, such as `fraud@3`, or its digest."""

    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceRequest:
    """Which release's model to make again, and how far to go."""

    release: str
    seeds: Annotated[int, Interval(ge=0, le=100)] = 5
    """Runs with other seeds, made when neither the model nor its predictions are the same; 0 or 1: none."""
    here: bool = False
    """Run in the packages of this installation instead of the release's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphStep:
    """One step of a run as its graph shows it."""

    name: str
    needs: tuple[str, ...]
    """The steps whose outputs it is given."""
    data: tuple[str, ...]
    """The datasets that it is given."""
    state: Literal["cached", "done", "failed", "skipped", "ready", "waiting"]
    """ready: nothing that it needs is missing, so it runs or is next. waiting: something is, or nothing more will run."""
    outcome: StepOutcome | None
    """None until it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGraph:
    """A run's steps in an order in which each comes after what it needs."""

    run: str
    steps: tuple[GraphStep, ...]
    problem: str
    """Why what they need is not known: the code of that time cannot be read any more. Empty when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLogRequest:
    """The end of what one step of a run printed."""

    run: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """The last lines of a step's log; empty when it printed nothing, or on another machine."""

    run: str
    step: str
    text: str
    cut: bool
    """Whether more stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsRequest:
    """What steps of a run printed, from where it was read before; `latest` is the run that began last."""

    run: str = "latest"
    step: str = ""
    """Empty: every step."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """Step -> bytes of its log that were read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLogs:
    """The next pieces of a run's logs; none when there is nothing more yet."""

    run: str
    state: RunState
    """As it was before the logs were read: no pieces of a run that has ended means that nothing more comes."""
    pieces: tuple[LogPiece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUsesRequest:
    """Which dataset's versions; every one's when none is named."""

    dataset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataName:
    """A dataset, or one version of it as `dataset@` and the beginning of its digest; the newest without one."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A yes to one release in one environment."""

    release: str
    environment: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRequest:
    """One's own yes to one release in one environment, taken back."""

    release: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """A prediction id, a release or a run."""

    subject: str
