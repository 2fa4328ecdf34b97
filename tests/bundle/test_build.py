"""What a scorer is made from, and every way in which a model or a holdout can be unfit for it."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_cases import build, make_model, make_rows, write_code
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plimsoll.bundle.errors import BadHoldout, BadModel, BadTransform, TransformNotRowWise
from plimsoll.bundle.scorer import load_scorer
from plimsoll.bundle.spec import read_spec
from plimsoll.kernel.errors import Kind

LIKE = LogisticRegression(max_iter=200)


def fit(frame, label="is_fraud", estimator=LIKE, columns=("age",)):
    from sklearn.base import clone

    return clone(estimator).fit(frame[list(columns)], frame[label])


def fields_of(spec):
    return {item.name: (item.type, item.nullable) for item in spec.inputs}


def test_fields_come_from_the_holdout_without_label_context_and_key(tmp_path, model, holdout):
    spec = build(tmp_path / "scorer", model=model, holdout=holdout)

    assert fields_of(spec) == {
        "amount": ("float", True),
        "age": ("int", True),
        "country": ("string", True),
        "channel": ("string", True),
        "known": ("bool", False),
    }
    assert [(item.name, item.nullable) for item in spec.context] == [("age_group", True)]
    assert read_spec(tmp_path / "scorer") == spec


def test_a_field_may_be_null_only_where_the_scorer_answers_a_null(tmp_path, holdout):
    strict = build(tmp_path / "strict", model=fit(holdout), holdout=holdout)
    lenient = build(
        tmp_path / "lenient", model=fit(holdout, estimator=HistGradientBoostingClassifier()), holdout=holdout
    )
    assert fields_of(strict) == {"age": ("int", False)}
    assert fields_of(lenient) == {"age": ("int", True)}


def test_given_inputs_are_kept_as_they_are(tmp_path, model, holdout):
    names = ("known", "channel", "country", "age", "amount")
    assert [item.name for item in build(tmp_path / "s", model=model, holdout=holdout, inputs=names).inputs] == list(
        names
    )


def test_the_same_model_gives_the_same_bytes(tmp_path, model, holdout):
    for name in ("one", "two"):
        build(tmp_path / name, model=model, holdout=holdout)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    same, different, missing = filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", files, shallow=False)
    assert (different, missing) == ([], [])
    assert len(same) == 5


def test_another_process_gives_the_same_bytes(tmp_path):
    """Trained and written twice, with different hash seeds."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from bundle_cases import *; r = make_rows();"
        "build(Path(sys.argv[2]), model=make_model(r), holdout=r)"
    )
    here = str(Path(__file__).parent)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, here, str(tmp_path / seed)], env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2")
    ]
    assert [process.wait() for process in started] == [0, 0]
    for name in ("scorer.json", "model/model.pkl", "model/MLmodel"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ([False, True], (False, True)),
        ([0, 1], (0, 1)),
        ([0.0, 1.0], (0, 1)),
        (["no", "yes"], ("no", "yes")),
    ],
)
def test_classes_are_the_label_s_values_in_the_model_s_order(tmp_path, label, classes):
    frame = make_rows().assign(y=lambda rows: np.where(rows["is_fraud"], label[1], label[0]))
    trained_on = frame.assign(y=frame["y"].astype(int) if label[0] != "no" else frame["y"])
    spec = build(tmp_path / "scorer", model=fit(trained_on, "y"), holdout=frame, label="y")
    assert spec.classes == classes
    assert [type(value) for value in spec.classes] == [type(value) for value in classes]
    assert set(load_scorer(tmp_path / "scorer").score(frame).decision.tolist()) <= {*label}


def refused(tmp_path, error=BadModel, **fields):
    with pytest.raises(error) as caught:
        build(tmp_path / "scorer", **fields)
    assert caught.value.kind is Kind.PROJECT_CODE
    assert caught.value.advice
    return str(caught.value)


def test_classes_that_are_not_the_label_s_are_refused(tmp_path, holdout):
    coded = holdout.assign(coded=holdout["is_fraud"].astype(int))
    named = coded.assign(is_fraud=np.where(coded["is_fraud"], "yes", "no"))
    said = refused(tmp_path, model=fit(coded, "coded"), holdout=named.drop(columns="coded"))
    assert "it knows the classes 0, 1, but the label is_fraud also holds 'no', 'yes'" in said


