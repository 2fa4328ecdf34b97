"""Runs beside each other: code, packages and checks that differ, and what is said where something is not kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.artifacts.folder import FolderStore
from plimsoll.gates.entities import CheckResult, Estimate, Finding, Verdict
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.release.compare import _checked, _code_changes, _lock_changes


@pytest.fixture
def context(tmp_path: Path) -> Any:
    return SimpleNamespace(artifacts=FolderStore(tmp_path / "artifacts"))


def run_of(context: Any, folder: Path, name: str, *, lock: str = "", **files: str) -> Run:
    place = folder / name
    place.mkdir()
    for file, text in files.items():
        (place / file).write_text(text)
    return Run(
        id=name,
        project="p",
        state=RunState.DONE,
        created_by="ada",
        started_at="",
        code_digest=context.artifacts.put_tree(place),
        lock_digest=context.artifacts.put_bytes(lock.encode()),
    )


def verdict_of(*checks: tuple[str, Finding, float | None]) -> Verdict:
    found = tuple(
        CheckResult(rule=rule, finding=finding, because="", metric="auc", candidate=value and estimate(value))
        for rule, finding, value in checks
    )
    return Verdict(id="v", run="r", finding=Finding.PASS, checks=found, champions=(), holdout="", rows=1, decided_at="")


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, lower=value, upper=value, rows=1)


def test_files_that_changed_came_or_went_are_told_with_their_lines(context, tmp_path):
    first = run_of(context, tmp_path, "a", **{"steps.py": "one\ntwo\n", "same.py": "x\n", "gone.py": "old\n"})
    other = run_of(context, tmp_path, "b", **{"steps.py": "one\nthree\n", "same.py": "x\n", "new.py": "a\nb\n"})
    notes: list[str] = []
    found = {change.path: change for change in _code_changes(context, first, other, notes)}
    assert {path: (one.added, one.removed) for path, one in found.items()} == {
        "gone.py": (0, 1),
        "new.py": (2, 0),
        "steps.py": (1, 1),
    }
    assert found["steps.py"].diff.splitlines()[-3:] == [" one", "-two", "+three"]
    assert list(_code_changes(context, first, first, notes)) == notes == []


def test_a_long_difference_is_cut_and_says_so(context, tmp_path):
    first = run_of(context, tmp_path, "a", **{"steps.py": ""})
    other = run_of(context, tmp_path, "b", **{"steps.py": "line\n" * 5000})
    (change,) = _code_changes(context, first, other, [])
    assert (change.added, change.cut, len(change.diff.splitlines())) == (5000, True, 400)


def test_packages_that_differ_are_named_python_first(context, tmp_path):
    first = run_of(context, tmp_path, "a", lock="python==3.11.7 x\nnumpy==2.4\npandas==3\n")
    other = run_of(context, tmp_path, "b", lock="python==3.12.1 x\nnumpy==2.5\npandas==3\nray==2\n")
    found = [(one.package, one.was, one.now) for one in _lock_changes(context, first, other, [])]
    assert found == [("python", "3.11.7 x", "3.12.1 x"), ("numpy", "2.4", "2.5"), ("ray", "", "2")]


def test_what_is_not_kept_here_is_said(context, tmp_path):
    first = run_of(context, tmp_path, "a", **{"steps.py": "x"})
    lost = Run(id="lost", project="p", state=RunState.DONE, created_by="ada", started_at="", code_digest="0" * 64)
    notes: list[str] = []
    assert list(_code_changes(context, first, lost, notes)) == list(_lock_changes(context, first, lost, notes)) == []
    assert notes == ["the code of lost is not kept here", "the runtime's lock of lost is not kept here"]


def test_checks_whose_figure_or_finding_differs_are_told():
    first = verdict_of(("auc >= 0.9", Finding.PASS, 0.95), ("f1 >= 0.5", Finding.PASS, 0.6))
    second = verdict_of(("auc >= 0.9", Finding.FAIL, 0.85), ("f1 >= 0.5", Finding.PASS, 0.6))
    (auc,) = _checked([first, second], everything=False)
    assert (auc.name, auc.values, auc.findings) == ("auc >= 0.9", (0.95, 0.85), ("pass", "fail"))
    assert len(list(_checked([first, second], everything=True))) == 2
    assert [one.values for one in _checked([first, None], everything=False)] == [(0.95, None), (0.6, None)]
