"""A step that goes wrong fails the run with an error its author can act on, and nothing half-written stays."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from pipeline_case import Case, make_case

from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.pipeline import store
from plimsoll.pipeline.entities import RunState, StepState
from plimsoll.pipeline.errors import CodeNotImportable, StepFailed
from plimsoll.pipeline.operations import latest_run, list_runs

BEFORE = """
import os, signal, sys, threading, time

def before():
    return 1

"""


def failing(root: Path, body: str, settings: str = "") -> Case:
    """`before`, then `broken` with this body, then `after`."""
    return make_case(
        root, f"{BEFORE}def broken(before):\n    {body}\n\ndef after(broken):\n    return broken\n", settings
    )


def failure_of(case: Case) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        case.run()
    return caught.value


FAILURES = {
    "an exception": ("raise KeyError('amount')", "Step broken failed: KeyError: 'amount'"),
    "sys.exit": ("sys.exit('enough')", "Step broken failed: it called sys.exit('enough')"),
    "a process that ends itself": (
        "os._exit(3)",
        "Step broken failed: its process ended with exit code 3 before it returned",
    ),
    "a process that ends itself as if all were well": (
        "os._exit(0)",
        "Step broken failed: its process ended with exit code 0 before it returned",
    ),
    "a crash": ("os.kill(os.getpid(), signal.SIGSEGV)", "Step broken failed: its process crashed (SIGSEGV)"),
    "the out-of-memory killer": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        "Step broken failed: its process was killed (SIGKILL); the system does that when memory runs out",
    ),
    "a value that cannot be stored": (
        "return threading.Lock()",
        "Step broken failed: the output broken, a value of type _thread.lock, cannot be stored: cannot pickle '_thread.lock' object",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_error_says_what_happened(tmp_path: Path, name: str):
    body, expected = FAILURES[name]
    case = failing(tmp_path, body)
    assert str(failure_of(case)).splitlines()[0] == expected
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert (run.state, run.error.splitlines()[0]) == (RunState.FAILED, expected)
    assert [step.state for step in run.steps] == [StepState.DONE, StepState.FAILED, StepState.SKIPPED]
    assert set(run.outputs) == {"before"}


def test_a_failed_run_keeps_what_was_finished_and_continues_once_the_step_is_right(tmp_path: Path):
    case = failing(tmp_path, "raise ValueError('no')")
    failure_of(case)
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert case.plan() == {
        "before": "cached",
        "broken": f"will run because it failed in {run.id}",
        "after": "will run because it has not run before",
    }
    case.edit("steps.py", "raise ValueError('no')", "return before + 1")
    again = case.run()
    assert [step.state for step in again.steps] == [StepState.CACHED, StepState.DONE, StepState.DONE]
    assert case.value(again, "after") == 2


def test_the_traceback_shows_the_projects_own_lines_and_where_it_went_wrong(tmp_path: Path):
    case = make_case(
        tmp_path,
        """
        import json
        from text import parse

        def broken():
            return parse("{")
        """,
        "",
        **{"text.py": "import json\n\ndef parse(text):\n    return json.loads(text)\n"},
    )
    lines = str(failure_of(case)).splitlines()
    assert lines[0].startswith("Step broken failed: json.decoder.JSONDecodeError: Expecting property name")
    assert lines[1] == "Traceback (most recent call last):"
    files = [Path(line.split('"')[1]).name for line in lines if line.startswith("  File ")]
    assert files == ["steps.py", "text.py", "decoder.py"]


def test_the_end_of_what_it_printed_is_shown_and_the_rest_is_in_the_log(tmp_path: Path):
    case = failing(tmp_path, "[print(n) for n in range(30)]; os.system('echo from a child'); raise ValueError")
    failure = failure_of(case)
    shown = str(failure).partition("It printed last:\n")[2].splitlines()
    assert shown == [f"  | {n}" for n in range(11, 30)] + ["  | from a child"]
    assert Path(failure.facts["log"]).read_text().startswith("0\n1\n2\n")
    assert failure.facts["log"] in failure.advice
    assert Path(failure.facts["log"]).is_relative_to(case.context.workspace.logs)


def test_a_tuple_of_the_wrong_length_is_named_with_the_outputs(tmp_path: Path):
    settings = "pipeline: {steps: {broken: {outputs: [train_set, holdout]}}}\n"
    case = make_case(tmp_path, "def broken():\n    return 1, 2, 3\n", settings)
    assert "it returned a tuple of 3, and its outputs are named train_set, holdout" in str(failure_of(case))
    case.edit("steps.py", "return 1, 2, 3", "return [1, 2]")
    assert "it returned a list, and its outputs are named train_set, holdout" in str(failure_of(case))


def test_a_step_that_runs_too_long_is_stopped_with_everything_it_started(tmp_path: Path):
    body = """pipe = os.open('alive', os.O_WRONLY)
    import subprocess
    subprocess.Popen(['sleep', '1000'], pass_fds=[pipe])
    signal.pause()"""
    import os
    import threading

    os.mkfifo(tmp_path / "alive")
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append((tmp_path / "alive").read_bytes()))
    reader.start()
    case = failing(tmp_path, body, "pipeline: {steps: {broken: {timeout: 500ms}}}\n")
    failure = failure_of(case)
    assert "it was stopped because it ran longer than its timeout of 0.5 s" in str(failure)
    reader.join(30)  # the pipe ends when the last process that holds it is gone
    assert seen == [b""]


def test_independent_steps_finish_and_are_kept_when_another_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    case = make_case(
        tmp_path,
        """
        import os

        def broken():
            os.open("failing", os.O_RDONLY)  # until the other one runs
            raise ValueError("no")

        def slow():
            os.open("failing", os.O_WRONLY)
            return 1
        """,
        "",
    )
    __import__("os").mkfifo(tmp_path / "failing")
    failure_of(case)
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert [(step.step, step.state) for step in run.steps] == [("broken", StepState.FAILED), ("slow", StepState.DONE)]


IMPORTS = {
    "a missing package": (
        "import nowhere_to_be_found",
        "steps.py cannot be imported: ModuleNotFoundError: No module named",
    ),
    "an exception": ("raise RuntimeError('no')", "steps.py cannot be imported: RuntimeError: no"),
    "sys.exit": ("import sys; sys.exit(1)", "steps.py cannot be imported: it called sys.exit(1)"),
    "a process that ends itself": (
        "import os; os._exit(4)",
        "steps.py cannot be imported: its process ended with exit code 4",
    ),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_code_that_cannot_be_imported_fails_the_run_before_any_step(tmp_path: Path, name: str):
    line, expected = IMPORTS[name]
    case = make_case(tmp_path, f"print('importing')\n{line}\n\ndef a():\n    return 1\n\ndef b(a):\n    return a\n", "")
    with pytest.raises(CodeNotImportable) as caught:
        case.run()
    assert str(caught.value).startswith(expected)
    assert Path(caught.value.facts["log"]).read_text() == "importing\n"
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert (run.state, [step.state for step in run.steps]) == (RunState.FAILED, [StepState.SKIPPED] * 2)


def test_an_edit_of_the_same_size_in_the_same_second_runs_the_new_code(tmp_path: Path):
    case = make_case(tmp_path, "def number():\n    return 1\n", "")
    (tmp_path / "__pycache__").mkdir()
    assert case.value(case.run(), "number") == 1
    import os
    import py_compile

    py_compile.compile(str(tmp_path / "steps.py"))
    before = (tmp_path / "steps.py").stat()
    case.edit("steps.py", "return 1", "return 2")
    os.utime(tmp_path / "steps.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert case.value(case.run(), "number") == 2


def test_a_run_whose_end_could_not_be_recorded_is_closed_by_the_next_one_of_the_same_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case = make_case(tmp_path)

    def away(*_: object, **__: object) -> NoReturn:
        raise LedgerUnavailable(url="postgresql://host/db", problem="the connection was closed")

    with monkeypatch.context() as patch:
        patch.setattr(store, "end_run", away)
        with pytest.raises(LedgerUnavailable):
            case.run()
    assert latest_run(case.context, project="tiny").state == "running"

    done = case.run()

    states = {run.id: run.state for run in list_runs(case.context, project="tiny")}
    assert states.pop(done.id) == "done"
    assert list(states.values()) == ["interrupted"]
