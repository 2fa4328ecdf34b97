"""The fake source of alerts keeps what every source promises."""

from __future__ import annotations

from typing import Any

import pytest
from tests.retrain.alerts_contract import AlertsContract
from tests.retrain.fake_alerts import FakeAlerts

from plimsoll.monitor.entities import Alert


class FakeRig:
    def __init__(self) -> None:
        self.source = FakeAlerts()

    def raise_alert(self, *, project: str, environment: str, opened_at: str, **fields: Any) -> Alert:
        return self.source.raise_alert(project=project, environment=environment, opened_at=opened_at, **fields)

    def acknowledge(self, alert: Alert) -> None:
        self.source.acknowledge(alert)

    def resolve(self, alert: Alert) -> None:
        self.source.resolve(alert)


class TestFakeAlerts(AlertsContract):
    @pytest.fixture
    def rig(self) -> FakeRig:
        return FakeRig()
