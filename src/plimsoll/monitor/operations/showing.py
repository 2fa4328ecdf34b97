"""A release as it is watched, for people: windows, columns, days, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plimsoll.data.entities import ColumnProfile, WindowCounts
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.rates import parse_rate
from plimsoll.monitor import store
from plimsoll.monitor.entities import Day, Span, Window
from plimsoll.monitor.errors import NothingMonitored
from plimsoll.monitor.operations.looks import reference_of
from plimsoll.monitor.requests import MonitorRequest
from plimsoll.monitor.views import (
    BinView,
    ColumnView,
    MonitorView,
    PointView,
    QualityView,
    SpanView,
    WindowView,
)
from plimsoll.project.entities import Project
from plimsoll.project.load import load_project
from plimsoll.release.operations.releases import get_release
from plimsoll.release.reference import Reference
from plimsoll.rollout.operations import wanted_deployments

_DAY_S = 86_400.0
_NO_REFERENCE = "{release} was released without a reference; release it anew to see its columns."
_NO_WINDOW = "No window is over yet in which it answered; one lasts {window}."


@operation(
    "monitors.show", "GET", "/monitors/{environment}", role=Role.VIEWER, request=MonitorRequest, response=MonitorView
)
def show_monitor(context: Context, request: MonitorRequest) -> MonitorView:
    """What is seen of an environment's live release, or of another one: windows, drift, quality, alerts."""
    project = load_project(context.workspace.project_file)
    release, digest = _release(context, request)
    place = {"project": context.project, "environment": request.environment}
    reference = reference_of(context, digest)
    with context.database.read() as transaction:
        until, _ = store.progress(transaction, place)
        windows = store.latest_windows(transaction, place, digest=digest, role="champion", most=request.windows)
        days = store.days(transaction, place, digest=digest)
        alerts = store.open_alerts(transaction, place)
        judgements = {
            span: store.latest_judgements(
                transaction, place, digest=digest, span=span, most=request.windows if span is Span.WINDOW else 1
            )
            for span in Span
        }
    return MonitorView(
        environment=request.environment,
        release=release,
        digest=digest,
        measured_until=until,
        window=project.monitor.window,
        windows=tuple(_window_view(window) for window in windows),
        columns=_columns(reference, windows, judgements, window_s=parse_duration(project.monitor.window)),
        days=days,
        quality=_quality(project, reference),
        alerts=tuple(alert for alert in alerts if alert.digest == digest),
        note=_note(release, reference, windows, window=project.monitor.window),
        outcomes=_outcomes(days),
    )


def _release(context: Context, request: MonitorRequest) -> tuple[str, str]:
    """Name and digest of what is shown. Raises NothingMonitored, ReleaseMissing, UnknownEnvironment."""
    from plimsoll.project.environments import find_environment

    find_environment(load_project(context.workspace.project_file), request.environment)
    if request.release:
        found = get_release(context, request.release)
        return found.name, found.digest
    for deployment in wanted_deployments(context):
        if deployment.environment == request.environment and deployment.digest:
            return deployment.release, deployment.digest
    raise NothingMonitored(environment=request.environment)


def _columns(
    reference: Reference | None,
    windows: Sequence[Window],
    judgements: dict[Span, tuple[tuple[str, list[dict[str, Any]]], ...]],
    *,
    window_s: float,
) -> tuple[ColumnView, ...]:
    if reference is None or not windows:
        return ()
    from plimsoll.monitor.drift import merged

    lately = merged([window.counts for window in windows[-max(round(_DAY_S / window_s), 1) :]])
    views = [
        _column(profile, lately, judgements) for profile in reference.profile.columns if profile.name in lately.columns
    ]
    return tuple(sorted(views, key=lambda view: (not view.drifted, -_effect(view.worst))))


def _column(
    profile: ColumnProfile,
    lately: WindowCounts,
    judgements: dict[Span, tuple[tuple[str, list[dict[str, Any]]], ...]],
) -> ColumnView:
    counts, rows = lately.columns[profile.name], max(lately.rows, 1)
    spans = tuple(
        _span(span, end, one)
        for span, found in judgements.items()
        for end, columns in found[-1:]
        for one in columns
        if one["column"] == profile.name
    )
    course = tuple(
        PointView(end=end, psi=min(one["psi"], one["likelihood"]), critical=one["critical"])
        for end, columns in judgements[Span.WINDOW]
        for one in columns
        if one["column"] == profile.name and one["judged"]
    )
    return ColumnView(
        name=profile.name.removeprefix("_"),
        kind=profile.kind,
        predicted=profile.name.startswith("_"),
        missing=counts.counts[-1] / rows,
        missing_in_reference=profile.missing / max(profile.rows, 1),
        new=counts.new / rows,
        out_of_range=counts.out_of_range / rows,
        spans=spans,
        worst=max(
            (span for span in spans if span.judged), key=lambda span: (span.drifted, _effect(span)), default=None
        ),
        bins=_bins(profile, counts.counts, rows),
        course=course,
        drifted=any(span.drifted for span in spans),
    )


def _bins(profile: ColumnProfile, counts: Sequence[int], rows: int) -> tuple[BinView, ...]:
    """The bins that hold anything, in the profile's order."""
    from plimsoll.monitor.drift_wording import bin_name

    return tuple(
        BinView(name=bin_name(profile, place), expected=before / max(profile.rows, 1), actual=now / rows)
        for place, (before, now) in enumerate(zip(profile.counts, counts, strict=True))
        if before or now
    )


def _span(span: Span, end: str, one: dict[str, Any]) -> SpanView:
    return SpanView(
        span=str(span),
        end=end,
        judged=one["judged"],
        drifted=one["drifted"],
        rows=one["rows"],
        psi=min(one["psi"], one["likelihood"]),
        critical=one["critical"],
        p=one["p"],
    )


def _effect(span: SpanView | None) -> float:
    """How far beyond its critical value a column is."""
    return span.psi / span.critical if span and span.critical else 0.0


def _window_view(window: Window) -> WindowView:
    return WindowView(
        begin=window.begin, end=window.end, role=window.role, rows=window.counts.rows, failed=window.failed
    )


def _quality(project: Project, reference: Reference | None) -> QualityView | None:
    quality = project.monitor.quality
    if quality is None:
        return None
    return QualityView(
        metric=quality.metric,
        holdout=reference.metrics.get(quality.metric) if reference else None,
        tolerance=quality.tolerance,
        alarm_at=1 / parse_rate(quality.false_alarms),
        label_delay=quality.label_delay,
    )


def _note(release: str, reference: Reference | None, windows: Sequence[Window], *, window: str) -> str:
    if reference is None:
        return _NO_REFERENCE.format(release=release)
    return "" if windows else _NO_WINDOW.format(window=window)


def _outcomes(days: Sequence[Day]) -> dict[str, float]:
    rows: dict[str, int] = {}
    totals: dict[str, float] = {}
    for day in days:
        for name, outcome in day.outcomes.items():
            rows[name] = rows.get(name, 0) + outcome.rows
            totals[name] = totals.get(name, 0.0) + outcome.total
    return {name: total / rows[name] for name, total in totals.items() if rows[name]}
