"""A real release is watched: what doors captured is shipped, measured, judged, and becomes alerts.

The release is made by a real pipeline; its captured answers are drawn here, so that days pass in seconds.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.stories.orders_project import make_orders, order_rows
from typer.testing import CliRunner

from plimsoll.bundle.scorer import load_scorer
from plimsoll.capture.writer import CaptureWriter
from plimsoll.cli.main import make_app
from plimsoll.edge.context import Context
from plimsoll.edge.operations import perform
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.ids import new_id
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.monitor.controller import reconcile
from plimsoll.rollout.operations import wanted_deployments
from plimsoll.server.wiring import CONTROLLER, load_operations, make_context, workspace_at

START = datetime(2027, 3, 1, tzinfo=UTC)
MONITOR = """
monitor:
  window: 1h
  quality: {metric: accuracy, label_delay: 1d, tolerance: 0.05, false_alarms: 1/month}
"""

Row = tuple[float | None, float | None]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one release that is live in production; its processes have ended."""
    project = make_orders(tmp_path_factory.mktemp("watched") / "orders")
    with (project.root / "plimsoll.yaml").open("a") as stream:
        stream.write(MONITOR)
    project.commit("Begin")
    for command in (("run",), ("release",), ("deploy", "orders@1", "--env", "production")):
        project.plimsoll(*command)
    project.end()
    return project.root


@dataclass
class Live:
    """The release and its captured answers, in a copy of the project."""

    workspace: Workspace
    clock: ManualClock
    rows: list[tuple[float, float]]
    written: CaptureWriter
    draw: random.Random = field(default_factory=lambda: random.Random(3))
    ids: list[str] = field(default_factory=list)
    decided: list[bool] = field(default_factory=list)

    @property
    def context(self) -> Context:
        return make_context(self.workspace, caller=CONTROLLER, clock=self.clock)

    @property
    def digest(self) -> str:
        return wanted_deployments(self.context)[0].digest

    def lease(self, holder: str = "me") -> Lease:
        with self.context.database.write() as transaction:
            found = leases.take(
                transaction,
                "monitors/orders",
                holder=holder,
                now=self.clock.now(),
                lasting_s=1e9,
                is_gone=lambda _: True,
            )
        assert found is not None
        return found

    def answer(self, hours: int, *, per_hour: int = 150, change: Callable[[Row], Row] = lambda row: row) -> None:
        """Captured answers of some hours, evenly spread, as the release scores them; the clock moves on."""
        digest = self.digest
        scorer = load_scorer(self.workspace.environment("production") / "releases" / digest / "scorer")
        rows = [change(self.draw.choice(self.rows)) for _ in range(hours * per_hour)]
        scores = scorer.score(pd.DataFrame(rows, columns=["price", "discount"], dtype="float64").fillna(1.0))
        assert scores.probabilities is not None
        for number, (price, discount) in enumerate(rows):
            at = self.clock.now() + timedelta(hours=1) * (number / per_hour)
            self.ids.append(new_id("prediction", at=at))
            self.decided.append(bool(scores.decision[number]))
            self.written.append(
                {
                    "id": self.ids[-1],
                    "at_us": int(at.timestamp() * 1_000_000),
                    "release": "orders@1",
                    "digest": digest,
                    "environment": "production",
                    "inputs": {"price": [price], "discount": [discount]},
                    "outputs": {"decision": [self.decided[-1]], "score": [float(scores.probabilities[number, 1])]},
                    "status": 200,
                    "latency_s": 0.001,
                }
            )
        self.clock.advance(timedelta(hours=hours))

    def label(self, right: float) -> None:
        """Labels of everything that was answered since the last time, so many of them as predicted."""
        labels = [
            {"prediction": name, "label": decided if self.draw.random() < right else not decided}
            for name, decided in zip(self.ids, self.decided, strict=True)
        ]
        self.ids.clear()
        self.decided.clear()
        self.ask("labels.add", environment="production", labels=labels)

    def ask(self, operation: str, **payload: Any) -> Any:
        return perform(operation, payload, self.context)

    def turn(self, times: int = 1) -> None:
        """Turns of the controller, a little after the hour."""
        lease = self.lease()
        now = self.clock.now()
        self.clock.advance(timedelta(seconds=10))
        for _ in range(times):
            reconcile(self.context, lease)
        self.clock.advance(now - self.clock.now())

    def alerts(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(alert["concern"], alert["subject"]): alert for alert in self.ask("alerts.list")}


@pytest.fixture
def live(released: Path, tmp_path: Path) -> Iterator[Live]:
    load_operations()
    shutil.copytree(released, tmp_path / "orders")
    workspace = workspace_at(tmp_path / "orders")
    shutil.rmtree(workspace.capture("production"), ignore_errors=True)
    writer = CaptureWriter(workspace.capture("production"))
    yield Live(workspace=workspace, clock=ManualClock(START), rows=order_rows(), written=writer)
    writer.close()


