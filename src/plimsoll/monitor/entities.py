"""The nouns of monitoring that other areas see: an alert, from its opening to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """What one release answered in one window, in one role."""

    digest: str
    role: str
    begin: str
    end: str
    rows: int
    failed: int
    """Rows of requests that the model failed on."""
    columns: Mapping[str, ColumnCounts]
    """By column, the predictions' own among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """One column of one window on the reference's bins."""

    counts: tuple[int, ...]
    """Rows a bin, in the order of the reference profile's."""
    missing: int = 0
    new: int = 0
    """Rows with a category that the reference never had."""
    outside: int = 0
    """Rows below or above everything in the reference."""


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
