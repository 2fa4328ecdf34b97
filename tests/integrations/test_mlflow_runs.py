"""Steps that call MLflow, with MLflow's own client; against a folder, and (marked `system`) against its own server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.mlflow_itself import Server
from tests.stories.workspace import Answer, ProjectFolder, kill, until

STEPS = """
import mlflow

mlflow.autolog(disable=True)


def numbers(size):
    return list(range(size))


def train(numbers):
    import os, time
    for number in numbers:
        mlflow.log_metric("loss", 1 / (number + 1), step=number)
    if os.path.exists("wait"):
        open("waiting", "w").close()
        while os.path.exists("wait"):
            time.sleep(0.02)
    return sum(numbers)


def twice(train):
    with mlflow.start_run():
        mlflow.log_param("rate", 1)
    with mlflow.start_run(run_name="second"):
        mlflow.log_param("rate", 2)
    return train * 2


def plain(numbers):
    return len(numbers)
"""
SETTINGS = "project: tiny\ncode: steps.py\npipeline: {params: {size: 4}}\n"
ASK = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient()
where = [found.experiment_id for found in client.search_experiments()]
print(json.dumps([
    {"id": run.info.run_id, "name": run.info.run_name, "status": run.info.status, "tags": run.data.tags,
     "metrics": run.data.metrics, "params": run.data.params,
     "experiment": client.get_experiment(run.info.experiment_id).name,
     "artifacts": [one.path for one in client.list_artifacts(run.info.run_id)],
     "models": [model.name for model in client.search_logged_models(where) if model.source_run_id == run.info.run_id]}
    for run in client.search_runs(where)
]))
"""


def make(folder: Path, mlflow: str = "mlflow: {}\n", steps: str = STEPS, **environment: str) -> ProjectFolder:
    folder.mkdir()
    (folder / "plimsoll.yaml").write_text(SETTINGS + mlflow)
    (folder / "steps.py").write_text(steps)
    return ProjectFolder(folder, {"GIT_PYTHON_REFRESH": "quiet", **environment})


def runs(uri: str, python: Path | str = sys.executable) -> list[dict[str, Any]]:
    """What MLflow's own client finds, oldest first."""
    environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [str(python), "-c", ASK], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(reversed(json.loads(done.stdout.splitlines()[-1])))


def folder_of(project: ProjectFolder) -> str:
    return (project.root / ".plimsoll" / "mlflow").as_uri()


