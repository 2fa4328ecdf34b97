"""Labels are taken together or not at all, are durable, and a later one counts instead of an earlier."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.conftest import START, Watched
from typer.testing import CliRunner

from plimsoll.capture.errors import LabelsRefused
from plimsoll.capture.labels import Label, LabelWriter
from plimsoll.cli.main import make_app
from plimsoll.data.engine import engine, path_list
from plimsoll.kernel.ids import new_id
from plimsoll.kernel.workspace import Workspace
from plimsoll.monitor.errors import BadLabelFile, BadLabels
from plimsoll.monitor.label_files import LabelColumns, read_label_file
from plimsoll.monitor.shipping import label_files, ship_labels
from plimsoll.project.environments import UnknownEnvironment

ID = new_id("prediction", at=START)


def kept(workspace: Workspace, environment: str = "production") -> list[tuple[Any, ...]]:
    ship_labels(workspace.labels(environment), workspace.shipped_labels(environment))
    with engine() as connection:
        files = path_list(label_files(workspace.shipped_labels(environment)))
        what = """prediction, "row", label, map_values(outcomes), "by" """
        return connection.execute(f"SELECT {what} FROM read_parquet({files}) ORDER BY received").fetchall()


def test_labels_and_outcomes_are_written_down_with_who_said_so(watched: Watched):
    answer = watched.ask(
        "labels.add",
        environment="production",
        labels=[{"prediction": ID, "label": True}, {"prediction": ID, "row": 3, "outcomes": {"revenue": 12.5}}],
    )
    assert answer == {"environment": "production", "taken": 2}
    assert kept(watched.workspace) == [
        (ID, 0, "true", [], watched.admin.name),
        (ID, 3, None, [12.5], watched.admin.name),
    ]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"prediction": "nonsense", "label": 1}, "'nonsense' is no prediction's id"),
        ({"prediction": ID, "label": 1, "row": -1}, "row -1 is below 0"),
        ({"prediction": ID}, "it has neither a label nor outcomes"),
        ({"prediction": ID, "label": 1, "at": "yesterday"}, "'yesterday' is no moment"),
    ],
)
def test_one_wrong_label_keeps_all_out_and_says_which(watched: Watched, item: dict[str, Any], problem: str):
    with pytest.raises(BadLabels) as caught:
        watched.ask("labels.add", environment="production", labels=[{"prediction": ID, "label": 0}, item])
    assert problem in str(caught.value)
    assert "number 2" in str(caught.value)
    assert not watched.workspace.labels("production").exists()


def test_an_environment_that_the_project_does_not_have_is_named(watched: Watched):
    with pytest.raises(UnknownEnvironment, match="'prod'"):
        watched.ask("labels.add", environment="prod", labels=[{"prediction": ID, "label": 0}])


def test_a_disk_that_refuses_is_said_and_what_came_before_is_kept(tmp_path: Path):
    writer = LabelWriter(tmp_path / "labels")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    many = [Label(prediction=ID, row=row, label="x" * 2000, at=START) for row in range(100)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(LabelsRefused) as caught:
            writer.append(many, received=START, by="ada")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert 0 < caught.value.facts["kept"] < 100
    writer.append(many, received=START, by="ada")
    writer.close()
    assert ship_labels(tmp_path / "labels", tmp_path / "shipped") == 100 + caught.value.facts["kept"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "plimsoll.yaml").write_text("project: fraud\ncode: steps.py\nenvironments: {production: {}}\n")
    (tmp_path / "steps.py").write_text("")
    monkeypatch.chdir(tmp_path)
    state = tmp_path / ".plimsoll"
    return Workspace(root=tmp_path, state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")


def label(*arguments: str) -> Any:
    return CliRunner().invoke(make_app(), ["label", *arguments, "--env", "production", "--json"])


def test_the_command_takes_one_label_or_a_file_of_many(project: Workspace, tmp_path: Path):
    (tmp_path / "labels.csv").write_text(f"prediction,label,outcome.revenue\n{ID},1,3.5\n{ID},0,\n")
    assert json.loads(label(ID, "true", "--outcome", "cost=2").stdout)["taken"] == 1
    assert json.loads(label("--file", "labels.csv").stdout)["taken"] == 2
    assert [row[2:4] for row in kept(project)] == [("true", [2.0]), ("1", [3.5]), ("0", [])]


def test_a_file_may_name_its_columns_otherwise(tmp_path: Path):
    (tmp_path / "labels.csv").write_text(f"id,churned\n{ID},yes\n")
    items = list(read_label_file(tmp_path / "labels.csv", LabelColumns(prediction="id", label="churned")))
    assert items == [{"prediction": ID, "row": 0, "label": "yes", "outcomes": {}, "at": ""}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such file"),
        ("id,label\na,1\n", "it has no column 'prediction', only id, label"),
        ("prediction,truth\na,1\n", "it has no column 'label' and none named outcome.NAME"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused_with_what_is_wrong(tmp_path: Path, content: str | None, problem: str):
    path = tmp_path / "labels.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadLabelFile) as caught:
        list(read_label_file(path, LabelColumns()))
    assert problem in str(caught.value)


def test_neither_a_prediction_nor_a_file_is_a_usage_error(project: Workspace):
    assert label().exit_code == 2
