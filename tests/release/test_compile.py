"""A compiled form is kept only when it is the same model; otherwise the result says what stands in the way."""

from __future__ import annotations

import json
import time
import warnings

import duckdb
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from plimsoll.bundle.build import build_scorer
from plimsoll.bundle.columns import cast_rows
from plimsoll.bundle.scorer import load_scorer
from plimsoll.release import compile_estimators
from plimsoll.release.compile import compile_scorer
from plimsoll.release.compile_compare import compare, feeds, open_session
from plimsoll.release.compile_graph import NotConvertible
from plimsoll.release.compile_onnx import to_onnx

NUMBERS = ["amount", "age", "limit"]
WORDS = ["country", "channel"]
FEATURES = [*NUMBERS, *WORDS, "known"]


def make_rows(rows=600, *, seed=1):
    """Mixed columns with missing numbers and words; amounts are skewed, labels depend on all of them."""
    random = np.random.default_rng(seed)
    amount = random.lognormal(4, 1.2, rows)
    country = random.choice(["GB", "FR", "DE", "LU"], rows, p=[0.5, 0.2, 0.2, 0.1])
    known = random.random(rows) < 0.5
    risk = 0.01 * amount + 1.5 * (country == "LU") - 1.0 * known - 1.0
    frame = pd.DataFrame(
        {
            "amount": amount,
            "age": random.integers(18, 90, rows),
            "limit": random.choice([100.0, 500.0, 2500.0], rows),
            "country": country,
            "channel": random.choice(["web", "app", "pos"], rows),
            "known": known,
            "is_fraud": random.random(rows) < 1 / (1 + np.exp(-risk)),
            "tier": random.choice(["a", "b", "c"], rows),
            "loss": 1000 * risk + random.normal(0, 50, rows),
        }
    )
    frame.loc[random.random(rows) < 0.1, "amount"] = np.nan
    frame.loc[random.random(rows) < 0.1, "country"] = None
    return frame


ROWS, HOLDOUT = make_rows(), make_rows(500, seed=2)
ENCODER = OneHotEncoder(handle_unknown="ignore")


def words(encoder=ENCODER, fill="none"):
    return make_pipeline(SimpleImputer(strategy="constant", fill_value=fill), encoder)


def numbers(scaler=None):
    return make_pipeline(SimpleImputer(strategy="median"), scaler or StandardScaler())


def mixed(estimator, *, number=None, word=None, **options):
    """Imputed and scaled numbers, imputed and encoded words, the bool as it is; then the estimator."""
    columns = [("n", number or numbers(), NUMBERS), ("w", word or words(), WORDS), ("k", "passthrough", ["known"])]
    return make_pipeline(ColumnTransformer(columns, **options), estimator)


TASKS = {"is_fraud": "binary_classification", "tier": "multiclass_classification", "loss": "regression"}


@pytest.fixture(autouse=True)
def _one_thread():
    """Small models on small data: OpenMP's threads would only wait for each other."""
    with threadpool_limits(limits=1):
        yield


def scorer_of(folder, model, *, label="is_fraud", fit=True, features=FEATURES, **fields):
    if fit:
        model.fit(ROWS[list(features)], ROWS[label])
    keep = [*features, label]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        build_scorer(folder, model=model, holdout=HOLDOUT[keep], task=TASKS[label], label=label, **fields)
    return load_scorer(folder)


def compared(scorer):
    return compare(scorer, open_session(to_onnx(scorer).SerializeToString()), HOLDOUT)


LOGISTIC = LogisticRegression(max_iter=500)
FOREST = RandomForestClassifier(n_estimators=10, random_state=0)

