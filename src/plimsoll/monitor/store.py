"""Rows of windows, judgements, days and alerts, and the entities that they hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from plimsoll.data.entities import ColumnCounts, WindowCounts
from plimsoll.kernel.clock import from_text
from plimsoll.ledger.engine import Row, Transaction
from plimsoll.monitor.entities import (
    Alert,
    AlertState,
    Concern,
    Day,
    Notice,
    Outcome,
    Span,
    Window,
)

Place = dict[str, str]
"""project and environment, as parameters."""


def progress(transaction: Transaction, place: Place) -> tuple[str, str]:
    """Until when the environment's windows, and its days, are measured; empty before the first."""
    row = transaction.one(
        "SELECT windows_until, days_until FROM monitor_progress WHERE project = :project AND environment = :environment",
        **place,
    )
    return (str(row["windows_until"]), str(row["days_until"])) if row else ("", "")


def set_progress(transaction: Transaction, place: Place, *, windows: str = "", days: str = "") -> None:
    """Move on; what is empty stays."""
    transaction.execute(
        """
        INSERT INTO monitor_progress (project, environment, windows_until, days_until)
        VALUES (:project, :environment, :windows, :days)
        ON CONFLICT (project, environment) DO UPDATE SET
            windows_until = CASE WHEN :windows = '' THEN monitor_progress.windows_until ELSE :windows END,
            days_until = CASE WHEN :days = '' THEN monitor_progress.days_until ELSE :days END
        """,
        **place,
        windows=windows,
        days=days,
    )


def first_window(transaction: Transaction, place: Place, *, role: str) -> str:
    """When the first window began in which any release answered in a role; empty before."""
    row = transaction.one(
        """
        SELECT MIN(begin_at) AS first FROM monitor_windows
        WHERE project = :project AND environment = :environment AND role = :role
        """,
        **place,
        role=role,
    )
    return str(row["first"]) if row and row["first"] else ""


def digests_between(transaction: Transaction, place: Place, *, role: str, since: str, until: str) -> tuple[str, ...]:
    """The releases with windows that begin from `since` to before `until`."""
    rows = transaction.all(
        """
        SELECT DISTINCT digest FROM monitor_windows WHERE project = :project AND environment = :environment
        AND role = :role AND begin_at >= :since AND begin_at < :until ORDER BY digest
        """,
        **place,
        role=role,
        since=since,
        until=until,
    )
    return tuple(row["digest"] for row in rows)


def add_window(transaction: Transaction, place: Place, window: Window) -> None:
    """Save a window; the same one twice stays as it is."""
    counts = window.counts
    document = {
        "phases": {str(phase): rows for phase, rows in counts.phases.items()},
        "columns": {name: [column.counts, column.new, column.out_of_range] for name, column in counts.columns.items()},
    }
    transaction.execute(
        """
        INSERT INTO monitor_windows (project, environment, digest, role, begin_at, end_at, row_count, failed, document)
        VALUES (:project, :environment, :digest, :role, :begin_at, :end_at, :row_count, :failed, :document)
        ON CONFLICT DO NOTHING
        """,
        **place,
        digest=window.digest,
        role=window.role,
        begin_at=window.begin,
        end_at=window.end,
        row_count=counts.rows,
        failed=window.failed,
        document=json.dumps(document),
    )


def windows(transaction: Transaction, place: Place, *, digest: str, role: str, since: str) -> tuple[Window, ...]:
    """A release's windows that begin at or after `since`, oldest first."""
    rows = transaction.all(
        """
        SELECT * FROM monitor_windows WHERE project = :project AND environment = :environment AND digest = :digest
        AND role = :role AND begin_at >= :since ORDER BY begin_at
        """,
        **place,
        digest=digest,
        role=role,
        since=since,
    )
    return tuple(_window(row) for row in rows)


