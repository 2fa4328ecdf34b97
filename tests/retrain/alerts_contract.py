"""What every source of alerts promises. A test class that inherits from it and has a fixture `rig` puts its own through it."""

from __future__ import annotations

from typing import Any, Protocol

from plimsoll.monitor.entities import Alert
from plimsoll.retrain.ports import Alerts


class Rig(Protocol):
    """A source without alerts, and the means to make some in it."""

    source: Alerts

    def raise_alert(self, *, project: str, environment: str, opened_at: str, **fields: Any) -> Alert: ...
    def acknowledge(self, alert: Alert) -> None: ...
    def resolve(self, alert: Alert) -> None: ...


def moment(minute: int) -> str:
    return f"2026-11-02T09:{minute:02}:00.000000Z"


class AlertsContract:
    """The promises."""

    def test_nothing_is_open_before_anything_was_found(self, rig: Rig):
        assert rig.source.open(project="fraud", environment="production") == ()

    def test_open_alerts_of_the_environment_alone_the_newest_first(self, rig: Rig):
        first = rig.raise_alert(project="fraud", environment="production", opened_at=moment(1))
        second = rig.raise_alert(project="fraud", environment="production", opened_at=moment(2))
        rig.raise_alert(project="fraud", environment="staging", opened_at=moment(3))
        rig.raise_alert(project="loans", environment="production", opened_at=moment(3))

        found = rig.source.open(project="fraud", environment="production")

        assert [alert.id for alert in found] == [second.id, first.id]
        assert found[0].sentence == second.sentence
        assert found[0].concern is second.concern
        assert found[0].digest == second.digest

    def test_an_acknowledged_alert_is_open_still_and_a_resolved_one_is_not(self, rig: Rig):
        known = rig.raise_alert(project="fraud", environment="production", opened_at=moment(1))
        over = rig.raise_alert(project="fraud", environment="production", opened_at=moment(2))
        rig.acknowledge(known)
        rig.resolve(over)

        assert [alert.id for alert in rig.source.open(project="fraud", environment="production")] == [known.id]
