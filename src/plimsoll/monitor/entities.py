"""The nouns of monitoring that other areas see: an alert, from its opening to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plimsoll.data.entities import WindowCounts


class Concern(StrEnum):
    """What an alert is about."""

    COLUMN = "column"
    """A column's values: missing, of a new category, out of range."""
    DRIFT = "drift"
    """A column's distribution."""
    PREDICTION_DRIFT = "prediction drift"
    """The distribution of scores or decisions."""
    DECAY = "decay"
    """The metric on matured labels."""


class Span(StrEnum):
    """Over how much time something is judged."""

    WINDOW = "window"
    DAY = "day"
    WEEK = "week"


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A finding that lasts: opened once, seen again while it holds, resolved by itself or by a person."""

    id: str
    project: str
    environment: str
    release: str
    digest: str
    """The release's digest."""
    concern: Concern
    subject: str
    """The column or the metric."""
    state: AlertState
    sentence: str
    """What was last seen, for people."""
    evidence: Mapping[str, Any]
    """The figures behind the sentence, JSON-ready."""
    opened_at: str
    seen_at: str
    """The end of the last window or span that showed it."""
    times: int
    """How many windows or spans showed it."""
    span: Span
    """The span that showed it last: so much has to be clean for it to end."""
    clear: int = 0
    """How many of its spans have not shown it since."""
    acknowledged_by: str = ""
    acknowledged_at: str = ""
    resolved_by: str = ""
    """Who ended it; `plimsoll:monitor` when it was no longer seen."""
    resolved_at: str = ""
    why: str = ""
    """What the person who acknowledged or resolved it gave as the reason."""

    @property
    def brief(self) -> str:
        """What it is about in a few words: `drift of amount (median 36 -> 66)`."""
        moved = self.evidence.get("moved")
        return f"{self.concern} of {self.subject}{f' ({moved})' if moved else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one release answered in one window, in one role, on the bins of its reference."""

    digest: str
    role: str
    begin: str
    end: str
    failed: int
    """Rows of requests that the model failed on; they are among the counts."""
    counts: WindowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How a release did on one day's predictions, once their labels are due."""

    begin: str
    rows: int
    """Rows that were answered."""
    labelled: int
    """Of those, rows whose label is known."""
    value: float | None
    """The metric; None where the day's labels do not define it."""
    evidence: float
    """The detector's e-value after this day; it alarms at its limit."""
    outcomes: Mapping[str, Outcome]
    """Business figures by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One business figure of a day."""

    rows: int
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Somebody is to be told that an alert was opened or resolved."""

    alert: Alert
    event: str
    """The state that the alert came to."""
    tries: int = 0
    left_over: tuple[str, ...] = ()
    """Digests of the addresses that could not be reached; empty before the first try: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRule:
    """How the columns of one span are judged."""

    span: str
    """`window`, `day` or `week`; `all` for rows without a time."""
    alpha: float
    """The chance that a judgement of all columns finds any, when none has drifted."""
    tolerance: float = 0.1
    """The population stability index that is still no drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How the share of one bin differs from what was expected."""

    bin: int
    """Its number in the profile's counts."""
    expected: float
    actual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnJudgement:
    """Whether a column's rows in a span are still distributed as those of the reference."""

    column: str
    drifted: bool
    judged: bool
    """False where there are too few rows to tell; every figure but the rows is then 0."""
    rows: int
    reference_rows: float
    """How many rows what was expected is worth: fewer where the span's phases were seldom seen."""
    psi: float
    """The population stability index against what the span's phases expect; rare bins as one."""
    likelihood: float
    """The likelihood ratio statistic in the same unit. The smaller of the two is judged: see docs/monitoring.md."""
    critical: float
    """What the smaller one must exceed."""
    p: float
    """The chance of so much, or more, where the true index is the tolerance; 1 for a column that was not judged."""
    alpha: float
    """The threshold of p, after the correction for the number of columns."""
    spread: float
    """By how much more than chance the reference says that a span of so many rows varies; at least 1."""
    moves: tuple[Move, ...]
    """The bins that moved, the largest part of the index first."""

    @property
    def effect(self) -> float:
        """What was held against the critical value."""
        return min(self.psi, self.likelihood)
