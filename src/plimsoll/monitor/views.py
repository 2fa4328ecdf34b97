"""What is seen of a release at one moment, as people and pages are shown it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.monitor.entities import Alert, Day


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowView:
    """One window of a release, in one role."""

    begin: str
    end: str
    role: str
    rows: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BinView:
    """One bin of a column: what its rows have in common, and their share in the reference and lately."""

    name: str
    expected: float
    actual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanView:
    """How a column was found to be over its latest span of one length."""

    span: str
    end: str
    judged: bool
    """False where there were too few rows."""
    drifted: bool
    rows: int
    psi: float
    critical: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """A column's effect at one moment, for a plot; of the span that is judged most often."""

    end: str
    psi: float
    critical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnView:
    """One column, or what was predicted, as it is lately."""

    name: str
    kind: str
    predicted: bool
    """Whether it is a prediction's own: score, decision, confidence."""
    missing: float
    """Share of rows without a value, over the latest day of windows."""
    missing_in_reference: float
    new: float
    """Share of rows with a category that the reference never had."""
    out_of_range: float
    spans: tuple[SpanView, ...]
    worst: SpanView | None
    """Of those that are judged, one that drifted if any did, and the furthest from its critical value."""
    bins: tuple[BinView, ...]
    """Over the latest day of windows."""
    course: tuple[PointView, ...]
    """Window by window, oldest first."""
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityView:
    """The metric that the release is held to."""

    metric: str
    holdout: float | None
    tolerance: float
    alarm_at: float
    label_delay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorView:
    """An environment's release as it is watched."""

    environment: str
    release: str
    digest: str
    measured_until: str
    """The end of the latest window; empty before the first."""
    window: str
    windows: tuple[WindowView, ...]
    """The latest, oldest first."""
    columns: tuple[ColumnView, ...]
    """Those that have drifted first, then by effect; empty where the release has no reference."""
    days: tuple[Day, ...]
    """Days whose labels were due, oldest first."""
    quality: QualityView | None
    alerts: tuple[Alert, ...]
    """Those that are not resolved."""
    note: str
    """Why there is nothing to see, or less than there could be; empty when all is there."""
    outcomes: Mapping[str, float]
    """Business figures of the days shown: the mean a labelled row, by name."""