FAITHFUL = {
    "logistic": (lambda: mixed(LOGISTIC), "is_fraud"),
    "logistic-of-three": (lambda: mixed(LOGISTIC), "tier"),
    "forest": (lambda: mixed(FOREST), "is_fraud"),
    "forest-of-three": (lambda: mixed(FOREST), "tier"),
    "extra-trees": (lambda: mixed(ExtraTreesClassifier(n_estimators=8, random_state=0)), "is_fraud"),
    "tree": (lambda: mixed(DecisionTreeClassifier(max_depth=5, random_state=0)), "is_fraud"),
    "gradient-boosting": (lambda: mixed(GradientBoostingClassifier(n_estimators=10, random_state=0)), "is_fraud"),
    "hist-boosting": (lambda: mixed(HistGradientBoostingClassifier(max_iter=10)), "is_fraud"),
    "hist-boosting-of-three": (lambda: mixed(HistGradientBoostingClassifier(max_iter=5)), "tier"),
    "nulls-into-forest": (lambda: mixed(FOREST, number="passthrough"), "is_fraud"),
    "nulls-into-tree": (
        lambda: mixed(DecisionTreeClassifier(max_depth=5, random_state=0), number="passthrough"),
        "is_fraud",
    ),
    "ada-boost": (lambda: mixed(AdaBoostClassifier(n_estimators=4, random_state=0)), "tier"),
    "linear": (lambda: mixed(LinearRegression()), "loss"),
    "ridge": (lambda: mixed(Ridge()), "loss"),
    "lasso": (lambda: mixed(Lasso()), "loss"),
    "forest-regressor": (lambda: mixed(RandomForestRegressor(n_estimators=8, random_state=0)), "loss"),
    "boosting-regressor": (lambda: mixed(GradientBoostingRegressor(n_estimators=8, random_state=0)), "loss"),
    "hist-regressor": (lambda: mixed(HistGradientBoostingRegressor(max_iter=8)), "loss"),
    "nulls-into-hist-boosting": (
        lambda: mixed(HistGradientBoostingClassifier(max_iter=10), number="passthrough"),
        "is_fraud",
    ),
    "ordinal-words": (
        lambda: mixed(
            HistGradientBoostingClassifier(max_iter=10),
            word=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        ),
        "is_fraud",
    ),
    "ordinal-words-nan": (
        lambda: mixed(
            HistGradientBoostingClassifier(max_iter=10),
            word=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2),
        ),
        "is_fraud",
    ),
    "missing-word-as-category": (lambda: mixed(LOGISTIC, word=ENCODER), "is_fraud"),
    "most-frequent-word": (
        lambda: mixed(LOGISTIC, word=make_pipeline(SimpleImputer(strategy="most_frequent"), ENCODER)),
        "is_fraud",
    ),
    "dropped-categories": (
        lambda: mixed(LOGISTIC, word=words(OneHotEncoder(handle_unknown="infrequent_if_exist", drop="first"))),
        "is_fraud",
    ),
    "numbers-as-categories": (
        lambda: make_pipeline(ColumnTransformer([("c", ENCODER, ["limit", "known", "amount"])]), LOGISTIC),
        "is_fraud",
    ),
    "min-max": (lambda: mixed(LOGISTIC, number=numbers(MinMaxScaler(clip=True))), "is_fraud"),
    "robust": (lambda: mixed(LOGISTIC, number=numbers(RobustScaler())), "is_fraud"),
    "max-abs": (lambda: mixed(LOGISTIC, number=numbers(MaxAbsScaler())), "is_fraud"),
    "log1p": (
        lambda: mixed(LOGISTIC, number=make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), StandardScaler())),
        "is_fraud",
    ),
    "union-and-selection": (
        lambda: mixed(
            LOGISTIC,
            number=make_pipeline(
                SimpleImputer(), make_union(StandardScaler(), MinMaxScaler()), VarianceThreshold(threshold=0.05)
            ),
        ),
        "is_fraud",
    ),
    "weights-and-remainder": (
        lambda: make_pipeline(
            ColumnTransformer(
                [("n", numbers(), ["amount", "age"]), ("w", words(), make_column_selector(dtype_include=["str"]))],
                remainder="passthrough",
                transformer_weights={"n": 0.5},
            ),
            LOGISTIC,
        ),
        "is_fraud",
    ),
    "columns-by-number": (
        lambda: make_pipeline(ColumnTransformer([("n", numbers(), [0, 1]), ("w", words(), slice(3, 5))]), LOGISTIC),
        "is_fraud",
    ),
    "search": (
        lambda: GridSearchCV(mixed(LOGISTIC), {"logisticregression__C": [0.1, 1.0]}, cv=2),
        "is_fraud",
    ),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_common_pipelines_compile_to_the_same_model(tmp_path, name):
    make, label = FAITHFUL[name]

    found = compared(scorer_of(tmp_path / "scorer", make(), label=label))

    assert found.problem == ""
    assert found.max_difference <= 1e-6
    assert found.flips == 0
    assert found.rows == len(HOLDOUT)
    assert found.harder_rows > 0


def test_linear_models_agree_to_the_last_digits(tmp_path):
    assert compared(scorer_of(tmp_path / "scorer", mixed(LOGISTIC))).max_difference < 1e-14


def test_a_large_forest_adds_up_as_precisely_as_a_small_one(tmp_path):
    """500 trees added in float32 are off by 1.3e-6, which would refuse them."""
    model = RandomForestClassifier(n_estimators=500, max_depth=4, random_state=0)
    scorer = scorer_of(tmp_path / "scorer", mixed(model))
    assert compared(scorer).max_difference < 1.5e-7


def test_an_estimator_without_columns_is_fed_the_columns_side_by_side(tmp_path):
    model = make_pipeline(SimpleImputer(), StandardScaler(), LOGISTIC)
    scorer = scorer_of(tmp_path / "scorer", model, features=NUMBERS)
    assert compared(scorer).max_difference < 1e-14


