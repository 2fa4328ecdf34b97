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
from plimsoll.monitor.operations.looks import (
    answered_between,
    answers_of,
    days_of,
    end_alerts_of_others,
    fields_of,
    first_window,
    progress_of,
    record_day,
    record_windows,
    reference_of,
    windows_since,
)
from plimsoll.monitor.operations.notices import tell_people
from plimsoll.monitor.operations.showing import show_monitor
from plimsoll.monitor.operations.versions import diff_data

__all__ = [
    "LedgerAlerts",
    "acknowledge_alert",
    "add_labels",
    "answered_between",
    "answers_of",
    "days_of",
    "diff_data",
    "end_alerts_of_others",
    "fields_of",
    "first_window",
    "list_alerts",
    "progress_of",
    "record_day",
    "record_windows",
    "reference_of",
    "resolve_alert",
    "show_alert",
    "show_monitor",
    "tell_people",
    "windows_since",
    "write_alerts",
]
