"""`plimsoll.load()`: a release on data frames, with the very answers that its door gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests.bundle.bundle_cases import build, make_rows
from tests.stories.workspace import ProjectFolder

import plimsoll
from plimsoll.bundle.layout import verify_bundle, write_bundle
from plimsoll.bundle.signing import signer
from plimsoll.kernel.errors import PlimsollError
from plimsoll.notebook.choosing import RuntimeDiffersWarning
from plimsoll.notebook.engines import Elsewhere, Here
from plimsoll.notebook.model import Model

DATATYPES = {"int": "INT64", "float": "FP64", "string": "BYTES", "bool": "BOOL"}


def ask_door(project: ProjectFolder, environment: str, model: Model, rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Each output of the environment's door for the rows."""
    (view,) = [view for view in project.ask("status") if view["environment"] == environment]
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": DATATYPES[kind],
            "data": rows[name].astype(object).where(rows[name].notna(), None).tolist(),
        }
        for name, kind in model.columns.items()
    ]
    name = model.release.partition("@")[0]
    request = Request(f"{view['address']}/v2/models/{name}/infer", json.dumps({"inputs": inputs}).encode())
    with urlopen(request, timeout=30) as response:
        return {one["name"]: one["data"] for one in json.load(response)["outputs"]}


@pytest.fixture
def reseal(tmp_path: Path, released_orders: ProjectFolder):
    """Orders' bundle with another lock, signed again by the project's own key; returns its folder."""

    def make(lock: str) -> Path:
        (source,) = (released_orders.root / ".plimsoll/environments/production/releases").iterdir()
        folder = tmp_path / "bundle"
        shutil.copytree(source, folder)
        for place in (folder, *folder.rglob("*")):
            place.chmod(0o755)
        keys = released_orders.root / ".plimsoll/keys"
        manifest = verify_bundle(folder, keys)
        (folder / "lock.txt").write_text(lock)
        facts = {name: getattr(manifest, name) for name in type(manifest).__dataclass_fields__ if name != "files"}
        write_bundle(folder, signer=signer(keys), **facts)
        return folder

    return make


