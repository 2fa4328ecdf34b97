"""What the controller reads before it measures, and what it writes after. Its writes stand on its lease."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.entities import Field, Task
from plimsoll.edge.context import Context
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease
from plimsoll.monitor import store
from plimsoll.monitor.alerting import Judged, Subject, follow, supersede
from plimsoll.monitor.entities import Alert, AlertState, Day, Window
from plimsoll.monitor.operations.alerts import write_alerts
from plimsoll.monitor.watching import Seen
from plimsoll.release.errors import ReleaseMissing
from plimsoll.release.operations.releases import find_release
from plimsoll.release.reference import REFERENCE, Reference, read_reference
from plimsoll.rollout.entities import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Until where an environment is measured."""

    windows: str
    """The end of its latest window; empty before the first."""
    days: str
    """The end of the latest day whose labels were due; empty before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What a release answers."""

    classes: tuple[Any, ...]
    """In the order of its probabilities; empty for regression."""
    task: Task


def progress_of(context: Context, environment: str) -> Progress:
    with context.database.read() as transaction:
        windows, days = store.progress(transaction, _place(context, environment))
    return Progress(windows=windows, days=days)


def first_window(context: Context, environment: str) -> str:
    """When the first window began in which callers were answered; empty before."""
    with context.database.read() as transaction:
        return store.first_window(transaction, _place(context, environment), role="champion")


def windows_since(context: Context, environment: str, *, digest: str, since: datetime) -> tuple[Window, ...]:
    """What a release answered callers, window by window, from a moment on."""
    with context.database.read() as transaction:
        return store.windows(
            transaction, _place(context, environment), digest=digest, role="champion", since=to_text(since)
        )


def days_of(context: Context, environment: str, *, digest: str) -> tuple[Day, ...]:
    """A release's days, oldest first."""
    with context.database.read() as transaction:
        return store.days(transaction, _place(context, environment), digest=digest)


def record_windows(
    context: Context, lease: Lease, deployment: Deployment, windows: Sequence[Window], seen: Seen, *, until: datetime
) -> None:
    """Write windows, judgements and what becomes of alerts, all or nothing. Raises LeaseLost."""
    place = _place(context, deployment.environment)
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        for window in windows:
            store.add_window(transaction, place, window)
        for judgement in seen.spans:
            document = [asdict(column) for column in judgement.columns]
            store.add_judgement(
                transaction, place, digest=deployment.digest, span=judgement.span, end=judgement.end, document=document
            )
        store.set_progress(transaction, place, windows=to_text(until))
        alerts = store.open_alerts(transaction, place)
        write_alerts(context, transaction, _followed(context, deployment, alerts, seen.judged))


def record_day(
    context: Context,
    lease: Lease,
    deployment: Deployment,
    days: Mapping[str, Day],
    judged: Judged | None,
    *,
    until: datetime,
) -> None:
    """Write a day of each release that answered on it, and what becomes of alerts. Raises LeaseLost."""
    place = _place(context, deployment.environment)
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        for digest, day in days.items():
            store.add_day(transaction, place, digest=digest, day=day)
        store.set_progress(transaction, place, days=to_text(until))
        if judged is not None:
            alerts = store.open_alerts(transaction, place)
            write_alerts(context, transaction, _followed(context, deployment, alerts, [judged]))


def end_alerts_of_others(context: Context, lease: Lease, deployment: Deployment) -> None:
    """End the alerts of releases that are live no longer. Raises LeaseLost."""
    place = _place(context, deployment.environment)
    with context.database.read() as transaction:
        if not _of_others(deployment, store.open_alerts(transaction, place)):
            return
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        others = _of_others(deployment, store.open_alerts(transaction, place))
        at = to_text(context.clock.now())
        write_alerts(context, transaction, supersede(others, live=deployment.release, at=at))


def answered_between(context: Context, environment: str, *, begin: datetime, end: datetime) -> tuple[str, ...]:
    """The releases that answered callers between two moments."""
    with context.database.read() as transaction:
        return store.digests_between(
            transaction, _place(context, environment), role="champion", since=to_text(begin), until=to_text(end)
        )


def reference_of(context: Context, digest: str) -> Reference | None:
    """What a release is held against; None for one without, such as a release made before there was one."""
    page = _page(context, digest, REFERENCE)
    return None if page is None else read_reference(page)


def fields_of(context: Context, digest: str) -> tuple[Field, ...]:
    """The columns of a request to a release; () when the ledger does not know it."""
    page = _page(context, digest, "columns.json") or {"inputs": [], "context": []}
    return tuple(Field(**item) for item in (*page["inputs"], *page["context"]))


def answers_of(context: Context, digest: str) -> Answering:
    """What a release's answers are. Raises ReleaseMissing."""
    page = _page(context, digest, "scorer/scorer.json")
    assert page is not None, "every bundle holds its scorer"
    return Answering(classes=tuple(page["classes"]), task=page["task"])


def _followed(
    context: Context, deployment: Deployment, alerts: Sequence[Alert], judged: Sequence[Judged]
) -> tuple[Alert, ...]:
    """The alerts of the live release after some judgements, those that changed."""
    of = Subject(
        project=context.project,
        environment=deployment.environment,
        release=deployment.release,
        digest=deployment.digest,
    )
    known = {alert.id: alert for alert in alerts if alert.digest == deployment.digest}
    changed: dict[str, Alert] = {}
    for judgement in judged:
        under_way = [alert for alert in known.values() if alert.state is not AlertState.RESOLVED]
        at = from_text(judgement.end)
        for alert in follow(under_way, judgement, of, identify=partial(new_id, "alert", at=at)):
            known[alert.id] = changed[alert.id] = alert
    return tuple(changed.values())


def _of_others(deployment: Deployment, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    return tuple(alert for alert in alerts if alert.digest != deployment.digest)


def _page(context: Context, digest: str, name: str) -> Any:
    """A JSON page of a release's bundle; None where the release or the page is not there."""
    try:
        release = find_release(context.database, digest)
    except ReleaseMissing:
        return None
    return _read_page(context.artifacts.root, release.tree, name)


@lru_cache(maxsize=64)
def _read_page(root: Path, tree: str, name: str) -> Any:
    """Read once in a process: a bundle never changes."""
    artifacts = FolderStore(root)
    entries = artifacts.tree(tree)
    return json.loads(artifacts.read_bytes(entries[name])) if name in entries else None


def _place(context: Context, environment: str) -> store.Place:
    return {"project": context.project, "environment": environment}
