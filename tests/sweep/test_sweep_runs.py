"""Sweeps of small real projects: shared steps run once, failures are kept, what was killed goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.pipeline_case import Case, make_case
from tests.stories.workspace import ProjectFolder

from plimsoll.edge.context import Caller, Denied, Grant, Role
from plimsoll.edge.operations import perform
from plimsoll.kernel.extras import PackageMissing
from plimsoll.pipeline.errors import CodeNotImportable, UnknownParam
from plimsoll.pipeline.operations import cancel_run, get_run
from plimsoll.sweep import operations as _registered  # noqa: F401
from plimsoll.sweep.errors import (
    GroundChanged,
    MetricMissing,
    MetricUnclear,
    SweepCancelled,
    SweepEnded,
    SweepInvalid,
    SweepMissing,
    SweepUnderWay,
    TooManyFailures,
)

STEPS = """
import time
from pathlib import Path

import plimsoll


def split(rows):
    _note("split")
    return list(range(rows))


def features(split, depth=1):
    _note(f"features {depth}")
    time.sleep(0.05)
    return [row % depth for row in split]


def train(features, rate):
    _note(f"train {rate}")
    wait = Path(__file__).parent / "slow"
    while wait.exists() and rate != 0.1:
        time.sleep(0.01)
    if rate == 13:
        raise ValueError("unlucky")
    for step, error in enumerate((1.0, 0.0, (rate - 0.1) ** 2)):
        plimsoll.log(error=error if rate != 14 else float("nan"), step=step)
    plimsoll.log(size=len(features))
    return rate


def check(train):
    plimsoll.log(size=1)


def _note(text):
    with (Path(__file__).parent / "calls.txt").open("a") as stream:
        stream.write(text.replace(" ", "_") + "\\n")
"""
SETTINGS = """\
pipeline:
  params: {rows: 10, rate: 0.5}   # kept
sweep:
  minimize: error
  params: {rate: [0.5, 0.1, 0.3]}