def test_three_classes_are_not_binary(tmp_path, holdout):
    frame = holdout.assign(y=holdout["age"] % 3)
    assert "it knows 3 classes: 0, 1, 2" in refused(tmp_path, model=fit(frame, "y"), holdout=frame, label="y")


def test_a_classifier_needs_probabilities(tmp_path, holdout):
    model = fit(holdout, estimator=RidgeClassifier())
    said = refused(tmp_path, model=model, holdout=holdout)
    assert "RidgeClassifier" in said
    assert "it has no `predict_proba`" in said


def test_a_regressor_does_not_classify(tmp_path, holdout):
    assert "predict_proba" in refused(tmp_path, model=DummyRegressor().fit([[0]], [0]), holdout=holdout)


def test_regression_needs_numbers_in_the_label(tmp_path, holdout):
    model = DummyRegressor().fit(holdout[["age"]], holdout["age"])
    said = refused(tmp_path, BadHoldout, model=model, holdout=holdout, task="regression", label="country")
    assert "regression needs numbers" in said


def test_regression_scores_are_values(tmp_path, holdout):
    model = fit(holdout.fillna({"amount": 0}), "amount", RandomForestRegressor(n_estimators=3, random_state=0))
    spec = build(tmp_path / "scorer", model=model, holdout=holdout, task="regression", label="amount")
    scores = load_scorer(tmp_path / "scorer").score(holdout)
    assert spec.classes == ()
    assert scores.probabilities is None
    assert scores.decision.dtype == np.float64
    assert np.array_equal(scores.decision, model.predict(holdout[["age"]]))


def test_a_missing_label_and_an_empty_holdout_are_named(tmp_path, model, holdout):
    assert "no column is_froud" in refused(tmp_path, BadHoldout, model=model, holdout=holdout, label="is_froud")
    assert "it has no rows" in refused(tmp_path, BadHoldout, model=model, holdout=holdout.head(0))


def test_columns_that_requests_do_not_have_are_named(tmp_path, holdout):
    frame = holdout.assign(log_amount=0.0)
    said = refused(tmp_path, model=fit(frame, columns=("age", "log_amount")), holdout=holdout)
    assert "trained on columns that requests do not have: log_amount" in said


def test_a_model_trained_on_an_array_is_fed_by_position(tmp_path, holdout):
    model = LogisticRegression().fit(holdout[["age", "known"]].to_numpy(dtype=float), holdout["is_fraud"])
    build(tmp_path / "scorer", model=model, holdout=holdout, inputs=("age", "known"))
    found = load_scorer(tmp_path / "scorer").score(holdout[["known", "age"]]).probabilities
    assert np.array_equal(found, model.predict_proba(holdout[["age", "known"]].to_numpy(dtype=float)))


def test_an_array_of_another_width_is_refused(tmp_path, holdout):
    model = LogisticRegression().fit(holdout[["age"]].to_numpy(), holdout["is_fraud"])
    said = refused(tmp_path, model=model, holdout=holdout, inputs=("age", "amount"))
    assert "trained on an array of 1 columns, but is given 2" in said


def test_a_frame_model_behind_a_transform_that_returns_an_array_is_refused(tmp_path, holdout):
    project = write_code(tmp_path / "project", "def features(raw):\n    return raw[['age']].to_numpy()\n")
    said = refused(
        tmp_path, model=fit(holdout), holdout=holdout, transform=("features",), code="steps.py", code_tree=project
    )
    assert "trained on a DataFrame, but is given a ndarray without column names" in said


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raw.assign(age=raw['age'] - raw['age'].mean())", "predictions for row 0 alone differ by up to"),
        ("raw.assign(age=raw['age'].cumsum())", "reverse order differ"),
        ("raw.assign(age=raw['age'] / (len(raw) > 1))", "but not row 0 alone"),
    ],
)
def test_a_transform_whose_rows_depend_on_each_other_is_found(tmp_path, holdout, body, says):
    project = write_code(tmp_path / "project", f"def features(raw):\n    return {body}\n")
    model = fit(holdout, estimator=make_pipeline(StandardScaler(), LIKE))
    said = refused(
        tmp_path,
        TransformNotRowWise,
        model=model,
        holdout=holdout,
        inputs=("age",),
        transform=("features",),
        code="steps.py",
        code_tree=project,
    )
    assert says in said
    assert "The transform step features is not row-wise" in said


