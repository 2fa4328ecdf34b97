"""What deployments and rollouts are asked, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plimsoll.rollout.entities import State
from plimsoll.rollout.rollouts import Strategy
from plimsoll.rollout.standing import Standing

OrderName = Literal["pause", "resume", "promote", "abort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A release to roll out in an environment."""

    release: str
    environment: str
    strategy: Strategy | None = None
    """None: the environment's own."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """An environment to take back to the release that was live before, or to an earlier one by name."""

    environment: str
    release: str = ""
    """Empty: the one that was live before."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """An environment that shall run nothing."""

    environment: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a person orders of the rollout under way in an environment."""

    environment: str
    order: OrderName
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentName:
    """One environment of the project."""

    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutName:
    """A rollout of an environment: the latest, or one by its id."""

    environment: str
    rollout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A rollout's report, as text for a terminal or as a page of its own."""

    environment: str
    rollout: str = ""
    format: Literal["text", "html"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report as one text."""

    rollout: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotView:
    """One chart of a rollout: what it shows in words, and the drawing as an XML element for a page."""

    heading: str
    remark: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """Why requests failed on the candidate, and how often."""

    times: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlots:
    """A rollout's evidence over time, from its recorded decisions."""

    rollout: str
    plots: tuple[PlotView, ...]
    failures: tuple[FailureView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestView:
    """Where one test stands."""

    measure: str
    e_value: float
    wanted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """One change in the course of a rollout."""

    at: str
    rule: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """One arm's counts in the present stage, and what the stage must show."""

    number: int
    of: int
    candidate_pct: float
    shadow_pct: float
    requests: int
    wanted: int
    added_errors: float
    """Upper bound of the candidate's error rate above the champion's."""
    allowed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """A rollout as it stands."""

    id: str
    environment: str
    candidate: str
    champion: str
    strategy: Strategy
    standing: Standing
    sentence: str
    """What the last look concluded, for people."""
    shares: tuple[float, ...]
    """The candidate's share in each stage, in percent; empty without stages."""
    candidate_pct: float
    """Its share of the answers now."""
    stage: StageView | None
    tests: tuple[TestView, ...]
    """Empty where nothing is judged: no stage, or no look yet."""
    touched: int
    """Requests given to the candidate."""
    erred: int
    """Units of those that met an error or a missed deadline."""
    noticed: int
    """Callers who got an error because of the candidate."""
    fallback_p99_s: float | None
    started_by: str
    started_at: str
    ended_at: str
    """Empty while it is under way."""
    looked_at: str
    orders: int
    """Orders that are not taken yet."""
    turns: tuple[TurnView, ...] = ()
    """What changed, oldest first; only where one rollout is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutBrief:
    """A rollout in one line."""

    id: str
    candidate: str
    standing: Standing
    sentence: str
    candidate_pct: float
    ended_at: str
    orders: int
    """Orders that are not taken yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentView:
    """A deployment together with what its target observes now."""

    project: str
    environment: str
    target: str
    release: str
    digest: str
    state: State
    address: str
    """`http://host:port`, empty before the first start."""
    problem: str
    changed_by: str
    changed_at: str
    processes: tuple[tuple[str, int], ...] = ()
    """Role and pid of each process, where the target has processes."""
    rollout: RolloutBrief | None = None
    """The latest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What deploying a release would do."""

    release: str
    environment: str
    champion: str
    strategy: Strategy
    refusals: tuple[str, ...]
    """Why it would be refused now, as `code: text`; empty when it would begin."""
    steps: tuple[str, ...]
    """What would be done, in order."""
    forecast: str
    """How long each stage would need to find which harm, as text; empty without stages."""
