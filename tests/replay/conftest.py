"""A small project with a recorded week, and replays of it as real processes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

BEGIN = datetime(1997, 5, 2, tzinfo=UTC)
HOURS = 6 * 24
PROJECT = """
project: orders
code: steps.py
data:
  orders: {path: data/orders-*.csv, time: at, columns: {returned: {type: bool, nullable: false}}}
pipeline:
  steps:
    split: {outputs: [train_set, holdout]}
model:
  from: train
  task: binary_classification
  label: returned
  inputs: [price, share]
  context: [kind]
  holdout: holdout
gates:
  - {metric: accuracy, min: 0.5}
environments:
  staging: {}
  production: {after: staging, bake: 1h, approvals: [{role: approver}]}
monitor: {window: 1d, notify: ["json://127.0.0.1:9/nobody"]}
"""
STEPS = '''
"""Will an order come back?"""

from sklearn.linear_model import LogisticRegression


def split(orders):
    """Every second row to learn from."""
    return orders.iloc[::2].reset_index(drop=True), orders.iloc[1::2].reset_index(drop=True)


def train(train_set):
    """A logistic regression."""
    return LogisticRegression().fit(train_set[["price", "share"]], train_set["returned"])
'''


def lines(begin: datetime, hours: int) -> str:
    """Orders of some hours, one each, as CSV."""
    draw = random.Random(begin.toordinal())
    found = ["at,price,share,kind,returned"]
    for hour in range(hours):
        at, share = begin + timedelta(hours=hour), draw.random()
        price, kind = draw.uniform(5, 200), draw.choice("abc")
        found.append(f"{at:%Y-%m-%dT%H:%M:%S},{price:.2f},{share:.3f},{kind},{draw.random() < share}")
    return "\n".join(found) + "\n"


@dataclass
class Replays:
    """The project's folder, and replays begun in it."""

    root: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "plimsoll", "replay", "recorded/week.csv", "--json", *arguments]

    def run(self, *arguments: str) -> tuple[int, Any]:
        """To its end: exit code and document."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.root, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.root / ".plimsoll-replay.log").open("ab") as log:
            return subprocess.Popen(self.command(*arguments), cwd=self.root, stdout=log, stderr=log)

    @property
    def folder(self) -> Path:
        return self.root / ".plimsoll" / "replays" / "week"

    @property
    def state(self) -> Path:
        return self.folder / "project" / ".plimsoll"

    def left_running(self) -> list[str]:
        """Processes that work in the replay's folder, or were told of it."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                cwd = str((place / "cwd").readlink())
            except OSError:
                continue
            if str(self.folder) in command or cwd.startswith(str(self.folder)):
                found.append(command)
        return found


@pytest.fixture
def replays(tmp_path: Path) -> Replays:
    root = tmp_path / "orders"
    (root / "data").mkdir(parents=True)
    (root / "recorded").mkdir()
    (root / "plimsoll.yaml").write_text(PROJECT)
    (root / "steps.py").write_text(STEPS)
    (root / ".gitignore").write_text(".plimsoll*\n__pycache__/\ndata/\nrecorded/\n")
    (root / "data" / "orders-past.csv").write_text(lines(BEGIN - timedelta(days=12), 14 * 24))
    (root / "recorded" / "week.csv").write_text(lines(BEGIN, HOURS))
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=ada", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    return Replays(root)