def test_a_transform_that_needs_what_params_lack_is_named(tmp_path, holdout):
    project = write_code(tmp_path / "project", "def features(raw, floor, cap=3):\n    return raw\n")
    said = refused(
        tmp_path,
        BadTransform,
        model=fit(holdout),
        holdout=holdout,
        transform=("features",),
        code="steps.py",
        code_tree=project,
        params={"cap": 2},
    )
    assert "it needs floor, which pipeline.params does not give" in said


def test_a_lambda_inside_the_model_is_stored_by_cloudpickle(tmp_path, holdout):
    from sklearn.preprocessing import FunctionTransformer

    model = fit(holdout, estimator=make_pipeline(FunctionTransformer(lambda frame: frame * 2), LIKE))
    build(tmp_path / "scorer", model=model, holdout=holdout)
    assert "serialization_format: cloudpickle" in (tmp_path / "scorer/model/MLmodel").read_text()
    assert "cloudpickle==" in (tmp_path / "scorer/model/requirements.txt").read_text()
    assert np.array_equal(
        load_scorer(tmp_path / "scorer").score(holdout).probabilities, model.predict_proba(holdout[["age"]])
    )


def test_a_model_that_cannot_be_stored_is_named(tmp_path, holdout):
    model = fit(holdout)
    model.log = (line for line in ())
    assert "cannot be stored and read back" in refused(tmp_path, model=model, holdout=holdout)


def test_a_model_with_odd_answers_is_refused(tmp_path, holdout):
    project = write_code(
        tmp_path / "project",
        """
        import numpy as np

        class Odd:
            classes_ = [False, True]
            def __init__(self, answer):
                self.answer = answer
            def predict_proba(self, frame):
                if self.answer == "nan":
                    return np.full((len(frame), 2), np.nan)
                return np.zeros(len(frame)) if self.answer == "flat" else "text"
        """,
        name="oddsteps.py",
    )
    sys.path.insert(0, str(project))
    try:
        import oddsteps
    finally:
        sys.path.remove(str(project))
    shared = {"holdout": holdout, "inputs": ("age",), "code": "oddsteps.py", "code_tree": project}
    assert "NaN or infinity for 120 of 120 rows" in refused(tmp_path, model=oddsteps.Odd("nan"), **shared)
    assert "shape (120,), expected (120, 2)" in refused(tmp_path, model=oddsteps.Odd("flat"), **shared)
    assert "no array of numbers" in refused(tmp_path, model=oddsteps.Odd("text"), **shared)


def test_the_model_folder_describes_itself_without_time_or_run(tmp_path, model, holdout):
    import yaml

    build(tmp_path / "scorer", model=model, holdout=holdout)
    page = yaml.safe_load((tmp_path / "scorer/model/MLmodel").read_text())
    assert set(page) == {"flavors", "mlflow_version", "signature"}
    columns = json.loads(page["signature"]["inputs"])
    assert [(item["name"], item["type"]) for item in columns] == [
        ("amount", "double"),
        ("age", "long"),
        ("country", "string"),
        ("channel", "string"),
        ("known", "boolean"),
    ]
    assert "scikit-learn==" in (tmp_path / "scorer/model/requirements.txt").read_text()


def test_timestamps_reach_the_transform_as_datetimes(tmp_path, holdout):
    frame = holdout.assign(at=pd.date_range("2026-01-01", periods=len(holdout), freq="7h"))
    project = write_code(
        tmp_path / "project", "def features(raw):\n    return raw.assign(age=raw['at'].dt.hour)[['age']]\n"
    )
    spec = build(
        tmp_path / "scorer",
        model=fit(holdout),
        holdout=frame,
        inputs=("at",),
        transform=("features",),
        code="steps.py",
        code_tree=project,
    )
    assert fields_of(spec) == {"at": ("timestamp", False)}
    scorer = load_scorer(tmp_path / "scorer")
    text = pd.DataFrame({"at": frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert np.array_equal(scorer.score(text).probabilities, scorer.score(frame).probabilities)


def test_the_shared_model_of_these_tests_handles_what_real_rows_hold():
    frame = make_rows()
    assert frame["amount"].isna().any()
    assert frame["country"].isna().any()
    assert np.isfinite(make_model(frame).predict_proba(frame)).all()
