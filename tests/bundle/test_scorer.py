"""Raw rows in, predictions out: the same whatever the order of columns, the company of rows, or the process."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from bundle_cases import build, make_model, make_rows, write_code
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.errors import BadRows, BadTransform, ScoringFailed, TransformNotRowWise
from plimsoll.bundle.score import score_rows
from plimsoll.bundle.scorer import load_scorer
from plimsoll.bundle.scores import decide
from plimsoll.bundle.spec import read_spec
from plimsoll.kernel.errors import Kind

STEPS = """
import numpy as np

def features(raw, floor):
    frame = raw[["amount", "age"]].fillna(floor)
    return frame.assign(log_amount=np.log1p(frame["amount"]))
"""


@pytest.fixture
def with_steps(tmp_path, rows, holdout):
    """A scorer with a transform step and a model trained on what it makes."""
    write_code(tmp_path / "project", STEPS)
    made = rows[["amount", "age"]].fillna(0.0)
    model = LogisticRegression().fit(made.assign(log_amount=np.log1p(made["amount"])), rows["is_fraud"])
    build(
        tmp_path / "scorer",
        model=model,
        holdout=holdout,
        inputs=("amount", "age"),
        transform=("features",),
        params={"floor": 0.0, "learning_rate": 0.1},
        code="steps.py",
        code_tree=tmp_path / "project",
    )
    return tmp_path / "scorer"


def test_scores_are_the_model_s_own(scorer_folder, model, holdout):
    scores = load_scorer(scorer_folder).score(holdout)

    expected = model.predict_proba(holdout)
    assert np.array_equal(scores.probabilities, expected)
    assert scores.probabilities.dtype == np.float64
    assert scores.decision.tolist() == (expected[:, 1] >= 0.5).tolist()


def test_one_row_scores_as_it_does_in_company(scorer_folder, holdout):
    scorer = load_scorer(scorer_folder)
    together = scorer.score(holdout).probabilities
    alone = np.vstack([scorer.score(holdout.iloc[[row]]).probabilities for row in range(20)])
    assert np.abs(alone - together[:20]).max() < 1e-12


def test_column_order_index_and_further_columns_do_not_matter(scorer_folder, holdout):
    scorer = load_scorer(scorer_folder)
    shuffled = holdout[holdout.columns[::-1]].set_index("transaction_id").assign(more=1)
    assert np.array_equal(scorer.score(shuffled).probabilities, scorer.score(holdout).probabilities)


def test_plain_python_values_score_as_the_frame_does(scorer_folder, holdout):
    scorer = load_scorer(scorer_folder)
    names = [field.name for field in scorer.spec.inputs]
    plain = holdout[names].astype(object).where(holdout[names].notna(), None)
    columns = {name: pd.Series(plain[name].tolist(), dtype=object) for name in names}
    assert np.array_equal(scorer.score(pd.DataFrame(columns)).probabilities, scorer.score(holdout).probabilities)


def test_unknown_categories_and_nulls_are_answered(scorer_folder, holdout):
    rows = holdout.head(2).assign(country=["ZZ", None], amount=[None, 5.0], age=[30, None])
    assert np.isfinite(load_scorer(scorer_folder).score(rows).probabilities).all()


def test_missing_and_ill_typed_columns_are_one_error(scorer_folder, holdout):
    rows = holdout.drop(columns="amount").rename(columns={"country": "country_code"}).assign(known=1)
    with pytest.raises(BadRows) as caught:
        load_scorer(scorer_folder).score(rows)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.facts["problems"] == [
        "the column amount is missing",
        "the column country is missing (there is country_code)",
        "known holds 1 in row 0, expected bool",
    ]


def test_no_rows_are_no_predictions(scorer_folder, holdout):
    scores = load_scorer(scorer_folder).score(holdout.head(0))
    assert scores.probabilities.shape == (0, 2)
    assert scores.decision.shape == (0,)


def test_transforms_run_with_their_parameters(with_steps, holdout):
    scorer = load_scorer(with_steps)
    assert scorer.spec.params == {"floor": 0.0}
    made = holdout[["amount", "age"]].fillna(0.0)
    expected = scorer.model.predict_proba(made.assign(log_amount=np.log1p(made["amount"])))
    assert np.array_equal(scorer.score(holdout).probabilities, expected)


def test_a_scorer_leaves_no_bytecode_in_its_folder_and_runs_none(with_steps, holdout):
    cache = with_steps / "code" / "__pycache__"
    cache.mkdir()
    (cache / f"steps.{sys.implementation.cache_tag}.pyc").write_bytes(b"not bytecode")
    load_scorer(with_steps).score(holdout)
    assert (cache / f"steps.{sys.implementation.cache_tag}.pyc").read_bytes() == b"not bytecode"
    assert [path.name for path in cache.iterdir()] == [f"steps.{sys.implementation.cache_tag}.pyc"]


def test_two_scorers_with_modules_of_one_name_do_not_meet(tmp_path, holdout, rows):
    """Each module imports a helper of its own at call time, the hardest case."""
    folders = []
    for number in (1, 2):
        project = tmp_path / f"project{number}"
        write_code(project, "def features(raw):\n    import helper\n    return helper.make(raw)\n")
        write_code(project, f"def make(raw):\n    return raw[['age']] * {number}\n", name="helper.py")
        model = LinearRegression().fit(rows[["age"]], rows["age"])
        folder = tmp_path / f"scorer{number}"
        build(
            folder,
            model=model,
            holdout=holdout.assign(target=1.0),
            task="regression",
            label="target",
            inputs=("age",),
            transform=("features",),
            code="steps.py",
            code_tree=project,
        )
        folders.append(folder)

    before = dict(sys.modules)
    first, second = (load_scorer(folder) for folder in folders)
    for _ in range(2):
        assert np.allclose(first.score(holdout).decision, holdout["age"])
        assert np.allclose(second.score(holdout).decision, 2 * holdout["age"])
    assert {name: sys.modules[name] for name in before if name in ("steps", "helper")} == {
        name: before[name] for name in before if name in ("steps", "helper")
    }


def test_a_model_with_a_class_of_the_project_brings_its_code_along(tmp_path, rows, holdout, monkeypatch):
    project = write_code(
        tmp_path / "project",
        """
        from sklearn.base import BaseEstimator, TransformerMixin
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        class Clip(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                self.feature_names_in_ = X.columns.to_numpy()
                return self

            def transform(self, X):
                return X.clip(0, 50)

        def train(frame):
            return make_pipeline(Clip(), LogisticRegression()).fit(frame[["age"]], frame["is_fraud"])
        """,
        name="cardsteps.py",
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(project))
        import cardsteps

        model = cardsteps.train(rows)
        spec = build(tmp_path / "scorer", model=model, holdout=holdout, code="cardsteps.py", code_tree=project)
    assert spec.code == "cardsteps.py"
    assert [item.name for item in spec.inputs] == ["age"]

    rows_file = save(holdout, tmp_path / "rows.parquet")
    scores = score_rows(tmp_path / "scorer", rows_file)

    assert np.array_equal(scores.probabilities, model.predict_proba(holdout[["age"]]))


def test_code_in_a_subfolder_finds_its_neighbours_and_the_project_s_modules(tmp_path, rows, holdout):
    """As when the pipeline runs: the entry's folder is on the search path, then the project's."""
    source = "import nearby, shared\n\ndef features(raw):\n    return shared.one(nearby.age(raw))\n"
    project = write_code(tmp_path / "project", source, name="src/substeps.py")
    write_code(project, "def age(raw):\n    return raw[['age']]\n", name="src/nearby.py")
    write_code(project, "def one(raw):\n    return raw + 1\n", name="shared.py")
    model = LinearRegression().fit(rows[["age"]], rows["age"])
    build(
        tmp_path / "scorer",
        model=model,
        holdout=holdout.assign(target=1.0),
        task="regression",
        label="target",
        inputs=("age",),
        transform=("features",),
        code="src/substeps.py",
        code_tree=project,
    )
    scores = score_rows(tmp_path / "scorer", save(holdout, tmp_path / "rows.parquet"))
    assert np.allclose(scores.decision, holdout["age"] + 1)


def test_a_model_of_libraries_alone_brings_no_code(tmp_path, rows, holdout, model):
    """Although its pickle holds the text `steps`, which is also the project's module."""
    project = write_code(tmp_path / "project", STEPS)
    spec = build(tmp_path / "scorer", model=model, holdout=holdout, code="steps.py", code_tree=project)
    assert spec.code == ""
    assert not (tmp_path / "scorer" / "code").exists()


def save(frame, path):
    import duckdb

    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY (SELECT * FROM frame) TO '{path}' (FORMAT parquet)")
    return path


def test_a_process_of_its_own_gives_the_same_scores(with_steps, holdout, tmp_path):
    rows_file = save(holdout, tmp_path / "rows.parquet")
    here = load_scorer(with_steps).score(holdout)

    there = score_rows(with_steps, rows_file)

    assert np.array_equal(there.probabilities, here.probabilities)
    assert there.decision.tolist() == here.decision.tolist()
    assert there.decision.dtype == np.bool_


def test_an_error_comes_back_from_the_process_as_itself(with_steps, holdout, tmp_path):
    with pytest.raises(BadRows, match="the column amount is missing"):
        score_rows(with_steps, save(holdout.drop(columns="amount"), tmp_path / "rows.parquet"))


def test_the_project_s_failure_in_the_process_shows_its_traceback(with_steps, holdout, tmp_path):
    (with_steps / "code" / "steps.py").write_text("def features(raw, floor):\n    return raw['nothing'] + floor\n")
    with pytest.raises(ScoringFailed) as caught:
        score_rows(with_steps, save(holdout, tmp_path / "rows.parquet"))
    assert caught.value.kind is Kind.PROJECT_CODE
    assert "The transform step features failed: KeyError: 'nothing'" in str(caught.value)
    assert "return raw['nothing'] + floor" in str(caught.value)
    assert "plimsoll/bundle" not in str(caught.value)


def test_a_process_that_dies_is_an_error_too(with_steps, holdout, tmp_path):
    (with_steps / "code" / "steps.py").write_text("import os\nos._exit(9)\n")
    with pytest.raises(ScoringFailed, match="its process ended with 9"):
        score_rows(with_steps, save(holdout, tmp_path / "rows.parquet"))


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("return raw.dropna()", TransformNotRowWise, "was given 120 rows and returned"),
        ("return raw.sort_values('age')", TransformNotRowWise, "another order"),
        ("return raw['age'].tolist()", BadTransform, "returned a list"),
        ("return None", BadTransform, "returned a NoneType"),
        ("raise ValueError('no luck')", ScoringFailed, "ValueError: no luck"),
    ],
)
def test_a_transform_that_is_not_row_wise_is_refused(with_steps, holdout, body, error, says):
    (with_steps / "code" / "steps.py").write_text(f"def features(raw, floor):\n    {body}\n")
    with pytest.raises(error, match=says) as caught:
        load_scorer(with_steps).score(holdout)
    assert caught.value.advice