def latest_windows(transaction: Transaction, place: Place, *, digest: str, role: str, most: int) -> tuple[Window, ...]:
    """A release's latest windows, oldest first."""
    rows = transaction.all(
        """
        SELECT * FROM monitor_windows WHERE project = :project AND environment = :environment AND digest = :digest
        AND role = :role ORDER BY begin_at DESC LIMIT :most
        """,
        **place,
        digest=digest,
        role=role,
        most=most,
    )
    return tuple(_window(row) for row in reversed(rows))


def add_judgement(
    transaction: Transaction, place: Place, *, digest: str, span: Span, end: str, document: Sequence[dict[str, Any]]
) -> None:
    """Save what a span's columns were found to be; the same span twice stays as it is."""
    transaction.execute(
        """
        INSERT INTO monitor_judgements (project, environment, digest, span, end_at, document)
        VALUES (:project, :environment, :digest, :span, :end_at, :document) ON CONFLICT DO NOTHING
        """,
        **place,
        digest=digest,
        span=str(span),
        end_at=end,
        document=json.dumps(document),
    )


def latest_judgements(
    transaction: Transaction, place: Place, *, digest: str, span: Span, most: int
) -> tuple[tuple[str, list[dict[str, Any]]], ...]:
    """The end and the findings of a release's latest spans, oldest first."""
    rows = transaction.all(
        """
        SELECT end_at, document FROM monitor_judgements WHERE project = :project AND environment = :environment
        AND digest = :digest AND span = :span ORDER BY end_at DESC LIMIT :most
        """,
        **place,
        digest=digest,
        span=str(span),
        most=most,
    )
    return tuple((row["end_at"], json.loads(row["document"])) for row in reversed(rows))


def add_day(transaction: Transaction, place: Place, *, digest: str, day: Day) -> None:
    """Save a day; the same one twice stays as it is."""
    transaction.execute(
        """
        INSERT INTO monitor_days (project, environment, digest, begin_at, document)
        VALUES (:project, :environment, :digest, :begin_at, :document) ON CONFLICT DO NOTHING
        """,
        **place,
        digest=digest,
        begin_at=day.begin,
        document=json.dumps(asdict(day)),
    )


def days(transaction: Transaction, place: Place, *, digest: str) -> tuple[Day, ...]:
    """A release's days, oldest first."""
    rows = transaction.all(
        """
        SELECT document FROM monitor_days WHERE project = :project AND environment = :environment AND digest = :digest
        ORDER BY begin_at
        """,
        **place,
        digest=digest,
    )
    return tuple(_day(json.loads(row["document"])) for row in rows)


def save_alert(transaction: Transaction, alert: Alert) -> None:
    """Insert an alert or replace what is known of it. One that is like an alert under way is not inserted."""
    parameters = {**asdict(alert), "evidence": json.dumps(alert.evidence)}
    changing = [name for name in parameters if name not in ("id", "project", "environment", "digest")]
    transaction.execute(
        f"""
        INSERT INTO alerts ({", ".join(parameters)}) VALUES ({", ".join(f":{name}" for name in parameters)})
        ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = :{name}" for name in changing)}
        """,
        **{
            name: str(value) if isinstance(value, AlertState | Concern | Span) else value
            for name, value in parameters.items()
        },
    )


def find_alert(transaction: Transaction, *, project: str, alert: str) -> Alert | None:
    row = transaction.one("SELECT * FROM alerts WHERE project = :project AND id = :alert", project=project, alert=alert)
    return None if row is None else _alert(row)


def open_alerts(transaction: Transaction, place: Place) -> tuple[Alert, ...]:
    """An environment's alerts that are not resolved, the latest first."""
    rows = transaction.all(
        """
        SELECT * FROM alerts WHERE project = :project AND environment = :environment AND state <> 'resolved'
        ORDER BY id DESC
        """,
        **place,
    )
    return tuple(_alert(row) for row in rows)


