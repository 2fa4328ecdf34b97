"""The built-in last step: from a trained model and a holdout to a scorer, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.codecs import frame_path
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.errors import StepFailed

STEPS = """
import pandas as pd
from sklearn.linear_model import LogisticRegression


def split(loans):
    return loans.iloc[:60], loans.iloc[60:].sample(frac=1, random_state=0)


def features(rows, scale):
    return pd.DataFrame({"amount": rows["amount"] * scale, "owns": (rows["home"] == "own").astype("int64")})


def rows(train_set):
    return train_set


def train(features, train_set, strength=1.0):
    return LogisticRegression(C=strength).fit(features, train_set["late"])
"""

SETTINGS = """\
data:
  loans: {path: loans.csv, key: id}
pipeline:
  params: {scale: 0.1}
  steps: {split: {outputs: [train_set, holdout]}}
model:
  from: train
  transform: [features]
  task: binary_classification
  label: late
  holdout: holdout
"""

LOANS = "id,amount,home,late\n" + "".join(
    f"{n},{n % 13},{'own' if n % 3 else 'rent'},{int(n % 13 > 5)}\n" for n in range(100)
)


def loans(root: Path) -> Case:
    return make_case(root, STEPS, SETTINGS, **{"loans.csv": LOANS})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Run]:
    """The project, run once; tests that change it set it back."""
    case = loans(tmp_path_factory.mktemp("trained"))
    return case, case.run()


def test_the_scorer_answers_raw_rows(trained: tuple[Case, Run], tmp_path: Path):
    from plimsoll.bundle.scorer import load_scorer

    case, run = trained
    assert run.scorer == run.outputs["scorer"]
    folder = case.context.artifacts.unpack(str(run.scorer), tmp_path / "unpacked")
    scorer = load_scorer(folder)
    assert [field.name for field in scorer.spec.inputs] == ["amount", "home"]
    assert len(scorer.score(case.value(run, "holdout")).decision) == 40
    assert not (folder / "code" / "plimsoll.yaml").exists()


def test_the_scorer_is_made_again_for_what_it_is_made_of_and_nothing_else(trained: tuple[Case, Run]):
    case, _ = trained
    assert set(case.plan().values()) == {"cached"}
    assert case.plan(strength=0.5)["scorer"] == "will run because train will run"
    assert case.plan(scale=0.2)["scorer"] == "will run because scale 0.1 -> 0.2; train will run"
    with case.edited("plimsoll.yaml", "label: late", "label: late\n  slices: [home]"):
        assert set(case.plan().values()) == {"cached"}
    with case.edited("plimsoll.yaml", "label: late", "label: late\n  threshold: 0.4"):
        assert case.plan() == dict.fromkeys(("split", "rows", "features", "train"), "cached") | {
            "scorer": "will run because model.threshold 0.5 -> 0.4"
        }
    with case.edited("steps.py", '== "own"', '!= "rent"'):
        assert case.plan()["scorer"].startswith("will run because the code of features changed")


def test_two_workspaces_make_the_same_bytes(trained: tuple[Case, Run], tmp_path: Path):
    _, first = trained
    second = loans(tmp_path).run()
    assert first.outputs == second.outputs
    assert first.code_digest == second.code_digest


def test_a_dataset_as_holdout_becomes_an_output_that_is_a_table(trained: tuple[Case, Run]):
    case, _ = trained
    with case.edited("plimsoll.yaml", "holdout: holdout", "holdout: loans"):
        run = case.run()
    assert frame_path(case.context.artifacts, run.outputs["loans"]).is_file()
    assert len(case.value(run, "loans")) == 100


def test_a_model_that_cannot_do_the_task_fails_the_scorer_step(tmp_path: Path):
    case = make_case(
        tmp_path,
        "def train(loans):\n    return {}\n",
        "data: {loans: {path: loans.csv}}\n"
        "model: {from: train, task: binary_classification, label: late, holdout: loans}\n",
        **{"loans.csv": LOANS},
    )
    with pytest.raises(
        StepFailed, match=r"Step scorer failed: The model \(dict\) cannot be used for binary_classification"
    ):
        case.run()
