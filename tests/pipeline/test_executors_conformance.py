"""The same project does the same on every executor: digests, order, retries, limits, logs, cancelling, resuming."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.entities import Run, RunState, StepState
from plimsoll.pipeline.errors import CodeNotImportable, RunCancelled, StepFailed
from plimsoll.pipeline.operations import cancel_run, latest_run, list_runs
from plimsoll.pipeline.operations.metrics import metrics_of

Make = Callable[..., Case]
Start = Callable[[str], "subprocess.Popen[str]"]

NOTE = """
import os, signal, sys, time
from pathlib import Path

def _note(notes, text):
    with open(notes, "a") as stream:
        stream.write(text + "\\n")
    return Path(notes).read_text().split()
"""
"""Steps note what they do in a file that they are told of: on Ray the project's folder is not theirs."""


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.system)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Builds a project whose runs use one executor; its parameter `notes` names a file."""
    if request.param == "ray":
        request.getfixturevalue("on_ray")

    def build(steps: str, options: str = "", **params: Any) -> Case:
        known = {"notes": str(tmp_path / "notes.txt"), **params}
        settings = f"pipeline:\n  params: {known!r}\n" + (f"  steps: {options}\n" if options else "")
        case = make_case(tmp_path / "project", "", settings)
        case.write("steps.py", NOTE)
        (case.root / "steps.py").write_text((case.root / "steps.py").read_text() + steps)
        case.executor = request.param
        return case

    return build


def notes(case: Case) -> list[str]:
    place = case.root.parent / "notes.txt"
    return place.read_text().split() if place.exists() else []


def until(holds: Callable[[], Any], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class Apart:
    """A run in a thread."""

    def __init__(self, case: Case) -> None:
        self.raised: BaseException | None = None
        self.run: Run | None = None
        self._case = case
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.run = self._case.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.raised = error

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_branches_run_at_the_same_time_and_their_results_meet(make: Make, tmp_path: Path):
    steps = """
def left(notes):
    _note(notes, "left")
    while "right" not in _note(notes, "-"):
        time.sleep(0.05)
    return "l"

def right(notes):
    _note(notes, "right")
    while "left" not in _note(notes, "-"):
        time.sleep(0.05)
    return "r"

def both(left, right):
    return left + right
"""
    case = make(steps, "{left: {resources: {cpu: 0.5}}, right: {resources: {cpu: 0.5}}}")
    assert case.value(case.run(), "both") == "lr"


def test_a_step_is_called_for_each_item_and_a_new_item_costs_one_call(make: Make):
    steps = "\ndef fit(item, notes):\n    _note(notes, f'fit{item}')\n    return item * 2\n"
    steps += "\ndef best(fit):\n    return max(fit)\n"
    options = "{fit: {each: {item: items}, resources: {cpu: 0.5}}}"
    case = make(steps, options, items=[1, 2, 3])
    assert case.value(case.run(), "fit") == [2, 4, 6]
    run = case.run(items=[1, 2, 3, 5])
    assert (case.value(run, "fit"), case.value(run, "best")) == ([2, 4, 6, 10], 10)
    assert sorted(notes(case)) == ["fit1", "fit2", "fit3", "fit5"]


def test_a_step_that_fails_is_tried_again_and_what_it_printed_is_kept(make: Make):
    steps = """
def flaky(notes):
    tries = len(_note(notes, "try"))
    print("try", tries)
    if tries == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if tries < 3:
        raise ConnectionError("away")
    return tries
"""
    case = make(steps, "{flaky: {retries: 2, backoff: 10ms}}")
    run = case.run()
    assert [(step.state, step.attempts) for step in run.steps] == [(StepState.DONE, 3)]
    assert (case.context.workspace.logs / run.id / "flaky.log").read_text() == "try 1\ntry 2\ntry 3\n"


def test_a_failure_says_what_happened_in_the_projects_own_file(make: Make):
    case = make("\ndef broken(notes):\n    print('before')\n    raise RuntimeError('at once')\n")
    with pytest.raises(StepFailed, match="RuntimeError: at once") as caught:
        case.run()
    assert f'File "{case.root / "steps.py"}"' in str(caught.value)
    assert "| before" in str(caught.value)


def test_code_that_cannot_be_imported_fails_the_run_with_what_it_printed(make: Make):
    case = make("\nprint('hello')\nimport no_such_package\n\ndef work():\n    return 1\n")
    with pytest.raises(CodeNotImportable, match="No module named 'no_such_package'"):
        case.run()
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert (case.context.workspace.logs / run.id / "import.log").read_text() == "hello\n"


def test_a_step_that_runs_too_long_is_stopped(make: Make):
    case = make("\ndef slow(notes):\n    time.sleep(60)\n", "{slow: {timeout: 300ms}}")
    began = time.monotonic()
    with pytest.raises(StepFailed, match=r"ran longer than its timeout of 0\.3 s"):
        case.run()
    assert time.monotonic() - began < 30


def test_a_step_over_its_memory_fails_alone(make: Make):
    steps = """
