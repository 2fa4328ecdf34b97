"""Days whose labels are due: measured once, at one fixed age, and held against the holdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from plimsoll.bundle.entities import Task
from plimsoll.edge.context import Context
from plimsoll.gates.metrics import find_metric
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.durations import parse_duration
from plimsoll.ledger.leases import Lease
from plimsoll.monitor.alerting import Judged
from plimsoll.monitor.calendar import days_over
from plimsoll.monitor.decay import detect, limit_of, loss_of
from plimsoll.monitor.entities import Day
from plimsoll.monitor.operations import (
    answered_between,
    answers_of,
    days_of,
    first_window,
    progress_of,
    record_day,
    reference_of,
)
from plimsoll.monitor.performance import metric_of, read_answers
from plimsoll.monitor.shipping import files_of, label_files, ship_labels
from plimsoll.monitor.watching import judge_day
from plimsoll.project.entities import Quality
from plimsoll.rollout.entities import Deployment

_DAY = timedelta(days=1)


def look_at_day(context: Context, lease: Lease, deployment: Deployment, quality: Quality) -> bool:
    """Measure the next day whose labels are due; False when there is none. Raises LeaseLost."""
    environment = deployment.environment
    delay = timedelta(seconds=parse_duration(quality.label_delay))
    begin = _next_day(context, environment, delay=delay)
    if begin is None:
        return False
    end = begin + _DAY
    ship_labels(context.workspace.labels(environment), context.workspace.shipped_labels(environment))
    days = {
        digest: _measured(context, environment, digest, begin, quality=quality, delay=delay)
        for digest in answered_between(context, environment, begin=begin, end=end)
    }
    judged = _judged(context, deployment, days, quality)
    record_day(context, lease, deployment, days, judged, until=end)
    return True


def with_evidence(days: Sequence[Day], *, quality: Quality, reference: float, task: Task) -> Day:
    """The latest of a release's days, with the detector's value after it. days: oldest first."""
    metric = find_metric(quality.metric, task)
    kind = {"greater": metric.greater, "bounded": metric.bounded}
    limit = limit_of(reference, tolerance=quality.tolerance, **kind)
    losses = [loss_of(day.value, reference=reference, **kind) for day in days if day.value is not None]
    path = detect(losses, limit=limit)
    return replace(days[-1], evidence=path[-1] if path else 0.0)


def _next_day(context: Context, environment: str, *, delay: timedelta) -> datetime | None:
    """The first day that is not measured yet, once its labels are due and its windows are measured."""
    progress = progress_of(context, environment)
    first = progress.days or first_window(context, environment)
    if not first:
        return None
    day = next(days_over(from_text(first), context.clock.now(), delay=delay), None)
    return day if day is not None and progress.windows >= to_text(day + _DAY) else None


def _measured(
    context: Context, environment: str, digest: str, begin: datetime, *, quality: Quality, delay: timedelta
) -> Day:
    end = begin + _DAY
    answered = answers_of(context, digest)
    labelled_until = end + delay + timedelta(seconds=1)
    answers = read_answers(
        files_of(context.workspace.shipped(environment), digest, since=begin, until=end),
        label_files(context.workspace.shipped_labels(environment), since=begin, until=labelled_until),
        begin=begin,
        end=end,
        delay=delay,
        classes=answered.classes,
    )
    day = Day(
        begin=to_text(begin),
        rows=answers.rows,
        labelled=len(answers.cases),
        value=metric_of(answers, metric=quality.metric, task=answered.task),
        evidence=0.0,
        outcomes=answers.outcomes,
    )
    holdout = _on_holdout(context, digest, quality)
    if holdout is None:
        return day
    earlier = days_of(context, environment, digest=digest)
    return with_evidence([*earlier, day], quality=quality, reference=holdout, task=answered.task)


def _judged(context: Context, deployment: Deployment, days: Mapping[str, Day], quality: Quality) -> Judged | None:
    """What the live release's day shows; None where it shows nothing."""
    day, holdout = days.get(deployment.digest), _on_holdout(context, deployment.digest, quality)
    if day is None or holdout is None:
        return None
    return judge_day(day, quality=quality, reference=holdout)


def _on_holdout(context: Context, digest: str, quality: Quality) -> float | None:
    reference = reference_of(context, digest)
    return None if reference is None else reference.metrics.get(quality.metric)
