"""PyTorch's tensors and CatBoost's models come back, with the same bytes in every process.

Neither is among the locked packages, for their size: they are installed beside them into an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

TORCH, CATBOOST = "torch==2.13.0", "catboost==1.2.10"
SCRIPT = Path(__file__).with_name("foreign_codecs.py")


@pytest.fixture(scope="session")
def foreign_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with our packages, PyTorch and CatBoost; skips where pip cannot install them."""
    folder = tmp_path_factory.mktemp("foreign") / "env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    linked = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    Path(sysconfig.get_path("purelib", vars=paths), "ours.pth").write_text(linked)
    tool = [str(python), "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([*tool, TORCH, CATBOOST], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{TORCH} and {CATBOOST} cannot be installed: {done.stderr[-300:]}")
    return python


@pytest.fixture(scope="session")
def told(foreign_python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What two processes say of the same values: codec, digest, and what was wrong with the value that came back."""

    def start(seed: str) -> subprocess.Popen[str]:
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [foreign_python, "-W", "ignore", SCRIPT, tmp_path_factory.mktemp(f"values-{seed}")],
            env=variables | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    found = []
    for process in [start("1"), start("2")]:
        printed, trouble = process.communicate(timeout=300)
        assert process.returncode == 0, trouble
        found.append(json.loads(printed.splitlines()[-1]))
    return found


def test_every_value_comes_back_as_it_was(told: list[dict[str, Any]]):
    assert {name: value["wrong"] for name, value in told[0].items() if value["wrong"]} == {}


def test_equal_values_have_equal_digests_in_two_processes(told: list[dict[str, Any]]):
    digests = [{name: value["digest"] for name, value in each.items()} for each in told]
    assert digests[0] == digests[1]


def test_a_value_that_was_read_has_the_digest_that_it_had(told: list[dict[str, Any]]):
    own = {name: value for name, value in told[0].items() if not value["codec"].endswith("pickle")}
    assert {name: value["again"] for name, value in own.items()} == {n: value["digest"] for n, value in own.items()}


def test_where_a_tensor_lay_does_not_count_and_everything_else_does(told: list[dict[str, Any]]):
    digests = {name: value["digest"] for name, value in told[0].items()}
    assert digests["state"] == digests.pop("state elsewhere")
    assert digests["layout"] == digests.pop("another layout")
    assert len(set(digests.values())) == len(digests)


def test_states_and_models_are_read_without_pickle(told: list[dict[str, Any]]):
    codecs = {name: value["codec"] for name, value in told[0].items()}
    pickled = {name for name, codec in codecs.items() if codec == "pickle"}
    assert pickled == {"module", "checkpoint", "sparse", "untrained catboost"}
    assert {codec for name, codec in codecs.items() if name not in pickled} == {"torch", "catboost"}
