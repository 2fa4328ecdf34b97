"""The only way to change what is known of live releases: labels, windows and judgements, alerts."""

from __future__ import annotations

from plimsoll.monitor.operations.alerts import (
    LedgerAlerts,
    acknowledge_alert,
    list_alerts,
    resolve_alert,
    show_alert,
    write_alerts,
)
from plimsoll.monitor.operations.labels import add_labels
from plimsoll.monitor.operations.notices import tell_people

__all__ = [
    "LedgerAlerts",
    "acknowledge_alert",
    "add_labels",
    "list_alerts",
    "resolve_alert",
    "show_alert",
    "tell_people",
    "write_alerts",
]
