"""A run keeps what its steps ran on, and what made the commit's files those that ran."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

from pipeline_case import make_case

from plimsoll.pipeline.native import determinism_switches, loaded_libraries
from plimsoll.pipeline.ran_on import read_record

NUMERIC = """
def total(size):
    import numpy
    return float((numpy.ones((size, size)) @ numpy.ones((size, size))).sum())
"""


def test_a_run_records_machine_packages_and_the_libraries_of_its_steps(tmp_path):
    case = make_case(tmp_path, NUMERIC, "pipeline: {params: {size: 50}}\n")
    record = read_record(case.context.artifacts, case.run().runtime)
    assert record.python["version"]
    assert any(name.startswith("numpy==") for name in record.packages)
    blas = [name for name in record.libraries if "openblas" in name]
    assert blas
    assert record.libraries[blas[0]][0] >= 1
    assert record.switches == {"random string hashes": "off"}


def test_a_run_in_which_all_is_cached_has_the_record_of_the_run_that_made_it(tmp_path, monkeypatch):
    case = make_case(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first = case.run()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    second = case.run()
    assert second.runtime == first.runtime
    assert read_record(case.context.artifacts, second.runtime).variables["OMP_NUM_THREADS"] == "1"
    assert case.run(factor=5).runtime != first.runtime


def test_a_dirty_run_keeps_the_patch_and_a_clean_one_has_none(tmp_path):
    case = make_case(tmp_path)
    case.write(".gitignore", ".plimsoll\n__pycache__\ncalls.txt\n")
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *settings, *command], cwd=tmp_path, check=True)
    assert case.run().patch == ""
    case.edit("steps.py", "value * factor", "value * factor + 1")
    dirty = case.run()
    assert dirty.dirty == ("steps.py",)
    assert b"+    return [value * factor + 1 for value in raw]" in case.context.artifacts.read_bytes(dirty.patch)


def test_a_machine_without_proc_tells_no_libraries(tmp_path):
    assert loaded_libraries(tmp_path / "maps") == {}


def test_a_library_that_is_gone_is_left_out(tmp_path):
    (tmp_path / "maps").write_text(f"7f00-7f01 r-xp 00000000 00:00 1    {tmp_path}/libopenblas.so.0\n")
    assert loaded_libraries(tmp_path / "maps") == {}


def test_torch_is_asked_only_when_a_step_imported_it(monkeypatch):
    assert "torch deterministic algorithms" not in determinism_switches()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(are_deterministic_algorithms_enabled=lambda: True))
    assert determinism_switches()["torch deterministic algorithms"] == "on"