def test_a_transform_that_is_not_there_is_named(with_steps):
    (with_steps / "code" / "steps.py").write_text("")
    with pytest.raises(BadTransform, match="steps has no function features"):
        load_scorer(with_steps)


def test_code_that_cannot_be_imported_is_the_project_s_failure(with_steps):
    (with_steps / "code" / "steps.py").write_text("import no_such_package\n")
    with pytest.raises(ScoringFailed, match="No module named 'no_such_package'"):
        load_scorer(with_steps)


def test_multiclass_decides_for_the_most_probable_class(tmp_path):
    frame = make_rows().assign(
        tier=lambda rows: pd.cut(rows["age"], [0, 40, 60, 99], labels=["c", "a", "b"]).astype(str)
    )
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame[["age"]], frame["tier"])
    build(tmp_path / "scorer", model=model, holdout=frame, task="multiclass_classification", label="tier")
    scores = load_scorer(tmp_path / "scorer").score(frame)
    assert read_spec(tmp_path / "scorer").classes == ("a", "b", "c")
    assert scores.probabilities.shape == (240, 3)
    assert scores.decision.tolist() == model.predict(frame[["age"]]).tolist()


def test_the_threshold_belongs_to_the_positive_class():
    spec = ScorerSpec(
        task="binary_classification",
        label="y",
        classes=("no", "yes"),
        threshold=0.3,
        inputs=(),
        context=(),
        transform=(),
    )
    scores = decide(spec, np.array([[0.7, 0.3], [0.71, 0.29]], dtype=np.float32))
    # float32 0.3 lies above the double 0.3
    assert scores.decision.tolist() == ["yes", "no"]


def test_the_model_trained_on_its_own_frame_is_found_by_column_name(tmp_path):
    frame = make_rows()
    spec = build(tmp_path / "scorer", model=make_model(frame), holdout=frame[frame.columns[::-1]])
    assert {item.name for item in spec.inputs} == {"amount", "age", "country", "channel", "known"}
