"""The monitor's own alerts keep what triggers rely on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.retrain.alerts_contract import AlertsContract
from tests.retrain.fake_alerts import FakeAlerts
from tests.retrain.world import Watched

from plimsoll.monitor.entities import Alert
from plimsoll.monitor.operations import LedgerAlerts, write_alerts


class LedgerRig:
    """Opens alerts as the monitor does, and lets people answer them."""

    def __init__(self, world: Watched) -> None:
        self.world = world
        self.source = LedgerAlerts(world.workspace, world.database)
        self._made = FakeAlerts()

    def raise_alert(self, *, project: str, environment: str, opened_at: str, **fields: Any) -> Alert:
        alert = self._made.raise_alert(project=project, environment=environment, opened_at=opened_at, **fields)
        with self.world.database.write() as transaction:
            write_alerts(self.world.context(), transaction, [alert])
        return alert

    def acknowledge(self, alert: Alert) -> None:
        self.world.ask("alerts.acknowledge", alert=alert.id)

    def resolve(self, alert: Alert) -> None:
        self.world.ask("alerts.resolve", alert=alert.id)


class TestLedgerAlerts(AlertsContract):
    @pytest.fixture
    def rig(self, world: Watched) -> LedgerRig:
        return LedgerRig(world)
