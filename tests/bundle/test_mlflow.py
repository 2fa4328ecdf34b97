"""MLflow's own loaders read the model directory that we write, in an environment of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from bundle_cases import build, write_code

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

MLFLOW = "3.17.2"
READER = """
import json, sys, warnings
import pandas as pd
import mlflow.pyfunc, mlflow.sklearn
from mlflow.models import Model
folder, rows = sys.argv[1:]
frame = pd.read_pickle(rows)
generic, native = mlflow.pyfunc.load_model(folder), mlflow.sklearn.load_model(folder)
page = Model.load(folder)
print(json.dumps({
    "generic": generic.predict(frame).tolist(),
    "native": native.predict_proba(frame).tolist(),
    "inputs": [[item.name, item.type.name] for item in page.signature.inputs],
    "outputs": str(page.signature.outputs),
    "mlflow": mlflow.__version__,
}))
"""


@pytest.fixture(scope="module")
def mlflow_python(tmp_path_factory) -> Path:
    """The interpreter of a fresh environment with MLflow and what our pickles name; skips offline."""
    folder = tmp_path_factory.mktemp("mlflow") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    ours = [f"{name}=={version(name)}" for name in ("scikit-learn", "pandas", "numpy", "cloudpickle", "pyarrow")]
    uv = Path(sys.prefix) / "tools" / "bin" / "uv"
    tool = [str(uv), "pip", "install", "-q", "--python", str(python)]
    if not uv.exists():
        subprocess.run([str(python), "-m", "ensurepip"], check=True, capture_output=True)
        tool = [str(python), "-m", "pip", "install", "-q"]
    done = subprocess.run([*tool, f"mlflow-skinny=={MLFLOW}", *ours], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mlflow-skinny cannot be installed: {done.stderr[-300:]}")
    return python


def read(python, folder, rows, tmp_path):
    rows.to_pickle(tmp_path / "rows.pkl")
    done = subprocess.run(
        [str(python), "-c", READER, str(folder), str(tmp_path / "rows.pkl")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_mlflow_loads_the_model_with_its_signature_and_predicts_the_same(
    mlflow_python, scorer_folder, model, holdout, tmp_path
):
    rows = holdout[[*model.feature_names_in_]]

    found = read(mlflow_python, scorer_folder / "model", rows, tmp_path)

    assert found["mlflow"] == MLFLOW
    assert found["generic"] == model.predict(rows).tolist()
    assert np.array_equal(found["native"], model.predict_proba(rows))
    assert found["inputs"] == [
        ["amount", "double"],
        ["age", "long"],
        ["country", "string"],
        ["channel", "string"],
        ["known", "boolean"],
    ]
    assert "bool" in found["outputs"]


def test_mlflow_finds_the_project_s_code_that_a_model_needs(mlflow_python, holdout, tmp_path, monkeypatch):
    source = """
    from sklearn.linear_model import LogisticRegression

    class Careful(LogisticRegression):
        pass
    """
    project = write_code(tmp_path / "project", source, name="carefulsteps.py")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(project))
        import carefulsteps

        model = carefulsteps.Careful().fit(holdout[["age"]], holdout["is_fraud"].astype(int))
        build(tmp_path / "scorer", model=model, holdout=holdout, code="carefulsteps.py", code_tree=project)

    found = read(mlflow_python, tmp_path / "scorer" / "model", holdout[["age"]], tmp_path)

    assert np.array_equal(found["native"], model.predict_proba(holdout[["age"]]))
