"""Requests keep coming while everything that serves them is killed in turn and the release is changed.

Only a request that was inside a killed door may fail; whatever was answered is captured once.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder, kill, until

from plimsoll.capture.reader import read_predictions

pytestmark = pytest.mark.story

CONNECTIONS = 4


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[ProjectFolder]:
    """Two releases of a model that needs a worker, which differ in a parameter."""
    project = make_orders(tmp_path / "orders")
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    project.ask("run", "--param", "strength=0.5")
    project.ask("release")
    yield project
    project.end()


@pytest.mark.timeout(240)
def test_nothing_fails_but_what_was_inside_a_killed_door(orders: ProjectFolder, tmp_path: Path):
    # Given a server, a live release and steady keep-alive load
    log = tmp_path / "up.log"
    servers = [start_server(orders, log)]
    address = orders.ask("deploy", "orders@1", "--env", "production")["address"]
    with load(address, tmp_path) as (status, load_process):
        until(lambda: answered(status) > 100, of="steady load")

        # When the server is killed and started again
        kill(servers[0].pid)
        servers[0].wait()
        grow(status, by=50)
        servers.append(start_server(orders, log))

        # And the worker is killed
        worker = pid_of(orders, "worker")
        kill(worker)
        until(lambda: pid_of(orders, "worker") not in (None, worker), of="another worker")
        grow(status, by=50)
        assert json.loads(status.read_text())["failed"] == 0

        # And the door is killed
        door = pid_of(orders, "door")
        kill(door)
        until(lambda: pid_of(orders, "door") not in (None, door), of="another door")
        grow(status, by=50)

        # And the second release is swapped in
        orders.ask("deploy", "orders@2", "--env", "production")
        grow(status, by=50)
        load_process.terminate()
        summary = json.loads(load_process.communicate()[0])
    for server in servers[1:]:
        server.terminate()
        server.wait()

    # Then nothing failed but requests in flight inside the killed door, and every answer is captured exactly once
    assert summary["failed"] <= CONNECTIONS, summary
    assert all("closed" in reason or "reset" in reason.lower() for reason in summary["reasons"]), summary
    assert set(summary["releases"]) == {"orders@1", "orders@2"}
    captured = Counter(item.id for item in read_predictions(orders.root / ".plimsoll" / "capture" / "production"))
    assert max(captured.values()) == 1
    assert len(captured) >= summary["answered"]
    assert set(summary["predictions"]) <= set(captured)
    assert orders.plimsoll("audit", "verify").code == 0


def start_server(orders: ProjectFolder, log: Path) -> subprocess.Popen[bytes]:
    """`plimsoll up` on a free port, once it controls the workspace."""
    note = orders.root / ".plimsoll" / "server.json"
    server = orders.start("up", "--port", "0", log=log)
    until(
        lambda: note.exists() and json.loads(note.read_text())["pid"] == server.pid,
        of=f"the server's note ({log.read_text()})",
    )
    return server


@contextmanager
def load(address: str, scratch: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Keep-alive requests from another process, until its end is asked for."""
    draw = random.Random(9)
    requests = scratch / "requests.jsonl"
    requests.write_text("".join(json.dumps(a_request(draw)) + "\n" for _ in range(50)))
    status = scratch / "status.json"
    url = f"{address}/v2/models/orders/infer"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "plimsoll.demo.load", url, str(requests), "--status", str(status)),
            *("--connections", str(CONNECTIONS), "--rate", "100", "--timeout", "30"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until(status.exists, of="the load's first status")
        yield status, process
    finally:
        process.kill()
        process.wait()


def a_request(draw: random.Random) -> dict[str, Any]:
    price = draw.uniform(5, 200)
    values = {"price": price, "discount": price * draw.random()}
    return {
        "inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in values.items()]
    }


def answered(status: Path) -> int:
    return int(json.loads(status.read_text())["answered"])


def grow(status: Path, *, by: int) -> None:
    """Wait until so many more requests were answered."""
    goal = answered(status) + by
    until(lambda: answered(status) >= goal, of=f"{by} more answers")


def pid_of(orders: ProjectFolder, role: str) -> int | None:
    (view,) = orders.ask("status")
    return dict(view["processes"]).get(role) if view["state"] == "live" else None
