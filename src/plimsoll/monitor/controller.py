"""Ship, measure, judge, tell: follows what every environment's releases answer. Called by the loop.

A turn may end anywhere. What is shipped is shipped once, what is measured is written with what follows from it in one
transaction, and whoever comes next goes on from there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from plimsoll.edge.context import Context
from plimsoll.kernel.clock import from_text
from plimsoll.kernel.durations import parse_duration
from plimsoll.ledger.leases import Lease
from plimsoll.monitor.calendar import floor_to, windows_over
from plimsoll.monitor.entities import Window
from plimsoll.monitor.maturing import look_at_day
from plimsoll.monitor.measuring import measure
from plimsoll.monitor.operations import (
    end_alerts_of_others,
    fields_of,
    progress_of,
    record_windows,
    reference_of,
    tell_people,
    windows_since,
)
from plimsoll.monitor.shipping import digests_in, files_of, first_moment, ship
from plimsoll.monitor.watching import Seen, watch
from plimsoll.project.entities import Monitor
from plimsoll.project.load import load_project
from plimsoll.rollout.entities import Deployment
from plimsoll.rollout.operations import wanted_deployments

IDLE_S = 5.0
"""The longest pause between two turns."""
GRACE_S = 2.0
"""A request that came in at a window's very end may need so long to be written down."""
WEEK = timedelta(days=7)
"""The longest span that is judged."""
_NOTHING = Seen(judged=(), spans=())


def reconcile(context: Context, lease: Lease) -> float:
    """One turn over all environments; returns after how many seconds the next one is due. Raises LeaseLost."""
    deployments = wanted_deployments(context)
    if not deployments:
        return IDLE_S
    monitor = load_project(context.workspace.project_file).monitor
    pauses = [_turn(context, lease, deployment, monitor) for deployment in deployments]
    tell_people(context, lease, monitor.notify)
    return min(pauses)


def _turn(context: Context, lease: Lease, deployment: Deployment, monitor: Monitor) -> float:
    end_alerts_of_others(context, lease, deployment)
    window_s = parse_duration(monitor.window)
    now = context.clock.now()
    since = _measured_until(context, deployment.environment, window_s)
    over = windows_over(since, now, length_s=window_s, grace_s=_grace_s(window_s)) if since else None
    if over is not None:
        _look(context, lease, deployment, monitor, begin=over[0], end=over[1])
    if monitor.quality is not None and look_at_day(context, lease, deployment, monitor.quality):
        return 0.0
    return _pause_s(now, window_s) if over is None else 0.0


def _look(
    context: Context, lease: Lease, deployment: Deployment, monitor: Monitor, *, begin: datetime, end: datetime
) -> None:
    """Measure and judge the windows between two moments."""
    environment, window_s = deployment.environment, parse_duration(monitor.window)
    shipped = context.workspace.shipped(environment)
    ship(context.workspace.capture(environment), shipped, lambda digest: fields_of(context, digest))
    windows: list[Window] = []
    for digest in sorted(digests_in(shipped)):
        reference = reference_of(context, digest)
        if reference is not None:
            files = files_of(shipped, digest, since=begin, until=end)
            windows += measure(files, digest, reference.profile, begin=begin, end=end, window_s=window_s)
    seen = _watched(context, deployment, monitor, windows, begin=begin, end=end)
    record_windows(context, lease, deployment, windows, seen, until=end)


def _watched(
    context: Context, deployment: Deployment, monitor: Monitor, new: list[Window], *, begin: datetime, end: datetime
) -> Seen:
    """What the live release's windows show, with those of the week before."""
    reference = reference_of(context, deployment.digest)
    if reference is None:
        return _NOTHING
    earlier = windows_since(context, deployment.environment, digest=deployment.digest, since=begin - WEEK)
    known = {window.begin: window for window in earlier}
    known |= {window.begin: window for window in new if (window.digest, window.role) == (deployment.digest, "champion")}
    window_s = parse_duration(monitor.window)
    return watch(reference.profile, [*known.values()], begin=begin, end=end, window_s=window_s, drift=monitor.drift)


def _measured_until(context: Context, environment: str, window_s: float) -> datetime | None:
    """Where to go on; before the first window, where the first prediction lies. None while there is none."""
    progress = progress_of(context, environment)
    if progress.windows:
        return from_text(progress.windows)
    shipped = context.workspace.shipped(environment)
    ship(context.workspace.capture(environment), shipped, lambda digest: fields_of(context, digest))
    first = first_moment(shipped)
    return floor_to(first, window_s) if first else None


def _pause_s(now: datetime, window_s: float) -> float:
    """Until the next window is over and complete: that is the present one, or the one that has just ended."""
    grace = timedelta(seconds=_grace_s(window_s))
    due = floor_to(now - grace, window_s) + timedelta(seconds=window_s) + grace
    return min(max((due - now).total_seconds(), 0.05), IDLE_S)


def _grace_s(window_s: float) -> float:
    return min(GRACE_S, window_s / 10)
