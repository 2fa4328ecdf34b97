"""What monitoring's operations are asked with, and the views that they answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Interval

from plimsoll.capture.labels import LabelValue


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelItem:
    """What became known of one row of a prediction."""

    prediction: str
    """The id that the answer carried."""
    row: int = 0
    """Which row of the request, from 0."""
    label: LabelValue | None = None
    """The truth; none when only outcomes became known."""
    outcomes: Mapping[str, float] = field(default_factory=dict)
    """Business figures by name, such as revenue."""
    at: str = ""
    """When it became true, as ISO 8601; empty: now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsRequest:
    """Labels and outcomes of predictions of one environment."""

    environment: str
    labels: tuple[LabelItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsTaken:
    """How many labels are written down, durably."""

    environment: str
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsRequest:
    """Which alerts to list, the latest first."""

    environment: str = ""
    """Empty: every environment."""
    state: Literal["", "open", "acknowledged", "resolved", "all"] = ""
    """Empty: those that are not resolved."""
    limit: Annotated[int, Interval(ge=1, le=1000)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAnswer:
    """What a person says about an alert."""

    alert: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertName:
    """An alert by its id."""

    alert: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRequest:
    """An environment to look at, and how far back."""

    environment: str
    release: str = ""
    """Empty: the live one."""
    windows: Annotated[int, Interval(ge=1, le=2000)] = 168
    """How many of the latest windows."""
