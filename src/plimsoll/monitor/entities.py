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
    acknowledged_by: str = ""
    acknowledged_at: str = ""
    resolved_by: str = ""
    """Who ended it; `plimsoll:monitor` when it was no longer seen."""
    resolved_at: str = ""
    why: str = ""
    """What the person who acknowledged or resolved it gave as the reason."""