def named(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = (run for run in found if run["name"] == name)
    return one


def test_calls_of_steps_become_children_of_a_run_that_names_ours(tmp_path: Path):
    project = make(tmp_path / "tiny")
    project.commit("begin")
    run = project.ask("run")["run"]

    found = runs(folder_of(project))

    parent = named(found, run["id"])
    assert {one["experiment"] for one in found} == {"tiny"}
    assert (parent["status"], parent["params"]) == ("FINISHED", {"size": "4"})
    assert parent["tags"]["plimsoll.commit"] == parent["tags"]["mlflow.source.git.commit"] == run["commit"]
    assert parent["tags"]["plimsoll.step.plain"].startswith("done in")
    children = [one for one in found if one is not parent]
    assert sorted(one["name"] for one in children) == ["second", "train", "twice"]
    assert {one["tags"]["mlflow.parentRunId"] for one in children} == {parent["id"]}
    assert {one["tags"]["plimsoll.run"] for one in found} == {run["id"]}
    assert {one["status"] for one in found} == {"FINISHED"}
    assert named(found, "train")["metrics"] == {"loss": 0.25}
    assert (named(found, "twice")["params"], named(found, "second")["params"]) == ({"rate": "1"}, {"rate": "2"})
    assert named(found, "second")["tags"]["plimsoll.step"] == "twice"


def test_a_cached_step_is_told_as_cached_and_the_setting_is_no_cause_to_run(tmp_path: Path):
    project = make(tmp_path / "tiny", mlflow="")
    (project.root / "steps.py").write_text("def numbers(size):\n    return size\n")
    project.ask("run")
    assert not (project.root / ".plimsoll" / "mlflow").exists()
    (project.root / "plimsoll.yaml").write_text(SETTINGS + "mlflow: {experiment: another}\n")
    again = project.ask("run")["run"]

    (parent,) = runs(folder_of(project))

    assert [step["state"] for step in again["steps"]] == ["cached"]
    assert parent["tags"]["plimsoll.step.numbers"] == "cached"
    assert (parent["name"], parent["experiment"], parent["status"]) == (again["id"], "another", "FINISHED")


def test_a_step_that_fails_leaves_no_run_under_way(tmp_path: Path):
    steps = "import mlflow\n\n\ndef train(size):\n    mlflow.log_metric('loss', 1)\n    raise ValueError('no good')\n"
    project = make(tmp_path / "tiny", steps=steps)
    project.plimsoll("run", expect=6)

    found = runs(folder_of(project))

    assert [(one["name"], one["status"]) for one in found[1:]] == [("train", "FAILED")]
    assert found[0]["status"] == "FAILED"
    assert "no good" in found[0]["tags"]["plimsoll.step.train"]


def test_a_run_that_is_killed_is_ended_as_killed(tmp_path: Path):
    project = make(tmp_path / "tiny")
    (project.root / "wait").touch()
    process = project.start("run", log=tmp_path / "log")
    until((project.root / "waiting").exists, of="the step")
    kill(process.pid)
    process.wait()

    until(lambda: "KILLED" in {one["status"] for one in runs(folder_of(project))}, of="the end")


def test_a_server_that_is_away_is_a_warning_and_ends_nothing(tmp_path: Path):
    project = make(tmp_path / "tiny", mlflow="mlflow: {tracking_uri: 'http://127.0.0.1:9'}\n")
    (project.root / "steps.py").write_text("def numbers(size):\n    return size\n")

    answer = project.plimsoll("run")

    assert answer.err.count("MLflow was not told of this run") == 2
    assert "http://127.0.0.1:9: Connection refused; this is tried once more" in told(answer)


def test_without_the_client_the_extra_is_named(tmp_path: Path):
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text("import sys\nsys.modules['mlflow'] = None\n")
    project = make(tmp_path / "tiny", PYTHONPATH=str(hide))
    answer = project.plimsoll("run", expect=5)
    assert "pip install 'plimsoll-ml[mlflow]'" in answer.err


def test_what_the_settings_may_say(tmp_path: Path):
    wrong = "mlflow: {tracking_uri: mlruns, champion: production}\n"
    said = make(tmp_path / "a", mlflow=wrong).plimsoll("check", expect=2).err
    assert "mlflow.tracking_uri: found 'mlruns', expected an address such as" in said
    assert "mlflow.champion: found 'production', expected an environment; none is defined" in said
    secret = make(tmp_path / "b", mlflow="mlflow: {tracking_uri: 'https://ada:pw@mlflow'}\n")
    said = secret.plimsoll("check", expect=2).err
    assert "MLFLOW_TRACKING_USERNAME" in said
    assert "ada:pw" not in said


def told(answer: Answer) -> str:
    return " ".join(answer.err.split())


@pytest.mark.system
@pytest.mark.timeout(600)
class TestServer:
    def test_autologging_of_scikit_learn_lands_in_the_run(self, mlflow_server: Server, tmp_path: Path):
        steps = """
        import mlflow
        from sklearn.linear_model import LogisticRegression

        mlflow.sklearn.autolog()


        def train(size):
            rows = [[number] for number in range(size)]
            return LogisticRegression(C=0.5).fit(rows, [number % 2 for number in range(size)])
        """
        import textwrap

        project = make(tmp_path / "auto", steps=textwrap.dedent(steps), MLFLOW_TRACKING_URI=mlflow_server.address)
        (project.root / "plimsoll.yaml").write_text(
            "project: auto\ncode: steps.py\npipeline: {params: {size: 20}}\nmlflow: {experiment: auto}\n"
        )
        run = project.ask("run")["run"]

        found = [one for one in runs(mlflow_server.address) if one["experiment"] == "auto"]

        child = named(found, "train")
        assert child["tags"]["mlflow.parentRunId"] == named(found, run["id"])["id"]
        assert child["params"]["C"] == "0.5"
        assert child["metrics"]["training_accuracy_score"] > 0
        assert child["models"] == ["model"]
        assert project.ask("run")["run"]["steps"][0]["state"] == "cached"

    def test_a_server_that_dies_meanwhile_and_comes_back(self, mlflow_server: Server, tmp_path: Path):
        settings = f"mlflow: {{tracking_uri: '{mlflow_server.address}', experiment: dies}}\n"
        project = make(tmp_path / "dies", mlflow=settings)
        mlflow_server.kill()
        (project.root / "steps.py").write_text(
            "import os, time\n\n\ndef numbers(size):\n    open('waiting', 'w').close()\n"
            "    while os.path.exists('wait'):\n        time.sleep(0.02)\n"
            "    import mlflow\n    mlflow.log_metric('late', 3)\n    return size\n"
        )
        (project.root / "wait").touch()
        process = project.start("run", log=tmp_path / "log")
        until((project.root / "waiting").exists, of="the step")
        mlflow_server.start()
        (project.root / "wait").unlink()
        assert process.wait(120) == 0, (tmp_path / "log").read_text()

        found = [one for one in runs(mlflow_server.address) if one["experiment"] == "dies"]

        (parent,) = (one for one in found if "mlflow.parentRunId" not in one["tags"])
        (child,) = (one for one in found if one is not parent)
        assert child["tags"]["mlflow.parentRunId"] == parent["id"]
        assert (child["metrics"], parent["status"]) == ({"late": 3.0}, "FINISHED")
        assert (tmp_path / "log").read_text().count("MLflow was not told") == 1
