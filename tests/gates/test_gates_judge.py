"""A run is judged with real scorers, each in its own process; the verdict is kept, audited and never differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.build import build_scorer
from plimsoll.edge.context import Context
from plimsoll.edge.operations import perform
from plimsoll.gates import scoring
from plimsoll.gates.entities import Finding
from plimsoll.gates.operations import get_verdict, judge
from plimsoll.gates.ports import LiveRelease
from plimsoll.gates.report import verdict_text
from plimsoll.governance.operations import events_about, local_caller
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import connect
from plimsoll.ledger.migrate import migrate
from plimsoll.pipeline.codecs import write_value
from plimsoll.pipeline.entities import Run, RunState, StepOutcome, StepState
from plimsoll.project.entities import Dataset, Gate, Model, Project

ROWS = 3000
FLOOR = Gate(metric="roc_auc", min=0.7)
OVERALL = Gate(metric="accuracy", against="production", margin=0.02)
SLICED = Gate(metric="accuracy", against="production", margin=0.03, slices="all")


@dataclass
class Line:
    """A workspace with a ledger, a holdout and scorers; also the Champions of its one environment."""

    context: Context
    folder: Path
    live_release: LiveRelease | None = None

    def champion(self, *, project: str, environment: str) -> LiveRelease | None:
        return self.live_release

    def live(self, *, project: str) -> Mapping[str, str | None]:
        return {"production": self.live_release.digest} if self.live_release else {}

    def go_live(self, scorer: Path) -> None:
        self.live_release = LiveRelease(name="fraud@1", digest="d" * 64, scorer=scorer)

    def scorer(self, name: str, model: Any, frame: pd.DataFrame, *, task: str = "binary_classification") -> Path:
        """The scorer of that name, made once; its inputs are what the model was trained on."""
        folder = self.folder / name
        if not folder.exists():
            inputs = tuple(model.feature_names_in_)
            build_scorer(folder, model=model, holdout=frame, task=task, label="y", inputs=inputs)
        return folder

    def run(self, name: str, scorer: Path, holdout: pd.DataFrame) -> Run:
        folder = self.folder / f"holdout-of-{name}"
        folder.mkdir()
        write_value(holdout, folder)
        outputs = {"holdout": self.context.artifacts.put_tree(folder)}
        return Run(
            id=name,
            project="fraud",
            state=RunState.DONE,
            created_by="ada",
            started_at="2026-01-01T00:00:00.000000Z",
            steps=(StepOutcome(step="split", state=StepState.DONE, key="k", because="new", outputs=outputs),),
            scorer=self.context.artifacts.put_tree(scorer),
        )


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Iterator[Line]:
    """One workspace for all tests here: what was scored for one test need not be scored again for the next."""
    root = tmp_path_factory.mktemp("judge")
    workspace = Workspace(root=root, state=root / "state", ledger_url=f"sqlite:///{root}/ledger.sqlite")
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    database = connect(workspace.ledger_url)
    migrate(database, clock=clock)
    context = Context(
        caller=local_caller(database, workspace, clock),
        clock=clock,
        database=database,
        artifacts=FolderStore(workspace.artifacts),
        workspace=workspace,
        project="fraud",
        plugin=lambda *_: None,
    )
    (root / "made").mkdir()
    yield Line(context=context, folder=root / "made")
    database.close()


@pytest.fixture
def line(workshop) -> Line:
    workshop.live_release = None
    return workshop


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """In country B the influence of `b` is turned round."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"a": draw.normal(size=ROWS), "b": draw.normal(size=ROWS)})
    table["country"] = draw.choice(["A", "B", "C"], size=ROWS, p=[0.5, 0.2, 0.3])
    turn = np.where(table["country"] == "B", -0.6, 0.6)
    table["y"] = table["a"] + turn * table["b"] + 0.3 * draw.normal(size=ROWS) > 0
    return table


@pytest.fixture
def blind(line, frame) -> Path:
    """A scorer that never saw country B: better on the whole, worse there."""
    seen = frame[frame["country"] != "B"]
    return line.scorer("blind", LogisticRegression().fit(seen[["a", "b"]], seen["y"]), frame)


@pytest.fixture
def plain(line, frame) -> Path:
    """A scorer that looks at `a` alone: the same everywhere."""
    return line.scorer("plain", LogisticRegression().fit(frame[["a"]], frame["y"]), frame)


def project(
    *gates: Gate, slices: tuple[str, ...] = ("country",), task: str = "binary_classification", **changes
) -> Project:
    model = Model(from_="train", task=task, label="y", holdout="holdout", slices=slices)
    return Project(project="fraud", code="steps.py", model=replace(model, **changes), gates=gates)


def test_without_a_champion_the_candidate_is_compared_with_a_stated_baseline(line, frame, blind):
    run = line.run("run-baseline", blind, frame)

    verdict = judge(line.context, project(FLOOR, OVERALL, SLICED), run, champions=line)

    assert verdict.finding is Finding.PASS
    assert [(item.environment, item.release, item.baseline) for item in verdict.champions] == [
        ("production", None, "majority class")
    ]
    assert [check.slice for check in verdict.checks] == [None, None, "country = A", "country = C", "country = B"]
    assert verdict.notes[-1] == (
        "Nothing is live in production: compared with a baseline that predicts the most frequent class everywhere, with "
        "each class's share of the holdout as its probability."
    )
    assert get_verdict(line.context, verdict.id) == verdict
    assert perform("verdicts.show", {"verdict": verdict.id}, line.context)["finding"] == "pass"
    (event,) = events_about(line.context, subject="run-baseline")
    assert (event.action, event.detail["verdict"], event.detail["finding"]) == ("verdict_reached", verdict.id, "pass")


