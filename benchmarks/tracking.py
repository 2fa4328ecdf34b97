"""What logging costs: `python benchmarks/tracking.py`.

Points a second in a step's process, and with the commit to the ledger; over HTTP from a script to a real `plimsoll up`;
and how long a metric of 100,000 points takes to read, whole and thinned for a plot. With --peer PYTHON, an interpreter
that has MLflow (`pip install mlflow-skinny sqlalchemy alembic`), the same of MLflow on SQLite, in its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS = 100_000
ROUNDS = 5

STEPS = """
import json
import time
from pathlib import Path

import plimsoll

def train(points):
    began = time.perf_counter()
    for number in range(points):
        plimsoll.log(loss=1 / (number + 1), step=number)
    Path("took.json").write_text(json.dumps(time.perf_counter() - began))
    return points
"""
SCRIPT = """
import sys
import time
import plimsoll

points, run = int(sys.argv[1]), sys.argv[2]
began = time.perf_counter()
with plimsoll.track(run):
    for number in range(points):
        plimsoll.log(auc=1 / (number + 1), step=number)
print(time.perf_counter() - began)
"""

PEER = """
import sys
import time
import mlflow
from mlflow.entities import Metric

points, folder = int(sys.argv[1]), sys.argv[2]
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
client = mlflow.MlflowClient()
with mlflow.start_run() as run:
    began = time.perf_counter()
    for number in range(500):
        mlflow.log_metric("one", 1 / (number + 1), step=number)
    print(f"MLflow {mlflow.__version__}, log_metric       {500 / (time.perf_counter() - began):,.0f} points/s, on disk at every call")
    began = time.perf_counter()
    for number in range(5000):
        mlflow.log_metric("later", 1 / (number + 1), step=number, synchronous=False)
    mlflow.flush_async_logging()
    print(f"MLflow, log_metric synchronous=False {5000 / (time.perf_counter() - began):,.0f} points/s, until flushed")
    began = time.perf_counter()
    for first in range(0, points, 1000):
        client.log_batch(run.info.run_id, [Metric("loss", 1 / (n + 1), 0, n) for n in range(first, first + 1000)])
    print(f"MLflow, log_batch of 1,000           {points / (time.perf_counter() - began):,.0f} points/s")
    began = time.perf_counter()
    found = len(client.get_metric_history(run.info.run_id, "loss"))
    print(f"MLflow, get_metric_history           {(time.perf_counter() - began) * 1000:,.0f} ms for {found:,} points")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--http-points", type=int, default=20_000)
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has MLflow")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "plimsoll.yaml").write_text("project: bench\ncode: steps.py\npipeline: {params: {points: 0}}\n")
        (root / "steps.py").write_text(STEPS)
        run, logging_s, step_s = _in_process(root, options.points)
        print(f"in a step     {options.points / logging_s:,.0f} points/s while it logs")
        print(f"              {options.points / step_s:,.0f} points/s from the step's start to its commit")
        for name, seconds in _reading(root, run, options.points):
            print(f"reading       {statistics.median(seconds) * 1000:.0f} ms {name} (median of {ROUNDS})")
        http_s = _over_http(root, run, options.http_points)
        print(f"over HTTP     {options.http_points / http_s:,.0f} points/s, one metric a call, until all has arrived")
    if options.peer:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [options.peer, "-W", "ignore", "-c", PEER, str(options.points), folder], cwd=folder, check=True
            )


def _plimsoll(root: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", *arguments, "--json"], cwd=root, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _in_process(root: Path, points: int) -> tuple[str, float, float]:
    """The run, the seconds of the calls, and those from the beginning of the run to its end less an empty run's."""
    empty = _plimsoll(root, "run", "-p", "points=1")["run"]
    full = _plimsoll(root, "run", "-p", f"points={points}")["run"]
    return full["id"], json.loads((root / "took.json").read_text()), max(_seconds(full) - _seconds(empty), 1e-6)


def _seconds(run: dict[str, Any]) -> float:
    from plimsoll.kernel.clock import from_text

    return (from_text(run["ended_at"]) - from_text(run["started_at"])).total_seconds()


def _reading(root: Path, run: str, points: int) -> list[tuple[str, list[float]]]:
    from plimsoll.edge.context import silent
    from plimsoll.server.wiring import call

    os.chdir(root)

    def stored() -> int:
        return _stored(root, run, "loss")

    def shown() -> int:
        return int(call("metrics.show", {"run": run, "most": 1000}, silent)["curves"][0]["points"])

    assert stored() == shown() == points
    return [("from the ledger", _timed(stored)), ("as metrics.show answers, thinned to 1,000", _timed(shown))]


def _stored(root: Path, run: str, metric: str) -> int:
    """How many points of a metric the ledger has; all of them are read."""
    from plimsoll.pipeline.metric_store import points_of
    from plimsoll.server.wiring import open_ledger, workspace_at

    with open_ledger(workspace_at(root).ledger_url).read() as transaction:
        return sum(map(len, points_of(transaction, run=run, metric=metric).values()))


def _timed(action: Callable[[], int]) -> list[float]:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return seconds


def _over_http(root: Path, run: str, points: int) -> float:
    token = _plimsoll(root, "tokens", "create")["token"]
    up = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "up", "--port", "0", "--json"], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert up.stdout is not None
    try:
        text = ""
        while not text.endswith("}\n"):
            text += up.stdout.readline()
        environment = {**os.environ, "PLIMSOLL_URL": json.loads(text)["address"], "PLIMSOLL_TOKEN": token}
        command = [sys.executable, "-c", SCRIPT, str(points), run]
        done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
        arrived = _stored(root, run, "auc")
        assert arrived == points, f"{arrived} of {points} points have arrived"
        return float(done.stdout)
    finally:
        up.terminate()
        up.wait(30)


if __name__ == "__main__":
    main()