"""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path / "tiny", STEPS, SETTINGS)


def ask(case: Case, operation: str, **payload: Any) -> Any:
    return perform(operation, payload, case.context)


def rates(report: dict[str, Any]) -> list[float]:
    trials = report["sweep"]["trials"]
    return [trials[number]["params"]["rate"] for number in report["ranking"]]


def test_a_grid_is_ranked_and_its_trials_are_ordinary_runs(case: Case):
    report = ask(case, "sweeps.create")
    assert report["sweep"]["state"] == "done"
    assert rates(report) == [0.1, 0.3, 0.5]
    assert report["best"]["number"] == 1
    run = get_run(case.context, report["best"]["run"])
    assert run.because == f"trial 1 of {report['sweep']['id']}"
    assert dict(run.params) == {"rows": 10, "rate": 0.1}
    assert run.verdict is None
    assert ask(case, "sweeps.show") == report
    [summary] = ask(case, "sweeps.list")
    assert (summary["done"], summary["trials"], summary["goal"]) == (3, 3, "minimize error")
    with case.context.database.read() as transaction:
        actions = [row["action"] for row in transaction.all("SELECT action FROM audit_events ORDER BY number")]
    assert actions == ["sweep_started", *["run_started", "run_ended"] * 3, "sweep_ended"]
    again = ask(case, "sweeps.create")
    assert {step["ran"] for step in again["steps"]} == {0}
    assert rates(again) == rates(report)


@pytest.mark.parametrize("jobs", [1, 4])
def test_twenty_trials_share_what_they_have_in_common(case: Case, jobs: int):
    space = {"rate": {"log": [0.01, 1.0]}, "depth": [1, 2, 3]}
    report = ask(case, "sweeps.create", method="random", trials=20, seed=5, jobs=jobs, params=space)
    assert len(report["ranking"]) == 20
    calls = Counter(case.calls())
    assert max(calls.values()) == 1
    assert calls["split"] == 1
    assert sum(count for call, count in calls.items() if call.startswith("features")) == 3
    assert {step["step"]: step["ran"] for step in report["steps"]} == {
        "split": 1, "features": 3, "train": 20, "check": 20,
    }  # fmt: skip
    same = ask(case, "sweeps.create", method="random", trials=20, seed=5, jobs=1, params=space)
    assert [one["params"] for one in same["sweep"]["trials"]] == [one["params"] for one in report["sweep"]["trials"]]


def test_optuna_searches_and_is_named_where_it_is_missing(case: Case, monkeypatch: pytest.MonkeyPatch):
    asked = {"method": "optuna", "trials": 12, "params": {"rate": {"log": [0.001, 10]}}}
    report = ask(case, "sweeps.create", **asked)
    again = ask(case, "sweeps.create", **asked)
    assert [one["params"] for one in again["sweep"]["trials"]] == [one["params"] for one in report["sweep"]["trials"]]
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(PackageMissing) as caught:
        ask(case, "sweeps.create", **asked)
    assert "plimsoll-ml[sweep]" in caught.value.advice


def test_a_failing_trial_is_recorded_and_the_others_go_on(case: Case):
    report = ask(case, "sweeps.create", params={"rate": [13, 0.1, 14]})
    states = {one["params"]["rate"]: (one["state"], one["error"]) for one in report["sweep"]["trials"]}
    assert states[0.1] == ("done", "")
    assert states[13][0] == "failed"
    assert "unlucky" in states[13][1]
    assert states[14][0] == "failed"
    assert "as nan" in states[14][1]
    assert report["sweep"]["state"] == "done"


def test_too_many_failures_end_it(case: Case):
    with pytest.raises(TooManyFailures, match="2 trials failed"):
        ask(case, "sweeps.create", params={"rate": [13, 14, 0.1]}, max_failures=1)
    report = ask(case, "sweeps.show")
    assert [one["state"] for one in report["sweep"]["trials"]] == ["failed", "failed"]
    assert report["sweep"]["state"] == "failed"
    resumed = ask(case, "sweeps.resume")
    assert [one["state"] for one in resumed["sweep"]["trials"]] == ["failed", "failed", "done"]


def test_code_that_cannot_be_imported_ends_it_at_once(case: Case):
    case.edit("steps.py", "import plimsoll\n", "import plimsoll\nraise RuntimeError('no')\n")
    with pytest.raises(CodeNotImportable):
        ask(case, "sweeps.create")
    assert len(ask(case, "sweeps.show")["sweep"]["trials"]) == 1


def test_the_value_that_counts_is_the_last_or_the_best(case: Case):
    assert ask(case, "sweeps.create", take="best")["best"]["value"] == 0.0
    assert ask(case, "sweeps.create")["best"]["value"] == pytest.approx(0.0)
    assert ask(case, "sweeps.create", maximize="error", take="best")["best"]["value"] == 1.0


def test_a_metric_nobody_logs_ends_it_after_one_trial_with_the_nearest_word(case: Case):
    with pytest.raises(MetricMissing, match=r"logged no metric 'errors'; it logged error, size. Did you mean error\?"):
        ask(case, "sweeps.create", minimize="errors")
    assert len(ask(case, "sweeps.show")["sweep"]["trials"]) == 1


def test_a_metric_of_several_steps_needs_the_step(case: Case):
    with pytest.raises(MetricUnclear, match="check, train"):
        ask(case, "sweeps.create", maximize="size")
    assert ask(case, "sweeps.create", maximize="size", step="train")["best"]["value"] == 10


def test_what_cannot_be_tried_is_refused_before_anything_is_recorded(case: Case):
    with pytest.raises(SweepInvalid, match="trials: found 0"):
        ask(case, "sweeps.create", trials=0)
    with pytest.raises(UnknownParam, match="rat"):
        ask(case, "sweeps.create", params={"rat": [1]})
    with pytest.raises(SweepMissing):
        ask(case, "sweeps.show")


def test_a_viewer_looks_and_begins_nothing(case: Case):
    ask(case, "sweeps.create")
    case.context = replace(case.context, caller=Caller(name="eve", grants=(Grant(role=Role.VIEWER),)))
    assert ask(case, "sweeps.show")["best"]["number"] == 1
    for operation in ("sweeps.create", "sweeps.resume", "sweeps.cancel"):
        with pytest.raises(Denied):
            ask(case, operation)


def until(met: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


def begun(case: Case, *, jobs: int = 1) -> tuple[threading.Thread, list[BaseException]]:
    """A sweep in a thread, whose trials but that of 0.1 wait for the file `slow` to go; it has come to one."""
    case.write("slow", "")
    raised: list[BaseException] = []

    def sweep() -> None:
        try:
            ask(case, "sweeps.create", params={"rate": [0.1, 0.5, 0.3]}, jobs=jobs)
        except BaseException as error:  # noqa: BLE001 - told to the test
            raised.append(error)

    thread = threading.Thread(target=sweep)
    thread.start()
    until(lambda: "train_0.5" in (case.root / "calls.txt").read_text() if (case.root / "calls.txt").exists() else False)
    return thread, raised


def test_a_cancelled_sweep_ends_its_runs_and_can_go_on(case: Case):
    thread, raised = begun(case)
    with pytest.raises(SweepUnderWay):
        ask(case, "sweeps.resume")
    ask(case, "sweeps.cancel")
    thread.join(20)
    assert isinstance(raised[0], SweepCancelled)
    report = ask(case, "sweeps.show")
    assert report["sweep"]["state"] == "cancelled"
    assert [one["state"] for one in report["sweep"]["trials"]] == ["done", "interrupted"]
    assert get_run(case.context, report["sweep"]["trials"][1]["run"]).state == "cancelled"
    with pytest.raises(SweepEnded):
        ask(case, "sweeps.cancel")
    (case.root / "slow").unlink()
    done = ask(case, "sweeps.resume")
    assert rates(done) == [0.1, 0.3, 0.5]
    assert done["sweep"]["trials"][0] == report["sweep"]["trials"][0]
    with pytest.raises(SweepEnded):
        ask(case, "sweeps.resume")


def test_one_trial_can_be_cancelled_and_is_not_done_again(case: Case):
    thread, raised = begun(case)
    cancel_run(case.context, ask(case, "sweeps.show")["sweep"]["trials"][1]["run"])
    until(lambda: ask(case, "sweeps.show")["sweep"]["trials"][1]["state"] == "cancelled")
    (case.root / "slow").unlink()
    thread.join(20)
    assert not raised
    assert [one["state"] for one in ask(case, "sweeps.show")["sweep"]["trials"]] == ["done", "cancelled", "done"]


def test_trials_on_other_code_or_data_are_not_compared(case: Case):
    thread, raised = begun(case)
    case.edit("steps.py", "** 2", "** 4")
    (case.root / "slow").unlink()
    thread.join(20)
    assert isinstance(raised[0], GroundChanged)
    with pytest.raises(GroundChanged, match="the code of the steps changed"):
        ask(case, "sweeps.resume")
    case.edit("steps.py", "** 4", "** 2")
    case.edit("plimsoll.yaml", "rows: 10", "rows: 11, more: 1")
    with pytest.raises(GroundChanged, match="the parameters that are not tried changed"):
        ask(case, "sweeps.resume")
    case.edit("plimsoll.yaml", ", more: 1", "")
    resumed = ask(case, "sweeps.resume")
    assert rates(resumed) == [0.1, 0.3, 0.5]
    runs = [get_run(case.context, one["run"]) for one in resumed["sweep"]["trials"]]
    assert {run.params["rows"] for run in runs} == {10}


def test_a_killed_sweep_goes_on_where_it_was(case: Case):
    folder = ProjectFolder(case.root, {})
    command = [sys.executable, "-m", "plimsoll", "sweep", "-p", "rate=0.1,0.5,0.3,0.2", "--jobs", "2"]
    case.write("slow", "")
    process = subprocess.Popen(command, cwd=case.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    calls = case.root / "calls.txt"
    until(lambda: calls.exists() and {"train_0.5", "train_0.3"} <= set(calls.read_text().split()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    (case.root / "slow").unlink()
    before = folder.ask("sweep", "show")
    assert before["sweep"]["state"] == "interrupted"
    assert [one["state"] for one in before["sweep"]["trials"]] == ["done", "interrupted", "interrupted"]
    after = folder.ask("sweep", "resume")
    assert rates(after) == [0.1, 0.2, 0.3, 0.5]
    assert after["sweep"]["trials"][0] == before["sweep"]["trials"][0]
    counted = Counter(case.calls())
    assert (counted["split"], counted["train_0.1"], counted["train_0.2"]) == (1, 1, 1)
    killed = get_run(case.context, before["sweep"]["trials"][1]["run"])
    assert killed.state == "interrupted"


def test_interrupting_keeps_what_is_done(case: Case):
    command = [sys.executable, "-m", "plimsoll", "sweep", "-p", "rate=0.1,0.5"]
    case.write("slow", "")
    process = subprocess.Popen(command, cwd=case.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    calls = case.root / "calls.txt"
    until(lambda: calls.exists() and "train_0.5" in calls.read_text())
    process.send_signal(signal.SIGINT)
    assert "what was finished is kept" in process.communicate(timeout=20)[1]
    assert process.returncode == 130
    (case.root / "slow").unlink()
    report = ask(case, "sweeps.show")
    assert report["sweep"]["state"] == "interrupted"
    assert [one["state"] for one in report["sweep"]["trials"]] == ["done", "interrupted"]
    assert rates(ask(case, "sweeps.resume")) == [0.1, 0.5]


def test_the_best_is_written_into_the_file_and_then_cached(case: Case):
    folder = ProjectFolder(case.root, {})
    file = case.root / "plimsoll.yaml"
    before, mode = file.read_text(), file.stat().st_mode
    shown = folder.plimsoll("sweep")
    assert "best: trial 1, error" in shown.out
    assert "split: ran 1 times, cached 2 times" in shown.out
    planned = folder.plimsoll("sweep", "apply", "--plan")
    assert "+  params: {rows: 10, rate: 0.1}   # kept" in planned.out
    assert file.read_text() == before
    folder.plimsoll("sweep", "apply")
    assert file.read_text() == before.replace("rate: 0.5}", "rate: 0.1}")
    assert file.stat().st_mode == mode
    assert {step["because"] for step in folder.ask("run", "--plan")} == {"cached"}
    file.write_text(before.replace(", rate: 0.5", ""))
    refused = folder.plimsoll("sweep", "apply", "--trial", "0", expect=2)
    assert "sweep.params_not_writable" in refused.err
    assert "    rate: 0.5" in refused.err
