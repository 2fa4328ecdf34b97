"""Alerts in memory that keep what sources of alerts promise; a test opens, acknowledges and resolves them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from plimsoll.monitor.entities import Alert, AlertState, Concern, Span


@dataclass
class FakeAlerts:
    """Implements retrain.ports.Alerts."""

    known: dict[str, Alert] = field(default_factory=dict)

    def open(self, *, project: str, environment: str) -> tuple[Alert, ...]:
        found = [
            alert
            for alert in self.known.values()
            if (alert.project, alert.environment) == (project, environment) and alert.state is not AlertState.RESOLVED
        ]
        return tuple(sorted(found, key=lambda alert: (alert.opened_at, alert.id), reverse=True))

    def raise_alert(self, **fields: Any) -> Alert:
        number = len(self.known) + 1
        given: dict[str, Any] = {
            "id": f"alert-{number:05}",
            "project": "fraud",
            "environment": "production",
            "release": "fraud@1",
            "digest": "",
            "concern": Concern.DRIFT,
            "subject": f"amount {number}",
            "state": AlertState.OPEN,
            "sentence": f"amount drifted, seen in window {number}.",
            "evidence": {},
            "opened_at": f"2026-11-02T09:00:00.{number:06}Z",
            "seen_at": "2026-11-02T09:00:00.000000Z",
            "times": 1,
            "span": Span.WINDOW,
        }
        alert = Alert(**{**given, **fields})
        self.known[alert.id] = alert
        return alert

    def acknowledge(self, alert: Alert) -> None:
        self.known[alert.id] = replace(self.known[alert.id], state=AlertState.ACKNOWLEDGED)

    def resolve(self, alert: Alert) -> None:
        self.known[alert.id] = replace(self.known[alert.id], state=AlertState.RESOLVED)
