"""The census income data, from the file to a release served with curl. Real rows, real processes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stories.workspace import ProjectFolder

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def income(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[ProjectFolder]:
    folder = tmp_path_factory.mktemp("income")
    shutil.copytree(Path(__file__).parent / "adult", folder, dirs_exist_ok=True)
    (folder / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    project = ProjectFolder(folder, {"ADULT": str(shared_data / "adult.data")})
    project.commit("Predict income")
    yield project
    project.end()


def test_the_income_model_is_trained_judged_released_and_served_with_curl(income: ProjectFolder):
    # Given a run whose verdict passes, overall and in slices by sex and race
    report = income.ask("run")
    slices = {check["slice"] for check in report["verdict"]["checks"] if check["slice"]}
    assert report["verdict"]["finding"] == "pass"
    assert any("Female" in name for name in slices)
    assert any("Black" in name for name in slices)

    # When it is released, approved by someone other than its author, and deployed
    release = income.ask("release")
    grace = income.ask("people", "add", "grace", "--role", "approver")["token"]
    refused = income.plimsoll("approve", release["name"], "--env", "production", expect=4)
    assert "author" in refused.err
    income.ask("approve", release["name"], "--env", "production", PLIMSOLL_TOKEN=grace)
    income.ask("approve", release["name"], "--env", "production", "--withdraw", PLIMSOLL_TOKEN=grace)
    assert "release.not_approved" in income.plimsoll("deploy", release["name"], "--env", "production", expect=4).err
    income.ask("approve", release["name"], "--env", "production", PLIMSOLL_TOKEN=grace)
    deployment = income.ask("deploy", release["name"], "--env", "production")

    # Then curl gets predictions, and a prediction leads back to the data file's version
    answer = curl(
        f"{deployment['address']}/v2/models/income/infer",
        {
            "inputs": [
                {"name": "age", "shape": [2], "datatype": "INT64", "data": [52, 19]},
                {"name": "education-num", "shape": [2], "datatype": "INT64", "data": [14, 9]},
                {
                    "name": "marital-status",
                    "shape": [2],
                    "datatype": "BYTES",
                    "data": ["Married-civ-spouse", "Never-married"],
                },
                {"name": "capital-gain", "shape": [2], "datatype": "INT64", "data": [15024, 0]},
                {"name": "capital-loss", "shape": [2], "datatype": "INT64", "data": [0, 0]},
                {"name": "hours-per-week", "shape": [2], "datatype": "INT64", "data": [50, 20]},
                {"name": "occupation", "shape": [2], "datatype": "BYTES", "data": ["Exec-managerial", None]},
                {"name": "workclass", "shape": [2], "datatype": "BYTES", "data": ["Private", None]},
                {"name": "sex", "shape": [2], "datatype": "BYTES", "data": ["Female", "Male"]},
            ]
        },
    )
    outputs = {output["name"]: output["data"] for output in answer.body["outputs"]}
    assert outputs["decision"] == [">50K", "<=50K"]
    sure, unlikely = outputs["score"]
    assert sure > 0.9
    assert unlikely < 0.1
    trace = income.ask("trace", answer.headers["plimsoll-prediction-id"])
    kinds = [link["kind"] for link in trace["links"]]
    assert kinds[:2] == ["prediction", "release"]
    assert {"approval", "deployment", "run", "commit", "data", "runtime", "verdict"} <= set(kinds)
    assert income.plimsoll("audit", "verify").code == 0


class CurlAnswer:
    """Headers and body as curl saw them."""

    def __init__(self, text: str) -> None:
        head, _, body = text.partition("\n\n")
        lines = (line.partition(":") for line in head.splitlines()[1:])
        self.headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        self.body = json.loads(body)


def curl(url: str, document: dict[str, object]) -> CurlAnswer:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    process = subprocess.run(
        ["curl", "-si", "-X", "POST", url, "-H", "Content-Type: application/json", "-d", json.dumps(document)],
        capture_output=True,
        text=True,
        check=True,
    )
    return CurlAnswer(process.stdout)
