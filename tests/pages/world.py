"""What the pages show: a real project with runs, releases, approvals, alerts and a rollout under way, behind one server.

Everything is made through the server's API by real runs, doors and workers; nothing is written into the ledger here.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.server.conftest import Up, start
from tests.stories.orders_project import make_orders, order_rows
from tests.stories.workspace import ProjectFolder, until

ENVIRONMENTS = """
  staging: {}
  production:
    after: staging
    approvals: [{role: approver, count: 1, not: author}]
    rollout: {strategy: canary, stages: [5, 25, 50], hold: 10m, look: 200ms, warm: 1s}
  quick:
    rollout: {strategy: all-at-once, warm: 1s}
monitor: {window: 2s, drift: {false_alarms: 1/day}}
"""


@dataclass
class World:
    """The project's folder, its server, and who there is."""

    project: ProjectFolder
    up: Up
    tokens: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """How a run went -> its id."""
    prediction: str = ""

    def call(self, operation: str, *, who: str = "ada", **payload: Any) -> Any:
        """Perform an operation through the API; raises when it is refused."""
        lines = self.raw(operation, who=who, **payload)
        assert "result" in lines, lines
        return lines["result"]

    def raw(self, operation: str, *, who: str = "ada", **payload: Any) -> Any:
        body = json.dumps(payload).encode()
        _, _, content = self.up.request("POST", f"/api/call/{operation}", token=self.tokens[who], body=body)
        return json.loads(content.splitlines()[-1])

    def events(self, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("audit.list", **filters)
        return found

    def wait_live(self, environment: str, release: str) -> dict[str, Any]:
        def live() -> Any:
            view = self.call("deployments.show", environment=environment)
            return view if (view["state"], view["release"]) == ("live", release) else None

        view: dict[str, Any] = until(live, of=f"{release} in {environment}")
        return view

    def standing(self, environment: str) -> str:
        return str(self.call("rollouts.show", environment=environment)["standing"])

    def under_way(self) -> str:
        """The id of the rollout of orders@2 that is in its first stage in production; begun anew when it has ended."""
        latest = self.call("rollouts.show", environment="production")
        if latest["ended_at"]:
            self.call("deployments.create", release="orders@2", environment="production")
        until(lambda: self.standing("production") == "stage", of="the first stage")
        return str(self.call("rollouts.show", environment="production")["id"])

    def end(self) -> None:
        with ThreadPoolExecutor() as pool:
            places = self.call("deployments.list")
            list(pool.map(lambda place: self.raw("deployments.stop", environment=place["environment"]), places))
            until(
                lambda: all(one["state"] == "stopped" for one in self.call("deployments.list")), of="the doors to end"
            )
        self.up.process.terminate()
        self.up.process.wait(20)
        assert self.up.process.stdout is not None
        self.up.process.stdout.close()


def make_world(folder: Path) -> World:
    """The whole state, in about half a minute."""
    project = make_orders(folder / "orders")
    page = project.root / "plimsoll.yaml"
    page.write_text(page.read_text().replace("  production: {}\n", ENVIRONMENTS.lstrip("\n")))
    with (project.root / ".gitignore").open("a") as ignored:
        ignored.write("up.err\n")
    project.commit("Predict returns")
    world = World(project=project, up=start(project.root))
    try:
        _people(world)
        _release(world, 1, 1.0)
        with ThreadPoolExecutor() as pool:
            for part in (pool.submit(_more_releases, world), pool.submit(_first_life, world)):
                part.result()
        _rollout(world)
    except BaseException:
        world.end()
        raise
    return world


def _people(world: World) -> None:
    made = world.project.ask("tokens", "create")
    world.tokens["ada"] = made["token"]
    for name, role in (("grace", "approver"), ("olga", "operator"), ("vera", "viewer")):
        world.tokens[name] = world.call("people.add", person=name, role=role)["token"]


def _release(world: World, number: int, strength: float) -> None:
    report = world.call("runs.create", params={"strength": strength})
    world.runs[f"good {number}"] = report["run"]["id"]
    curve = [["loss", step, 1 / (step + 1), 0.0] for step in range(300)] + [["loss", 300, "nan", 0.0]]
    world.call("metrics.log", run=report["run"]["id"], points=curve, params={"optimizer": "sgd"})
    world.call("releases.create", run=report["run"]["id"])


def _more_releases(world: World) -> None:
    """Two more, a sweep, and a run whose step fails and says why."""
    _sweep(world)
    _release(world, 2, 0.5)
    _release(world, 3, 0.2)
    code = world.project.root / "steps.py"
    before = code.read_text()
    code.write_text(
        before.replace("    return train_set[", "    print('about to fail')\n    1 / 0\n    return train_set[")
    )
    assert "error" in world.raw("runs.create")
    code.write_text(before)
    world.runs["failed"] = world.call("runs.list", limit=1)[0]["run"]["id"]


def _sweep(world: World) -> None:
    """Four trials of which one fails."""
    code = world.project.root / "steps.py"
    before = code.read_text()
    code.write_text(
        f"import plimsoll\n{before}\n\ndef told(train, strength):\n    plimsoll.log(loss=1 / (strength - 3))\n"
    )
    world.call("sweeps.create", minimize="loss", params={"strength": [0.1, 0.3, 3, 1.0]})
    code.write_text(before)


def _first_life(world: World) -> None:
    """orders@1 live in production, whose callers change."""
    world.call("deployments.create", release="orders@1", environment="staging")
    world.call(
        "approvals.create", who="grace", release="orders@1", environment="production", comment="slices look right"
    )
    world.wait_live("staging", "orders@1")
    world.call("deployments.create", release="orders@1", environment="production")
    world.call("deployments.create", release="orders@1", environment="quick")
    live = world.wait_live("production", "orders@1")
    world.prediction = _predict(live["address"], shift=1.0)
    _drift(world, live["address"])


def _rollout(world: World) -> None:
    """orders@2 on its way to production."""
    world.call("deployments.create", release="orders@2", environment="staging")
    world.call("approvals.create", who="grace", release="orders@2", environment="production")
    world.wait_live("staging", "orders@2")
    world.call("deployments.create", release="orders@2", environment="production")
    until(lambda: world.standing("production") == "stage", of="the first stage")
    world.wait_live("quick", "orders@1")


def _drift(world: World, address: str) -> None:
    """Orders ten times as dear, window by window, until an alert is opened."""

    def alert() -> bool:
        _predict(address, shift=10.0)
        time.sleep(0.1)
        return bool(world.call("alerts.list"))

    until(alert, seconds=40, of="an alert")


def _predict(address: str, *, shift: float, rows: int = 100) -> str:
    """Ask for a hundred predictions at once; the id of the first answer."""
    some = order_rows(rows)
    columns = {"price": [price * shift for price, _ in some], "discount": [discount * shift for _, discount in some]}
    inputs = [{"name": name, "shape": [rows], "datatype": "FP64", "data": values} for name, values in columns.items()]
    place = urlsplit(address)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=20)
    try:
        connection.request("POST", "/v2/models/orders/infer", json.dumps({"inputs": inputs}))
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert "outputs" in answer, answer
    return str(answer["id"])
