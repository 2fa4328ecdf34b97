"""The loop closes by itself, also when the server is killed at every point between the trigger and the deployment.

Everything is real: server, worker, runs, gates, releases, doors. Only the alerts are opened by the test. By default one
retraining survives a kill at every point in turn; PLIMSOLL_TEST_KILLS=all kills at each point in a life of its own, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY
from tests.stories.orders_project import make_orders
from tests.stories.retrain_driver import POINTS
from tests.stories.workspace import ProjectFolder, kill, until

from plimsoll.ledger.engine import Database
from plimsoll.monitor.entities import Alert, AlertState, Concern, Span
from plimsoll.monitor.operations import write_alerts
from plimsoll.server.wiring import MONITOR, make_context, open_ledger, workspace_at

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

SETTINGS = """
  production: {auto_deploy: true, rollout: {warm: 1s}}
retrain:
  - {on: drift}
  - {limits: {cooldown: 0s, per_day: 1000}}
"""
END_WITHIN_S = 60.0
LIVES = [POINTS, *([(point,) for point in POINTS] if os.environ.get("PLIMSOLL_TEST_KILLS") == "all" else [])]


@dataclass
class Scene:
    """A project whose release is live, its alerts, and its server, one after the other."""

    project: ProjectFolder
    alerts: int = 0
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_server(self, *, die_at: str = "") -> subprocess.Popen[bytes]:
        log = self.project.root.parent / f"up-{len(self.servers) + 1}.log"
        clean = self.project._environ({"PYTHONPATH": str(REPOSITORY), "PLIMSOLL_TEST_KILL": die_at})
        with log.open("ab") as stream:
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.stories.retrain_driver", "up", "--port", "0"],
                cwd=self.project.root,
                env=clean,
                stdout=stream,
                stderr=stream,
            )
        self.servers.append(server)
        until(lambda: "is up for" in log.read_text() or server.poll() is not None, of=f"the server ({log})")
        return server

    @property
    def ledger(self) -> Database:
        return open_ledger(f"sqlite:///{self.project.root}/.plimsoll/ledger.sqlite")

    def row(self, sql: str) -> dict[str, Any]:
        with self.ledger.read() as transaction:
            found = transaction.one(sql)
        assert found is not None, sql
        return found

    def live(self) -> dict[str, Any]:
        return self.row("SELECT release, digest FROM deployments")

    def drift(self, count: int = 1) -> str:
        """New data, and alerts that the live release does not fit it; returns the reason that is told."""
        live, first = self.live(), self.alerts + 1
        orders = self.project.root / "orders.csv"
        lines = orders.read_text().splitlines()
        orders.write_text("\n".join([lines[0], *lines[60:]]) + "\n")
        alerts = [self._alert(number, live) for number in range(first, first + count)]
        context = make_context(workspace_at(self.project.root), caller=MONITOR)
        with self.ledger.write() as transaction:
            write_alerts(context, transaction, alerts)
        self.alerts += count
        return f"drift of column {first + count - 1}"

    def _alert(self, number: int, live: dict[str, Any]) -> Alert:
        """As the monitor opens one."""
        return Alert(
            id=f"alert-{number:05}", project="orders", environment="production", release=live["release"],
            digest=live["digest"], concern=Concern.DRIFT, subject=f"column {number}", state=AlertState.OPEN,
            sentence=f"price drifted ({number}).", evidence={}, opened_at=f"2026-11-02T09:00:00.{number:06}Z",
            seen_at="2026-11-02T09:00:00.000000Z", times=1, span=Span.WINDOW,
        )  # fmt: skip

    def latest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.project.ask("retrain", "show")
        return found

    def count(self) -> dict[str, int]:
        """How many runs, verdicts, releases, retrainings, rollouts and changes of what is live there are."""
        tables = {"runs": "runs WHERE state = 'done'", "verdicts": "verdicts", "releases": "releases"}
        tables |= {"retrainings": "retrainings", "rollouts": "rollouts", "deployments": "deployment_history"}
        return {name: self.row(f"SELECT COUNT(*) AS n FROM {table}")["n"] for name, table in tables.items()}

    def worker(self) -> int:
        """The pid of the process that has taken a run on; 0 while none has."""
        rows = "SELECT COALESCE(MAX(worker), '') AS worker FROM retrainings WHERE stands = 'Running' AND worker <> ''"
        identity = self.row(rows)["worker"]
        return int(identity.split()[1]) if identity else 0

    def wait_for_the_end(self, before: str) -> None:
        """Wait until another release is live and the retraining has ended."""
        until(lambda: self.live()["release"] != before, seconds=END_WITHIN_S, of="the next release")
        last = "SELECT ended_at FROM retrainings ORDER BY id DESC LIMIT 1"
        until(lambda: self.row(last)["ended_at"], seconds=END_WITHIN_S, of="the end of the retraining")

    def end(self) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
        self.project.end()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The first release, made by Ada, is live; drift starts runs."""
    project = make_orders(Path(tmp_path_factory.mktemp("retrain")) / "orders")
    page = project.root / "plimsoll.yaml"
    page.write_text(page.read_text().replace("\n  production: {}\n", SETTINGS))
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    project.ask("deploy", "orders@1", "--env", "production")
    scene = Scene(project)
    yield scene
    scene.end()


def test_a_storm_of_alerts_becomes_one_release_that_is_live_with_its_reason_though_its_worker_dies(scene: Scene):
    before = scene.count()
    scene.drift(count=1000)
    server = scene.start_server()
    worker = until(scene.worker, seconds=END_WITHIN_S, of="a worker at the run")
    kill(worker)

    scene.wait_for_the_end("orders@1")

    done = scene.latest()
    assert (done["standing"], done["deployed"]) == ("deployed", ["production"])
    assert len(done["reasons"]) == 1000
    assert any("try 2 of 3" in turn["sentence"] for turn in done["turns"])
    assert {name: after - before[name] for name, after in scene.count().items()} == dict.fromkeys(before, 1)
    because = "drift of column 1000; drift of column 999; drift of column 998; and 997 more"
    assert done["because"] == because
    links = {link["kind"]: dict(link["facts"]) for link in scene.project.ask("trace", "orders@2")["links"]}
    assert links["run"]["because"] == links["release"]["because"] == because
    assert links["run"]["on behalf of"] == links["release"]["authors"] == "ada"
    assert links["commit"]["author"] == "ada@example.com"
    assert because in " ".join(scene.project.plimsoll("rollout", "report", "--env", "production").out.split())
    assert because in scene.project.ask("runs", "--limit", "1")[0]["run"]["because"]
    own = scene.project.plimsoll("approve", "orders@2", "--env", "production", expect=4)
    assert "governance.own_work" in own.err
    server.kill()
    server.wait()


@pytest.mark.parametrize("points", LIVES, ids=" and ".join)
def test_a_server_killed_between_trigger_and_deployment_loses_and_doubles_nothing(
    scene: Scene, points: tuple[str, ...]
):
    before, live = scene.count(), scene.live()["release"]
    sentence = scene.drift()
    for point in points:
        killed = scene.start_server(die_at=point)
        until(lambda server=killed: server.poll() is not None, seconds=END_WITHIN_S, of=f"the server's death: {point}")
        assert killed.returncode == -signal.SIGKILL

    server = scene.start_server()
    scene.wait_for_the_end(live)

    done = scene.latest()
    assert (done["standing"], done["because"]) == ("deployed", sentence), done
    assert {name: after - before[name] for name, after in scene.count().items()} == dict.fromkeys(before, 1)
    assert scene.project.plimsoll("audit", "verify").code == 0
    server.kill()
    server.wait()