def test_a_model_of_the_array_is_fed_in_the_inputs_order(tmp_path):
    model = FOREST.fit(ROWS[["age", "limit"]].to_numpy(), ROWS["is_fraud"])
    scorer = scorer_of(tmp_path / "scorer", model, fit=False, features=["age", "limit"])
    assert compared(scorer).max_difference <= 1e-6


def test_inputs_that_the_model_does_not_use_are_inputs_all_the_same(tmp_path):
    model = make_pipeline(StandardScaler(), LOGISTIC).fit(ROWS[["age"]], ROWS["is_fraud"])
    scorer = scorer_of(tmp_path / "scorer", model, fit=False, features=["country", "age"], inputs=("country", "age"))
    graph = to_onnx(scorer).graph
    assert [item.name for item in graph.input] == ["country", "age"]
    assert [item.name for item in graph.output] == ["scores"]
    assert compared(scorer).flips == 0


def test_the_same_scorer_compiles_to_the_same_bytes(tmp_path):
    first = to_onnx(scorer_of(tmp_path / "a", mixed(FOREST))).SerializeToString(deterministic=True)
    second = to_onnx(scorer_of(tmp_path / "b", mixed(FOREST))).SerializeToString(deterministic=True)
    assert first == second


NO_FORM = {
    "lambda": (
        lambda: mixed(LOGISTIC, number=make_pipeline(SimpleImputer(), FunctionTransformer(_halved), StandardScaler())),
        "FunctionTransformer(_halved) has no ONNX form",
    ),
    "strict-encoder": (
        lambda: mixed(LOGISTIC, word=words(OneHotEncoder())),
        "OneHotEncoder(handle_unknown='error') refuses unknown categories",
    ),
    "strict-ordinal": (
        lambda: mixed(HistGradientBoostingClassifier(max_iter=3), word=words(OrdinalEncoder())),
        "OrdinalEncoder(handle_unknown='error') refuses unknown categories",
    ),
    "infrequent": (
        lambda: mixed(LOGISTIC, word=words(OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.15))),
        "OneHotEncoder with infrequent categories",
    ),
    "indicator": (
        lambda: mixed(LOGISTIC, number=make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())),
        "SimpleImputer with add_indicator",
    ),
    "categorical-boosting": (
        lambda: mixed(
            HistGradientBoostingClassifier(max_iter=3, categorical_features=[3, 4]),
            word=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
        ),
        "HistGradientBoostingClassifier with categorical_features",
    ),
    "target-encoder": (lambda: mixed(LOGISTIC, word=TargetEncoder(cv=2)), "TargetEncoder is given text columns"),
}


def _halved(values):
    return values / 2


@pytest.mark.parametrize("name", NO_FORM)
def test_what_has_no_onnx_form_is_named(tmp_path, name):
    make, says = NO_FORM[name]
    with pytest.raises(NotConvertible) as caught:
        to_onnx(scorer_of(tmp_path / "scorer", make()))
    assert says in str(caught.value)


def test_a_transform_step_is_python_code(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "steps.py").write_text("def features(raw):\n    return raw[['age']]\n")
    model = LOGISTIC.fit(ROWS[["age"]], ROWS["is_fraud"])
    scorer = scorer_of(
        tmp_path / "scorer",
        model,
        fit=False,
        transform=("features",),
        code="steps.py",
        code_tree=tmp_path / "project",
    )
    with pytest.raises(NotConvertible, match="the transform step features of the project is Python code"):
        to_onnx(scorer)


def test_a_transformer_known_to_skl2onnx_alone_is_tried(tmp_path):
    model = make_pipeline(SimpleImputer(), StandardScaler(), PCA(2), LOGISTIC)
    assert compared(scorer_of(tmp_path / "scorer", model, features=NUMBERS)).max_difference <= 1e-6


def test_a_wrong_translation_is_found_even_when_the_holdout_does_not_show_it(tmp_path, monkeypatch):
    """skl2onnx by itself sends nulls in a forest another way than scikit-learn does; this holdout has no nulls."""
    monkeypatch.setattr(compile_estimators, "_send_nulls_as_trained", lambda node, estimator: None)
    rows, holdout = ROWS.dropna(), HOLDOUT.dropna()
    model = RandomForestClassifier(n_estimators=10, random_state=0).fit(rows[["amount", "age"]], rows["is_fraud"])
    build_scorer(
        tmp_path / "scorer",
        model=model,
        holdout=holdout[["amount", "age", "is_fraud"]],
        task="binary_classification",
        label="is_fraud",
    )
    scorer = load_scorer(tmp_path / "scorer")
    session = open_session(to_onnx(scorer).SerializeToString())

    found = compare(scorer, session, holdout)

    assert found.problem.startswith("answers differ by 0.")
    assert "a null in a" in found.problem