def hungry(notes):
    held = bytearray(300 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(60)

def beside(notes):
    time.sleep(1)
    return "kept"
"""
    case = make(steps, "{hungry: {resources: {memory: 200Mi, cpu: 0.5}}, beside: {resources: {cpu: 0.5}}}")
    with pytest.raises(StepFailed, match=r"it used \d+ MiB, more than its memory of 200 MiB"):
        case.run()
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert {step.step: step.state for step in run.steps} == {"hungry": StepState.FAILED, "beside": StepState.DONE}


ALIVE = """
def quick(notes):
    _note(notes, "quick")
    return 1

def slow(quick, notes, patience):
    import plimsoll
    print("it begins")
    plimsoll.log(loss=0.5)
    time.sleep(0.4)  # what is logged is written five times a second
    plimsoll.log(loss=0.25)
    _note(notes, f"slow:{os.getpid()}")
    for _ in range(patience * 10):
        time.sleep(0.1)
    return quick + 1
"""


def pid_of(case: Case) -> int:
    return int(notes(case)[-1].partition(":")[2])


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_logs_and_metrics_arrive_while_a_step_runs_and_a_cancelled_run_leaves_nothing(make: Make):
    case = make(ALIVE, patience=60)
    apart = Apart(case)
    try:
        until(lambda: any(note.startswith("slow") for note in notes(case)))
        (run,) = list_runs(case.context, project="tiny")
        log = case.context.workspace.logs / run.id / "slow.log"
        until(lambda: log.exists() and log.read_text() == "it begins\n", within_s=5)
        until(lambda: [curve.points for curve in metrics_of(case.context, run).curves] == [2], within_s=5)
        assert not gone(pid_of(case))
    finally:
        cancelled = time.monotonic()
        cancel_run(case.context, list_runs(case.context, project="tiny")[0].id)
        apart.join()
    assert isinstance(apart.raised, RunCancelled)
    assert time.monotonic() - cancelled < 8
    assert gone(pid_of(case))
    run = case.run(patience=0)
    assert [step.state for step in run.steps] == [StepState.CACHED, StepState.DONE]
    assert [(curve.metric, curve.points, curve.last) for curve in metrics_of(case.context, run).curves] == [
        ("loss", 2, 0.25)
    ]


def test_after_a_killed_engine_no_step_is_left_and_the_next_run_goes_on(make: Make, start_python: Start):
    case = make(ALIVE, patience=60)
    engine = start_python(
        f"""
        from pathlib import Path
        from pipeline_case import Case, open_context
        root = Path({str(case.root)!r})
        Case(root=root, context=open_context(root, []), executor={case.executor!r}).run()
        """
    )
    until(lambda: any(note.startswith("slow") for note in notes(case)))
    step = pid_of(case)
    engine.kill()
    engine.wait()
    until(lambda: gone(step), within_s=20)
    run = case.run(patience=0)
    assert case.value(run, "slow") == 2
    assert [step.state for step in run.steps] == [StepState.CACHED, StepState.DONE]
    assert notes(case).count("quick") == 1
    assert list((case.context.workspace.cache / "runs").iterdir()) == []


def test_an_edit_counts_at_once_and_leaks_into_no_other_run(make: Make):
    case = make("\nSEEN = []\n\ndef work(size):\n    SEEN.append(1)\n    return ['old', len(SEEN)]\n", size=1)
    assert case.value(case.run(), "work") == ["old", 1]
    assert case.value(case.run(size=2), "work") == ["old", 1]
    case.edit("steps.py", "'old'", "'new'")  # of the same size, within the same second
    assert case.value(case.run(), "work") == ["new", 1]
    case.edit("steps.py", "'new'", "'old'")
    assert case.run().steps[0].state is StepState.CACHED


def test_a_step_sees_the_variables_that_it_declares(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REGION", "lagos")
    case = make("\ndef work(notes):\n    return os.environ['REGION']\n", "{work: {env: [REGION]}}")
    assert case.value(case.run(), "work") == "lagos"


def test_a_step_that_wants_more_cores_than_there_are_runs_all_the_same(make: Make):
    case = make("\ndef work(notes):\n    return 1\n", "{work: {resources: {cpu: 4096}}}")
    assert case.run().state is RunState.DONE


def test_a_file_that_a_step_logs_is_kept(make: Make, tmp_path: Path):
    steps = """
def work(notes):
    import plimsoll
    Path("plot.txt").write_text("a plot")
    plimsoll.log_file("plot.txt")
    return 1
"""
    case = make(steps)
    run = case.run()
    (file,) = metrics_of(case.context, run).files
    assert case.context.artifacts.read_bytes(file.digest) == b"a plot"