def test_a_worse_slice_fails_a_candidate_that_is_better_overall(line, frame, blind, plain):
    line.go_live(plain)

    verdict = judge(line.context, project(OVERALL, SLICED), line.run("run-worse", blind, frame), champions=line)

    found = {check.slice: check for check in verdict.checks}
    assert verdict.finding is Finding.FAIL
    assert verdict.champions[0].digest == "d" * 64
    assert {name: str(check.finding) for name, check in found.items()} == {
        None: "pass",
        "country = A": "pass",
        "country = B": "fail",
        "country = C": "pass",
    }
    assert found[None].difference.low > 0
    assert found["country = B"].difference.high < -0.03
    assert f"{'  country = B':<37}FAIL" in verdict_text(verdict)


def test_the_same_run_gets_the_same_verdict_and_nobody_is_asked_twice(line, frame, blind, plain, monkeypatch):
    line.go_live(plain)
    run = line.run("run-again", blind, frame)
    gates = project(FLOOR, Gate(metric="f1", against="production", margin=0.05), SLICED)
    first = judge(line.context, gates, run, champions=line)

    monkeypatch.setattr(scoring, "score_all", lambda *_: pytest.fail("scored again"))
    again = judge(line.context, gates, run, champions=line)

    assert again == first
    assert len(again.id) == 64


def test_the_candidate_that_is_the_champion_passes(line, frame, blind):
    line.go_live(blind)
    gates = project(Gate(metric="roc_auc", against="production"))

    verdict = judge(line.context, gates, line.run("run-same", blind, frame), champions=line)

    assert verdict.checks[0].because == "The candidate is the champion: the same scorer, byte for byte."


def test_regression_follows_time_when_a_dataset_names_its_time_column(line, frame):
    sales = frame.assign(y=frame["a"] * 3.0, at=pd.date_range("2026-01-01", periods=ROWS, freq="h"))
    model = LinearRegression().fit(sales[["a", "b"]], sales["y"])
    run = line.run("run-sales", line.scorer("sales", model, sales, task="regression"), sales)
    limits = (Gate(metric="rmse", against="production"), Gate(metric="mae", max=0.5))
    gates = project(*limits, task="regression", slices=())

    timed = judge(line.context, replace(gates, data={"sales": Dataset(path="x.csv", time="at")}), run, champions=line)
    timeless = judge(line.context, gates, run, champions=line)

    assert (timed.finding, timed.champions[0].baseline) == (Finding.PASS, "last value")
    assert timed.notes[0].endswith("predicts the label of the row before in at, taken as known by then.")
    assert timeless.champions[0].baseline == "mean"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"label": "is_y"}, "gates.label_missing", "The holdout holdout has no column is_y, which model.label names."),
        ({"holdout": "hold"}, "gates.holdout_missing", "has no output or dataset hold, which model.holdout names."),
        ({"slices": ("countri",)}, "gates.bad_slice", "The slice countri is no column of the holdout. Did you mean country?"),
        ({"task": "regression"}, "gates.metric_not_for_task", "The metric roc_auc does not fit regression."),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_before_anything_is_scored(
    line, frame, blind, monkeypatch, change, code, said
):
    run = line.run(f"run-{code}", blind, frame)
    monkeypatch.setattr(scoring, "score_all", lambda *_: pytest.fail("scored"))

    with pytest.raises(PlimsollError) as refusal:
        judge(line.context, project(FLOOR, **change), run, champions=line)

    assert refusal.value.code == code
    assert said in str(refusal.value)
    assert refusal.value.advice


def test_a_holdout_of_a_few_rows_is_refused(line, frame, blind):
    with pytest.raises(PlimsollError) as refusal:
        judge(line.context, project(FLOOR), line.run("run-few", blind, frame.head(12)), champions=line)

    assert str(refusal.value) == "The holdout holdout has 12 rows; a verdict needs 30 at the very least."


def test_a_champion_that_needs_other_columns_is_named(line, frame, blind, plain):
    line.go_live(blind)
    run = line.run("run-narrow", plain, frame.drop(columns="b"))

    with pytest.raises(PlimsollError) as refusal:
        judge(line.context, project(OVERALL, slices=()), run, champions=line)

    assert refusal.value.code == "gates.champion_differs"
    said = "fraud@1 in production: the holdout is not what it was made for (the column b is missing"
    assert said in str(refusal.value)


def test_a_run_without_a_scorer_or_gates_has_nothing_to_judge(line, frame, blind):
    run = line.run("run-nothing", blind, frame)

    for gates, made in ((project(), run), (project(FLOOR), replace(run, scorer=None))):
        with pytest.raises(PlimsollError, match="run-nothing has nothing to judge"):
            judge(line.context, gates, made, champions=line)