def list_alerts(
    transaction: Transaction, *, project: str, environment: str, states: Sequence[AlertState], limit: int
) -> tuple[Alert, ...]:
    """Alerts in one of the states, the latest first; of every environment when none is named."""
    rows = transaction.all(
        f"""
        SELECT * FROM alerts WHERE project = :project AND (:environment = '' OR environment = :environment)
        AND state IN ({", ".join(f"'{state}'" for state in states)}) ORDER BY id DESC LIMIT :limit
        """,
        project=project,
        environment=environment,
        limit=limit,
    )
    return tuple(_alert(row) for row in rows)


def add_notice(transaction: Transaction, *, alert: str, event: str, at: str) -> None:
    """Somebody is to be told of this; once for each event of an alert."""
    transaction.execute(
        """
        INSERT INTO alert_notices (alert, event, created_at, sent_at, tries, due_at, left_over, problem)
        VALUES (:alert, :event, :at, '', 0, :at, '[]', '') ON CONFLICT DO NOTHING
        """,
        alert=alert,
        event=event,
        at=at,
    )


def due_notices(transaction: Transaction, *, project: str, now: str) -> tuple[Notice, ...]:
    """What is to be told now, in the order in which it happened."""
    rows = transaction.all(
        """
        SELECT alerts.*, alert_notices.event AS notice_event, alert_notices.tries AS notice_tries,
            alert_notices.left_over AS notice_left_over
        FROM alert_notices JOIN alerts ON alerts.id = alert_notices.alert
        WHERE alerts.project = :project AND alert_notices.sent_at = '' AND alert_notices.due_at <= :now
        ORDER BY alert_notices.created_at
        """,
        project=project,
        now=now,
    )
    return tuple(
        Notice(
            alert=_alert(row),
            event=row["notice_event"],
            tries=row["notice_tries"],
            left_over=tuple(json.loads(row["notice_left_over"])),
        )
        for row in rows
    )


def note_told(transaction: Transaction, notice: Notice, *, at: str, due_at: str, problem: str) -> None:
    """How an attempt to tell went. at: when it was over and done with; empty when it is tried again at `due_at`."""
    transaction.execute(
        """
        UPDATE alert_notices SET sent_at = :at, tries = :tries, due_at = :due_at, left_over = :left_over,
            problem = :problem
        WHERE alert = :alert AND event = :event
        """,
        alert=notice.alert.id,
        event=notice.event,
        at=at,
        tries=notice.tries,
        due_at=due_at,
        left_over=json.dumps(notice.left_over),
        problem=problem,
    )


def _window(row: Row) -> Window:
    document = json.loads(row["document"])
    columns = {
        name: ColumnCounts(counts=tuple(counts), new=new, out_of_range=outside)
        for name, (counts, new, outside) in document["columns"].items()
    }
    counts = WindowCounts(
        begin=from_text(row["begin_at"]),
        rows=row["row_count"],
        phases={int(phase): rows for phase, rows in document["phases"].items()},
        columns=columns,
    )
    return Window(
        digest=row["digest"],
        role=row["role"],
        begin=row["begin_at"],
        end=row["end_at"],
        failed=row["failed"],
        counts=counts,
    )


def _day(document: dict[str, Any]) -> Day:
    outcomes = {name: Outcome(**outcome) for name, outcome in document["outcomes"].items()}
    return Day(**{**document, "outcomes": outcomes})


def _alert(row: Row) -> Alert:
    return Alert(
        id=row["id"],
        project=row["project"],
        environment=row["environment"],
        release=row["release"],
        digest=row["digest"],
        concern=Concern(row["concern"]),
        subject=row["subject"],
        state=AlertState(row["state"]),
        sentence=row["sentence"],
        evidence=json.loads(row["evidence"]),
        span=Span(row["span"]),
        opened_at=row["opened_at"],
        seen_at=row["seen_at"],
        times=row["times"],
        clear=row["clear"],
        acknowledged_by=row["acknowledged_by"],
        acknowledged_at=row["acknowledged_at"],
        resolved_by=row["resolved_by"],
        resolved_at=row["resolved_at"],
        why=row["why"],
    )