def test_a_flip_at_the_threshold_is_a_tie_and_none_elsewhere(tmp_path):
    """The threshold is laid exactly on a score that float32 moves."""
    scorer = scorer_of(tmp_path / "first", mixed(FOREST))
    model = scorer.model
    session = open_session(to_onnx(scorer).SerializeToString())
    expected = scorer.score(HOLDOUT).probabilities[:, 1]
    found = session.run(["scores"], feeds(scorer.spec, cast_rows(HOLDOUT, scorer.spec.inputs)))[0][:, 1]
    (row, *_) = np.flatnonzero(found.astype(np.float64) != expected)
    threshold = max(float(found[row]), float(expected[row]))

    tied = scorer_of(tmp_path / "second", model, fit=False, threshold=threshold)
    result = compare(tied, session, HOLDOUT)

    assert result.ties > 0
    assert result.flips == 0


def save(frame, path):
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY (SELECT * FROM frame) TO '{path}' (FORMAT parquet)")
    return path


def test_the_process_keeps_a_faithful_form_with_its_figures(tmp_path):
    scorer_of(tmp_path / "scorer", mixed(LOGISTIC))

    result = compile_scorer(tmp_path / "scorer", save(HOLDOUT, tmp_path / "h.parquet"), tmp_path / "compiled")

    assert result.faithful
    assert result.rows == 500
    assert result.max_difference < 1e-14
    assert result.compiled_us < result.original_us
    assert "answers agree on all 500 holdout rows" in result.because
    page = json.loads((tmp_path / "compiled" / "compiled.json").read_bytes())
    assert page == {"format": "onnx", "missing_string": "\u001amissing\u001a", "opset": 21}
    session = onnxruntime.InferenceSession(str(tmp_path / "compiled" / "model.onnx"))
    assert {item.name: (item.type, item.shape) for item in session.get_inputs()} == {
        name: (f"tensor({'string' if name in WORDS else 'double'})", [None, 1]) for name in FEATURES
    }
    (answer,) = session.get_outputs()
    assert (answer.name, answer.shape[1]) == ("scores", 2)
    assert sorted(path.name for path in (tmp_path / "compiled").iterdir()) == ["compiled.json", "model.onnx"]


def test_the_process_keeps_nothing_of_what_is_not_faithful(tmp_path):
    """Seconds since 1970 need more digits than a float32 has, and boosting splits between them."""
    rows, holdout = (
        frame.assign(at=1_700_000_000.0 + frame["age"], is_fraud=frame["age"] % 2 == 0)[["at", "is_fraud"]]
        for frame in (ROWS, HOLDOUT)
    )
    model = HistGradientBoostingClassifier(max_iter=10).fit(rows[["at"]], rows["is_fraud"])
    build_scorer(tmp_path / "scorer", model=model, holdout=holdout, task="binary_classification", label="is_fraud")

    result = compile_scorer(tmp_path / "scorer", save(holdout, tmp_path / "h.parquet"), tmp_path / "compiled")

    assert not result.faithful
    assert "decisions differ" in result.because or "max difference" in result.because
    assert result.max_difference > 1e-3
    assert not (tmp_path / "compiled").exists()


WITHOUT = """\
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == {missing!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
"""Run at the start of a process, it makes one installed package look as if it were not."""


@pytest.mark.parametrize(("missing", "extra"), [("skl2onnx", "sklearn"), ("onnxruntime", "serve")])
def test_a_missing_package_names_the_extra(tmp_path, monkeypatch, missing, extra):
    scorer_of(tmp_path / "scorer", mixed(LOGISTIC))
    start = tmp_path / "path" / "sitecustomize.py"
    start.parent.mkdir()
    start.write_text(WITHOUT.format(missing=missing))
    monkeypatch.setenv("PYTHONPATH", str(start.parent))

    result = compile_scorer(tmp_path / "scorer", save(HOLDOUT, tmp_path / "h.parquet"), tmp_path / "compiled")

    assert not result.faithful
    assert f"{missing} is not installed; `pip install 'plimsoll-ml[{extra}]'`" in result.because


def test_a_process_that_dies_is_a_result(tmp_path, monkeypatch):
    scorer_of(tmp_path / "scorer", mixed(LOGISTIC))
    fake = tmp_path / "path" / "onnxruntime.py"
    fake.parent.mkdir()
    fake.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    result = compile_scorer(tmp_path / "scorer", save(HOLDOUT, tmp_path / "h.parquet"), tmp_path / "compiled")
    assert "the compiling process was ended by signal 11" in result.because


def test_a_process_that_takes_too_long_is_ended(tmp_path):
    before = time.monotonic()
    result = compile_scorer(tmp_path / "none", tmp_path / "none", tmp_path / "compiled", timeout_s=0.01)
    assert result.because == "not compiled: it took longer than 0.01 s"
    assert time.monotonic() - before < 10
