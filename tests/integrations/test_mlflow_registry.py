"""Releases in MLflow's registry, with real commands; against a folder, and (marked `system`) MLflow's own server."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY
from tests.mlflow_itself import Server
from tests.stories.workspace import ProjectFolder, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

QUIET = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
ASK = """
import json
from mlflow import MlflowClient
client = MlflowClient()
(model,) = client.search_registered_models("name = 'orders'")
found = client.search_model_versions("name = 'orders'")
print(json.dumps({"aliases": model.aliases, "versions": {str(one.version): one.tags for one in found}}))
"""
PREDICT = """
import json, sys
import mlflow, pandas as pd
frame = pd.DataFrame(json.load(open(sys.argv[1])))
model = mlflow.pyfunc.load_model("models:/orders@champion")
print(json.dumps([str(answer) for answer in model.predict(frame)]))
"""


def client(uri: str, code: str, *arguments: str, python: Path | str = sys.executable) -> Any:
    """What code that uses MLflow's own client prints."""
    done = subprocess.run(
        [str(python), "-c", code, *arguments],
        env={**os.environ, **QUIET, "MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[ProjectFolder]:
    """Predicting returns; nothing has run yet."""
    folder = tmp_path / "orders"
    shutil.copytree(REPOSITORY / "tests" / "stories" / "orders", folder)
    (folder / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    draw = random.Random(5)
    rows = [(draw.uniform(5, 200), draw.random()) for _ in range(600)]
    lines = [f"{price:.2f},{price * share:.2f},{draw.random() < 0.2 + 0.6 * share}" for price, share in rows]
    (folder / "orders.csv").write_text("price,discount,returned\n" + "\n".join(lines) + "\n")
    project = ProjectFolder(folder, QUIET)
    yield project
    project.end()


def use_mlflow(project: ProjectFolder, settings: str) -> None:
    page = project.root / "plimsoll.yaml"
    page.write_text(page.read_text() + f"mlflow: {settings}\n")
    project.commit("Predict returns")


def release(project: ProjectFolder, strength: float) -> dict[str, Any]:
    project.ask("run", "-p", f"strength={strength}")
    made: dict[str, Any] = project.ask("release")
    return made


def test_releases_are_versions_and_the_alias_follows_the_live_one(orders: ProjectFolder):
    # Given two releases, the first of them live
    use_mlflow(orders, "{}")
    uri = (orders.root / ".plimsoll" / "mlflow").as_uri()
    first, second = release(orders, 1.0), release(orders, 0.01)
    shown = client(uri, ASK)
    assert shown["aliases"] == {}
    assert {one: tags["plimsoll.digest"] for one, tags in shown["versions"].items()} == {
        "1": first["digest"],
        "2": second["digest"],
    }
    assert shown["versions"]["1"]["plimsoll.verdict"] == "pass"
    assert shown["versions"]["1"]["plimsoll.commit"] == first["commit"]

    # When one is deployed, then the other, and taken back
    orders.ask("deploy", "orders@1", "--env", "production")
    assert client(uri, ASK)["aliases"] == {"champion": "1"}
    orders.ask("deploy", "orders@2", "--env", "production", "--strategy", "all-at-once")
    until(lambda: orders.ask("status")[0]["release"] == "orders@2", of="the second release")
    assert client(uri, ASK)["aliases"] == {"champion": "2"}
    orders.ask("rollback", "--env", "production")
    until(lambda: orders.ask("status")[0]["release"] == "orders@1", of="the first release")

    # Then the alias is back as well, and what somebody else does with it is put right
    assert client(uri, ASK)["aliases"] == {"champion": "1"}
    client(uri, "from mlflow import MlflowClient; MlflowClient().set_registered_model_alias('orders', 'champion', '2')")
    published = orders.ask("mlflow")
    assert published["changed"] == ["the alias champion belongs to orders@1"]
    assert client(uri, ASK)["aliases"] == {"champion": "1"}
    again = orders.ask("mlflow")
    assert (again["changed"], again["versions"]) == ([], {"orders@1": "1", "orders@2": "2"})


def test_a_registry_that_is_away_blocks_no_release_and_no_deployment(orders: ProjectFolder):
    use_mlflow(orders, "{tracking_uri: 'http://127.0.0.1:9'}")
    orders.ask("run")
    released = orders.plimsoll("release")
    assert "MLflow does not show the releases of orders as they are" in " ".join(released.err.split())
    assert orders.ask("deploy", "orders@1", "--env", "production")["release"] == "orders@1"
    answer = orders.plimsoll("mlflow", expect=5)
    assert "mlflow.behind" in answer.err
    assert "Connection refused" in answer.err


def test_a_project_without_mlflow_says_how_to_use_it(orders: ProjectFolder):
    assert "mlflow.not_used" in orders.plimsoll("mlflow", expect=2).err


@pytest.mark.system
def test_mlflow_s_own_loader_answers_as_the_scorer_does(
    orders: ProjectFolder, mlflow_server: Server, mlflow_python: Path
):
    # Given a server of MLflow's own that is away when a release is made and deployed
    use_mlflow(orders, f"{{tracking_uri: '{mlflow_server.address}'}}")
    orders.ask("run")
    mlflow_server.kill()
    assert "mlflow.behind" in orders.plimsoll("release").err
    orders.ask("deploy", "orders@1", "--env", "production")

    # When it comes back while `plimsoll up` runs
    mlflow_server.start()
    server = orders.start("up", "--port", "0", "--json", log=orders.root / "up.log")
    try:
        until(lambda: "champion" in str(client(mlflow_server.address, ALIASES)), seconds=90, of="the alias")
    finally:
        server.terminate()
        server.wait(60)

    # Then what its client loads answers as the scorer does, on what the model itself takes
    lines = (orders.root / "orders.csv").read_text().splitlines()[1:101]
    (orders.root / "rows.csv").write_text("\n".join(["price,discount", *(line.rpartition(",")[0] for line in lines)]))
    orders.plimsoll("score", "orders@1", "rows.csv", "out.jsonl")
    ours = [json.loads(line) for line in (orders.root / "out.jsonl").read_text().splitlines()]
    rows = [[float(value) for value in line.split(",")[:2]] for line in lines]
    features = [{"price": price, "share": discount / price} for price, discount in rows]
    (orders.root / "features.json").write_text(json.dumps(features))
    theirs = client(mlflow_server.address, PREDICT, str(orders.root / "features.json"), python=mlflow_python)
    assert len(set(theirs)) == 2
    assert theirs == [str(answer["decision"]) for answer in ours]


ALIASES = """
import json
from mlflow import MlflowClient
print(json.dumps([dict(one.aliases) for one in MlflowClient().search_registered_models()]))
"""
