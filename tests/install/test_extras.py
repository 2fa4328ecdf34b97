"""What is not installed is said with the extra that brings it, wherever it is missed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.stories.workspace import ProjectFolder
from tests.targets.serving_cases import make_release, make_scorer

from plimsoll.kernel.extras import EXTRAS, PackageMissing, cure, extras_named, require
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.loading import check_bundle

DISTRIBUTIONS = {"mlflow": "mlflow-skinny", "sklearn": "scikit-learn"}


@pytest.fixture
def core(tmp_path: Path) -> ProjectFolder:
    """An empty folder for commands that find nothing of what the variable HIDDEN names."""
    (tmp_path / "hide").mkdir()
    page = "import os, sys\nsys.modules.update(dict.fromkeys(os.environ['HIDDEN'].split()))\n"
    (tmp_path / "hide" / "sitecustomize.py").write_text(page)
    folder = tmp_path / "orders"
    folder.mkdir()
    return ProjectFolder(folder, {"PYTHONPATH": str(tmp_path / "hide"), "HIDDEN": " ".join(EXTRAS)})


def test_each_package_is_in_the_extra_that_is_named_for_it():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package, extra in EXTRAS.items():
        names = [re.match(r"[\w-]+", line)[0] for line in extras[extra]]
        assert DISTRIBUTIONS.get(package, package) in names


def test_code_that_needs_scikit_learn_names_its_extra(core: ProjectFolder):
    (core.root / "plimsoll.yaml").write_text("project: orders\ncode: steps.py\n")
    (core.root / "steps.py").write_text("import sklearn\n\n\ndef number():\n    return 1\n")
    answer = core.plimsoll("run", expect=6)
    assert "pipeline.import_failed: steps.py cannot be imported: ModuleNotFoundError" in answer.err
    assert "`pip install 'plimsoll-ml[sklearn]'` brings it" in answer.err


def test_a_step_that_takes_a_frame_names_the_extra_that_brings_pandas(core: ProjectFolder):
    (core.root / "plimsoll.yaml").write_text("project: orders\ncode: steps.py\ndata: {orders: {path: orders.csv}}\n")
    (core.root / "orders.csv").write_text("price\n1\n")
    (core.root / "steps.py").write_text("def number(orders):\n    return len(orders)\n")
    assert "plimsoll-ml[sklearn]" in core.plimsoll("run", expect=6).err


def test_a_run_without_frames_needs_the_core_alone(core: ProjectFolder):
    (core.root / "plimsoll.yaml").write_text("project: orders\ncode: steps.py\n")
    (core.root / "steps.py").write_text("def number():\n    return 1\n")
    assert core.ask("run")["run"]["state"] == "done"


def test_a_postgresql_ledger_names_its_extra_and_not_its_password(core: ProjectFolder):
    (core.root / "plimsoll.yaml").write_text("project: orders\ncode: steps.py\n")
    answer = core.plimsoll("runs", expect=5, PLIMSOLL_LEDGER="postgresql://ada:secret@localhost/db")
    assert "install.package_missing: This needs psycopg, which is not installed." in answer.err
    assert "pip install 'plimsoll-ml[postgres]'" in answer.err
    assert "secret" not in answer.err


def test_a_compiled_release_without_onnxruntime_is_refused_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_scorer(tmp_path / "scorer")
    release = make_release(tmp_path / "bundle", tmp_path / "keys", 1, scorer=tmp_path / "scorer", bias=0.5)
    ref = ReleaseRef(name=release.name, digest=release.digest, bundle=release.bundle)
    assert check_bundle(ref, tmp_path / "keys").compiled
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PackageMissing, match="onnxruntime") as caught:
        check_bundle(ref, tmp_path / "keys")
    assert "plimsoll-ml[serve]" in caught.value.advice


def test_a_door_of_other_releases_starts_without_onnxruntime():
    code = "import sys; sys.modules['onnxruntime'] = None; import plimsoll.serving.door"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_import_that_no_extra_mends_is_left_as_it_is():
    assert cure(ModuleNotFoundError("No module named 'mine'", name="mine")) == ""
    assert cure(ModuleNotFoundError("No module named 'numpy.gone'", name="numpy.gone")) == ""
    assert cure(ModuleNotFoundError("No module named 'pandas.gone'", name="pandas.gone")) == "", "pandas is installed"
    assert cure(ValueError("pandas")) == ""
    require("pandas")
    with pytest.raises(ModuleNotFoundError), extras_named():
        import no_such_package  # noqa: F401
