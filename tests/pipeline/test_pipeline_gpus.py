"""Steps that ask for GPUs get their own, and one that asks for more than there are is refused before anything runs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.errors import NoSuchRoom
from plimsoll.pipeline.executors.gpus import find_gpus
from plimsoll.pipeline.operations import list_runs
from plimsoll.project.load import load_project
from plimsoll.project.problems import ProjectInvalid

STEPS = """
import os, time

def fit(item):
    begun = time.monotonic()
    time.sleep(0.3)
    return [os.environ.get("CUDA_VISIBLE_DEVICES"), begun, time.monotonic()]

def without():
    return os.environ.get("CUDA_VISIBLE_DEVICES")
"""


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which `nvidia-smi` lists two."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    listing = "\n".join(f"GPU {number}: NVIDIA A100 (UUID: GPU-{number}f)" for number in range(2))
    fake_smi(tmp_path, monkeypatch, f"cat <<'END'\n{listing}\nEND\n")


def fake_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    command = tmp_path / "bin" / "nvidia-smi"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{body}")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")


def case_with(root: Path, gpu: int) -> Case:
    options = f"{{each: {{item: items}}, resources: {{gpu: {gpu}, cpu: 0.1}}}}"
    return make_case(root / "p", STEPS, f"pipeline:\n  params: {{items: [1, 2, 3, 4]}}\n  steps:\n    fit: {options}\n")


@pytest.mark.usefixtures("two_gpus")
def test_no_two_steps_have_the_same_gpu_at_once(tmp_path: Path):
    case = case_with(tmp_path, 1)
    run = case.run()
    spans = case.value(run, "fit")
    assert {device for device, _, _ in spans} == {"0", "1"}
    for device in ("0", "1"):
        own = sorted((begun, ended) for name, begun, ended in spans if name == device)
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(own))
    assert case.value(run, "without") is None


@pytest.mark.usefixtures("two_gpus")
def test_a_step_may_have_several(tmp_path: Path):
    case = case_with(tmp_path, 2)
    assert {device for device, _, _ in case.value(case.run(), "fit")} == {"0,1"}


@pytest.mark.usefixtures("two_gpus")
def test_more_than_there_are_is_refused_before_a_run_begins(tmp_path: Path):
    case = case_with(tmp_path, 3)
    with pytest.raises(NoSuchRoom) as caught:
        case.run()
    assert str(caught.value) == "Step fit asks for 3 GPUs and there are 2 on this machine."
    assert list_runs(case.context, project="tiny") == ()


@pytest.mark.usefixtures("two_gpus")
def test_the_variable_counts_before_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-0f")
    case = case_with(tmp_path, 1)
    assert {device for device, _, _ in case.value(case.run(), "fit")} == {"GPU-0f"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(NoSuchRoom, match="there is none on this machine"):
        case_with(tmp_path / "other", 1).run()


@pytest.mark.parametrize("said", ["", "-1", "NoDevFiles", "-1,0"])
def test_a_variable_that_names_no_device_means_none(said: str):
    assert find_gpus({"CUDA_VISIBLE_DEVICES": said}) == ()


def test_without_a_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert find_gpus({"PATH": str(tmp_path)}) == ()
    fake_smi(tmp_path, monkeypatch, "echo 'NVIDIA-SMI has failed' >&2; exit 9\n")
    assert find_gpus({"PATH": str(tmp_path / "bin")}) == ()


def test_part_of_a_gpu_and_less_than_none_are_refused(tmp_path: Path):
    for gpu, expected in (("0.5", "a whole number"), ("-1", "0 or more")):
        case = make_case(tmp_path / gpu, STEPS, f"pipeline: {{steps: {{fit: {{resources: {{gpu: {gpu}}}}}}}}}\n")
        with pytest.raises(ProjectInvalid, match=expected):
            load_project(case.root / "plimsoll.yaml")


def test_a_run_on_this_machine_imports_nothing_of_ray(run_python, tmp_path: Path):
    said = run_python(
        f"""
        import sys
        from pathlib import Path
        from pipeline_case import make_case
        make_case(Path({str(tmp_path)!r})).run()
        print([name for name in sys.modules if "ray" in name.split(".") or ".ray_" in name])
        """
    )
    assert said == "[]\n"