@pytest.mark.parametrize(("fixture", "environment"), [("released_orders", "production"), ("released_loans", "staging")])
def test_answers_are_the_doors_row_for_row(
    fixture: str, environment: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    project: ProjectFolder = request.getfixturevalue(fixture)
    monkeypatch.chdir(project.root)
    model = plimsoll.load(environment)
    rows = plimsoll.output("holdout").sample(frac=1, random_state=3)

    decision, probabilities = model.predict(rows), model.predict_proba(rows)

    answer = ask_door(project, environment, model, rows)
    assert decision.tolist() == answer["decision"]
    assert probabilities[True].tolist() == answer["score"]
    assert decision.index.equals(rows.index)
    assert probabilities.index.equals(rows.index)
    assert [*probabilities.columns] == [False, True]
    assert decision.equals((probabilities[True] >= model.threshold).rename(decision.name))


def test_each_way_to_name_a_release_leads_to_it(released_orders: ProjectFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(released_orders.root)
    before = sys.modules.get("steps")
    (bundle,) = (released_orders.root / ".plimsoll/environments/production/releases").iterdir()

    models = [plimsoll.load(name) for name in ("orders@1", "orders@latest", "production", bundle.name, bundle)]

    assert {model.digest for model in models} == {bundle.name}
    model = models[0]
    assert (model.release, model.task, model.threshold) == ("orders@1", "binary_classification", 0.5)
    assert model.columns == {"price": "float", "discount": "float"}
    assert model.classes == (False, True)
    assert "orders@1: binary classification of returned (False, True)" in repr(model)
    assert "in this process" in repr(model)
    assert sys.modules.get("steps") is before


def test_polars_records_and_pandas_are_answered_alike(released_orders: ProjectFolder):
    model = plimsoll.load("orders@1", project=released_orders.root)
    frame = pd.DataFrame({"discount": [1.0, 90.0], "price": [100.0, 100.0], "note": ["a", "b"]}, index=["x", "y"])

    from_pandas = model.predict(frame)
    from_polars = model.predict(pl.DataFrame(frame.to_dict("list")))
    from_records = model.predict(frame.to_dict("records"))

    assert from_pandas.to_dict() == {"x": False, "y": True}
    assert isinstance(from_polars, pl.Series)
    assert (from_polars.name, from_polars.to_list()) == ("returned", [False, True])
    assert (from_records.name, from_records.to_dict()) == ("returned", {0: False, 1: True})
    chances = model.predict_proba(pl.DataFrame(frame.to_dict("list")))
    assert chances["True"].to_list() == model.predict_proba(frame)[True].tolist()
    assert model.predict(frame.head(0)).tolist() == []


def test_rows_that_the_server_would_refuse_are_refused(released_orders: ProjectFolder):
    model = plimsoll.load("orders@1", project=released_orders.root)

    with pytest.raises(PlimsollError, match="the column discount is missing"):
        model.predict(pd.DataFrame({"price": [1.0]}))
    with pytest.raises(PlimsollError, match="expected float"):
        model.predict([{"price": "1", "discount": 0.5}])
    with pytest.raises(PlimsollError, match="type ndarray cannot be scored"):
        model.predict(np.zeros((1, 2)))


def test_a_name_that_leads_nowhere_is_told_with_what_there_is(
    released_orders: ProjectFolder, released_loans: ProjectFolder
):
    with pytest.raises(PlimsollError, match=r"'order@1' is no release.*did you mean orders@1\?") as missing:
        plimsoll.load("order@1", project=released_orders.root)
    assert "releases orders@1" in missing.value.advice
    with pytest.raises(PlimsollError, match=r"did you mean production\?"):
        plimsoll.load("prduction", project=released_orders.root)
    with pytest.raises(PlimsollError, match="Nothing is live in production"):
        plimsoll.load("production", project=released_loans.root)


def test_a_bundle_is_loaded_without_a_project_once_its_key_is_named(
    released_loans: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (source,) = (released_loans.root / ".plimsoll/environments/staging/releases").iterdir()
    shutil.copytree(source, tmp_path / "bundle")
    (tmp_path / "keys").mkdir()
    shutil.copy(released_loans.root / ".plimsoll/keys/release.pub", tmp_path / "keys")

    with pytest.raises(PlimsollError, match="cannot be verified"):
        plimsoll.load("bundle")

    assert plimsoll.load("bundle", keys="keys").release == "loans@1"


def test_a_changed_bundle_is_refused_before_anything_of_it_is_loaded(reseal: Any, released_orders: ProjectFolder):
    folder = reseal(verify_lock(released_orders))
    code = folder / "scorer/code/steps.py"
    code.write_text(code.read_text() + "\nraise SystemExit\n")

    with pytest.raises(PlimsollError, match=r"not what was signed: scorer/code/steps\.py is changed"):
        plimsoll.load(folder, project=released_orders.root)


def test_other_packages_are_said_and_refused_or_allowed(reseal: Any, released_orders: ProjectFolder):
    first, *rest = verify_lock(released_orders).splitlines()
    folder = reseal("\n".join([first.replace("python==3", "python==2"), *rest]) + "\n")

    with pytest.raises(PlimsollError, match=r"made with other packages than this process has \(python 2\.") as refused:
        plimsoll.load(folder, project=released_orders.root)
    assert "here=True" in refused.value.advice
    with pytest.warns(RuntimeDiffersWarning, match=r"orders@1 .* python 2\."):
        model = plimsoll.load(folder, project=released_orders.root, here=True)
    assert model.predict([{"price": 100.0, "discount": 90.0}]).tolist() == [True]


def test_a_runtime_of_its_own_answers_as_this_process_does(tmp_path: Path):
    rows = make_rows()
    from tests.bundle.bundle_cases import make_model

    build(tmp_path / "scorer", model=make_model(rows), holdout=rows)
    raw = rows.drop(columns=["is_fraud"])

    here = Here(tmp_path).score(raw)
    elsewhere = Elsewhere(tmp_path, sys.executable).score(raw)

    assert np.array_equal(here.decision, elsewhere.decision)
    assert np.array_equal(here.probabilities, elsewhere.probabilities)


def test_bytes_that_only_a_server_has_are_said_to_be_there(
    released_orders: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from plimsoll.notebook.asking import workspace

    monkeypatch.setenv("PLIMSOLL_URL", "http://127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlimsollError, match=r"kept by the server at http://127\.0\.0\.1:1"):
        workspace(project=None, what="orders@1", store="0" * 64)
    monkeypatch.chdir(released_orders.root)
    with pytest.raises(PlimsollError, match="kept by the server"):
        workspace(project=None, what="orders@1", store="0" * 64)


def verify_lock(project: ProjectFolder) -> str:
    (bundle,) = (project.root / ".plimsoll/environments/production/releases").iterdir()
    return (bundle / "lock.txt").read_text()


def test_without_pandas_the_extra_is_named():
    code = "import sys; sys.modules['pandas'] = None; import plimsoll; plimsoll.load('fraud@1')"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "PackageMissing: This needs pandas, which is not installed." in shown.stderr