def test_windows_are_measured_once_however_often_one_looks(live: Live):
    live.answer(3)
    live.turn(3)
    shown = live.ask("monitors.show", environment="production")
    assert [window["rows"] for window in shown["windows"]] == [150, 150, 150]
    live.answer(2)
    live.turn()
    assert len(live.ask("monitors.show", environment="production")["windows"]) == 5
    assert live.alerts() == {}


def test_what_changes_is_found_in_the_hour_and_told_once(live: Live):
    live.answer(30)
    live.turn()
    assert live.alerts() == {}
    live.answer(3, change=lambda row: (row[0] * 3, row[1]))  # type: ignore[operator]
    live.turn()
    found = live.alerts()
    assert set(found) >= {("drift", "price"), ("prediction drift", "score")}
    alert = found["drift", "price"]
    assert alert["opened_at"] == "2027-03-02T07:00:00.000000Z"
    assert (alert["release"], alert["state"], alert["times"]) == ("orders@1", "open", 3)
    assert "price has drifted: median" in alert["sentence"]
    assert ("drift", "discount") not in found
    opened = [event for event in live.ask("audit.list", limit=100) if event["action"] == "alert_opened"]
    assert len(opened) == len(found)


def test_an_alert_ends_when_what_it_was_about_is_over(live: Live):
    live.answer(2, change=lambda row: (row[0] * 3, row[1]))  # type: ignore[operator]
    live.turn()
    assert ("drift", "price") in live.alerts()
    live.answer(3)
    live.turn()
    assert ("drift", "price") not in live.alerts()


def test_missing_values_are_said_by_column(live: Live):
    live.answer(1, change=lambda row: (row[0], None if row[0] > 150 else row[1]))  # type: ignore[operator]
    live.turn()
    alert = live.alerts()["column", "discount"]
    assert "rows are missing" in alert["sentence"]
    assert 0.15 < alert["evidence"]["missing"] < 0.45


def test_decay_shows_on_labels_when_they_are_due(live: Live):
    for right in (0.75, 0.75):
        live.answer(24, per_hour=40)
        live.label(right)
    live.turn(5)
    for _ in range(14):
        live.answer(24, per_hour=40)
        live.label(0.3)
        live.turn(5)
    shown = live.ask("monitors.show", environment="production")
    days = shown["days"]
    assert len(days) == 15, "the last day's labels are not due yet"
    assert (days[0]["rows"], days[0]["labelled"]) == (960, 960)
    assert days[0]["value"] == pytest.approx(0.75, abs=0.05)
    assert days[-1]["value"] == pytest.approx(0.3, abs=0.05)
    alert = live.alerts()["decay", "accuracy"]
    assert "accuracy was 0." in alert["sentence"]


def test_a_controller_that_lost_its_lease_writes_nothing(live: Live):
    live.answer(2)
    lost = live.lease("first")
    live.lease("second")
    live.clock.advance(timedelta(seconds=10))
    with pytest.raises(LeaseLost):
        reconcile(live.context, lost)
    assert live.ask("monitors.show", environment="production")["windows"] == []
    live.turn()
    assert len(live.ask("monitors.show", environment="production")["windows"]) == 2


def test_a_window_that_has_just_ended_is_waited_for_no_longer_than_until_it_is_complete(live: Live):
    live.answer(1)
    live.clock.advance(timedelta(seconds=0.5))
    assert reconcile(live.context, live.lease()) == pytest.approx(1.5)
    live.clock.advance(timedelta(seconds=1.5))
    assert reconcile(live.context, live.lease()) == 0.0
    assert len(live.ask("monitors.show", environment="production")["windows"]) == 1


def test_the_command_shows_what_is_watched_and_says_by_its_code_that_there_are_alerts(
    live: Live, monkeypatch: pytest.MonkeyPatch
):
    live.answer(26)
    live.answer(2, change=lambda row: (row[0] * 3, row[1]))  # type: ignore[operator]
    live.turn()
    monkeypatch.chdir(live.workspace.root)
    told = CliRunner().invoke(make_app(), ["monitor", "--env", "production"])
    assert told.exit_code == 1
    assert "orders@1 in production, windows of 1h" in told.stdout
    assert "4,200 in 28 windows until" in told.stdout
    assert "accuracy: no day's labels are due yet" in told.stdout
    lines = {line.split()[0]: line for line in told.stdout.splitlines() if "▁" in line or "█" in line}
    assert " drift " in lines["price"]
    assert "no drift" in lines["discount"]
    assert "price has drifted: median" in told.stdout


def test_an_environment_in_which_nothing_runs_is_said(live: Live, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(live.workspace.root)
    told = CliRunner().invoke(make_app(), ["monitor", "--env", "prod"])
    assert told.exit_code == 2
    assert "production" in told.stderr
