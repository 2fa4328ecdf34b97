"""Steps run at the same time; whoever is killed leaves no orphan, and the next run continues where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.entities import RunState, StepState
from plimsoll.pipeline.errors import StepFailed
from plimsoll.pipeline.operations import latest_run, list_runs
from plimsoll.pipeline.processes import is_dead, this_process

Start = Callable[[str], "subprocess.Popen[str]"]

WAITING = """
import os, signal, subprocess
from pathlib import Path

HERE = Path(__file__).parent

def first():
    with (HERE / "calls.txt").open("a") as stream:
        stream.write("first\\n")
    return 1

def second(first, patience):
    with (HERE / "calls.txt").open("a") as stream:
        stream.write("second\\n")
    if (HERE / "alive").exists():
        pipe = os.open(HERE / "alive", os.O_WRONLY)
        subprocess.Popen(["sleep", "1000"], pass_fds=[pipe])
        os.write(pipe, f"{os.getpid()} {os.getppid()}\\n".encode())
        signal.pause()
    return first + 1
"""
"""The second step says that it runs through a pipe, which stays open until it and its own child process are gone."""


class Waiting:
    """A run in a process of its own, stopped inside its second step."""

    def __init__(self, root: Path, start: Start) -> None:
        self.case = make_case(root, WAITING, "pipeline: {params: {patience: 1}}\n")
        self._pipe = root / "alive"
        os.mkfifo(self._pipe)
        self.engine = start(
            f"""
            from pathlib import Path
            from pipeline_case import Case, open_context
            Case(root=Path({str(root)!r}), context=open_context(Path({str(root)!r}), [])).run()
            """
        )
        self._reader = self._pipe.open("rb", buffering=0)
        self.step, self.server = (int(number) for number in self._reader.readline().split())

    def everyone_is_gone(self) -> bool:
        """Blocks until nobody holds the pipe's other end; the pipe is removed for the next run."""
        rest = self._reader.read()
        self._pipe.unlink()
        return rest == b""

    def close(self) -> None:
        self._reader.close()


@pytest.fixture
def waiting(tmp_path: Path, start_python: Start) -> Iterator[Waiting]:
    waiting = Waiting(tmp_path, start_python)
    yield waiting
    waiting.close()


def continues(case: Case) -> None:
    """The next run marks the one that was broken off, and runs only what that one had not finished."""
    broken_off = latest_run(case.context, project="tiny")
    run = case.run()
    assert broken_off is not None
    states = {item.id: item.state for item in list_runs(case.context, project="tiny")}
    assert states[broken_off.id] is RunState.INTERRUPTED
    assert case.calls() == ["first", "second", "second"]
    assert [step.state for step in run.steps] == [StepState.CACHED, StepState.DONE]
    assert case.value(run, "second") == 2
    assert list((case.context.workspace.cache / "runs").iterdir()) == []


def test_a_killed_engine_leaves_no_orphan_and_the_next_run_continues(waiting: Waiting):
    waiting.engine.kill()
    waiting.engine.wait()
    assert waiting.everyone_is_gone()
    run = latest_run(waiting.case.context, project="tiny")
    assert run is not None
    assert run.state is RunState.RUNNING
    continues(waiting.case)


def test_an_interrupted_engine_leaves_no_orphan_and_says_so_itself(waiting: Waiting):
    waiting.engine.send_signal(signal.SIGINT)
    _, err = waiting.engine.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert waiting.everyone_is_gone()
    run = latest_run(waiting.case.context, project="tiny")
    assert run is not None
    assert run.state is RunState.INTERRUPTED
    continues(waiting.case)


def test_a_killed_fork_server_takes_its_steps_along_and_fails_the_run(waiting: Waiting):
    os.kill(waiting.server, signal.SIGKILL)
    _, err = waiting.engine.communicate(timeout=30)
    assert "Step second failed: its process was killed (SIGKILL)" in err
    assert waiting.everyone_is_gone()
    run = latest_run(waiting.case.context, project="tiny")
    assert run is not None
    assert run.state is RunState.FAILED


def test_a_killed_step_fails_the_run_and_what_it_started_is_gone(waiting: Waiting):
    os.kill(waiting.step, signal.SIGKILL)
    _, err = waiting.engine.communicate(timeout=30)
    assert "Step second failed: its process was killed (SIGKILL)" in err
    assert waiting.everyone_is_gone()


def test_a_run_of_a_living_process_is_left_alone(waiting: Waiting):
    (waiting.case.root / "alive").rename(waiting.case.root / "elsewhere")
    other = latest_run(waiting.case.context, project="tiny")
    assert other is not None
    assert waiting.case.run().state is RunState.DONE
    assert {run.id: run.state for run in list_runs(waiting.case.context, project="tiny")}[other.id] is RunState.RUNNING


def test_independent_steps_run_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each waits for the other: this ends only when both run at once."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    meet = """
    import os

    def left():
        with open("to_right", "w") as stream:
            stream.write("here")
        with open("to_left") as stream:
            return stream.read()

    def right():
        with open("to_right") as stream:
            met = stream.read()
        with open("to_left", "w") as stream:
            stream.write("here")
        return met

    def both(left, right):
        return [left, right]
    """
    case = make_case(tmp_path, meet, "")
    for name in ("to_left", "to_right"):
        os.mkfifo(tmp_path / name)
    assert case.value(case.run(), "both") == ["here", "here"]


def test_no_more_steps_run_at_once_than_there_are_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    steps = """
    import os

    def a():
        return _alone()

    def b():
        return _alone()

    def c():
        return _alone()

    def _alone():
        os.mkdir("running")  # fails when another one is in here
        for _ in range(200):
            os.sched_yield()
        os.rmdir("running")
        return 1
    """
    case = make_case(tmp_path, steps, "")
    assert {step.state for step in case.run().steps} == {StepState.DONE}


def test_each_step_has_a_process_of_its_own(tmp_path: Path):
    steps = "import os\nSEEN = []\n\ndef a():\n    SEEN.append('a')\n    return os.getpid()\n\n"
    steps += "def b(a):\n    SEEN.append('b')\n    return [os.getpid(), a, SEEN]\n"
    case = make_case(tmp_path, steps, "")
    pid, other, seen = case.value(case.run(), "b")
    assert len({pid, other, os.getpid()}) == 3
    assert seen == ["b"]


def test_the_order_of_a_set_of_text_is_the_same_in_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    case = make_case(
        tmp_path, "def words(n):\n    return list({f'word {i}' for i in range(50)})\n", "pipeline: {params: {n: 1}}\n"
    )
    assert case.value(case.run(), "words") == case.value(case.run(n=2), "words")


def test_a_process_is_known_by_more_than_its_number():
    assert not is_dead(this_process())
    host, pid, started, boot = this_process().split(" ")
    assert is_dead(f"{host} {pid} {int(started) - 1} {boot}")
    assert not is_dead(f"elsewhere {pid} 1 {boot}")


def test_failures_keep_being_failures_when_nobody_repairs_them(tmp_path: Path):
    case = make_case(tmp_path, "def a():\n    raise ValueError\n", "")
    for _ in range(2):
        with pytest.raises(StepFailed):
            case.run()
