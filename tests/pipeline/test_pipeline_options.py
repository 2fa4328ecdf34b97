"""What a step's options in the project file do: retries, memory, cores, variables; and how a run is cancelled."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest
from pipeline_case import Case, make_case

from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.pipeline import store
from plimsoll.pipeline.entities import RunState, StepState
from plimsoll.pipeline.errors import RunCancelled, RunEnded, StepFailed
from plimsoll.pipeline.operations import cancel_run, get_run, latest_run, list_runs
from plimsoll.project.load import load_project
from plimsoll.project.problems import ProjectInvalid

FLAKY = """
from pathlib import Path

TRIES = Path(__file__).parent / "tries.txt"

def flaky(needed):
    tries = int(TRIES.read_text()) + 1 if TRIES.exists() else 1
    TRIES.write_text(str(tries))
    print("try", tries)
    if tries < needed:
        raise ConnectionError(f"try {tries}")
    return tries

def after(flaky):
    return flaky + 1
"""
RETRIES = "pipeline:\n  params: {needed: 3}\n  steps:\n    flaky: {retries: 2, backoff: 10ms}\n"


def options(text: str) -> str:
    return f"pipeline:\n  steps:\n    work: {text}\n"


def test_a_step_that_fails_is_tried_again_as_often_as_it_says(tmp_path):
    case = make_case(tmp_path, FLAKY, RETRIES)
    run = case.run()
    outcome = {step.step: step for step in run.steps}
    assert (outcome["flaky"].attempts, outcome["after"].attempts) == (3, 1)
    assert case.value(run, "after") == 4
    told = [message.message for message in case.messages]
    assert "flaky: failed: ConnectionError: try 1; it is tried again in 0.01 s" in told
    assert "flaky: failed: ConnectionError: try 2; it is tried again in 0.02 s" in told
    assert "flaky: started, attempt 3 of 3" in told
    log = case.context.workspace.logs / run.id / "flaky.log"
    assert log.read_text() == "try 1\ntry 2\ntry 3\n"


def test_after_the_last_retry_the_step_has_failed(tmp_path):
    case = make_case(tmp_path, FLAKY, RETRIES)
    with pytest.raises(StepFailed, match="ConnectionError: try 3"):
        case.run(needed=9)
    run = latest_run(case.context, project="tiny")
    assert [(step.step, step.state, step.attempts) for step in run.steps] == [
        ("flaky", StepState.FAILED, 3),
        ("after", StepState.SKIPPED, 0),
    ]


def test_a_step_whose_process_dies_is_tried_again(tmp_path):
    steps = FLAKY.replace(
        'raise ConnectionError(f"try {tries}")', "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert make_case(tmp_path, steps, RETRIES).run().state is RunState.DONE


def test_a_step_is_tried_again_after_the_server_of_the_steps_was_killed(tmp_path):
    steps = FLAKY.replace(
        'raise ConnectionError(f"try {tries}")',
        "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)",
    )
    run = make_case(tmp_path, steps, RETRIES).run()
    assert {step.step: step.attempts for step in run.steps} == {"flaky": 3, "after": 1}


def test_every_step_that_died_with_the_server_is_tried_again_in_a_new_one(tmp_path):
    steps = """
    import os, signal, time
    from pathlib import Path

    HERE = Path(__file__).parent

    def _once(name):
        with (HERE / "calls.txt").open("a") as stream:
            stream.write(name + "\\n")
        while (HERE / "calls.txt").read_text().count("\\n") < 2:
            time.sleep(0.01)
        if not (HERE / "killed").exists():
            (HERE / "killed").touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return name

    def left():
        return _once("left")

    def right():
        return _once("right")
    """
    again = "{retries: 1, backoff: 0s, resources: {cpu: 0.1}}"
    case = make_case(tmp_path, "", f"pipeline:\n  steps:\n    left: {again}\n    right: {again}\n")
    case.write("steps.py", steps)
    run = case.run()
    assert {step.step: step.attempts for step in run.steps} == {"left": 2, "right": 2}
    assert sorted(case.calls()) == ["left", "left", "right", "right"]


def test_a_ledger_that_is_away_while_a_step_runs_ends_nothing(tmp_path, monkeypatch):
    case = make_case(tmp_path, "import time\n\ndef work():\n    time.sleep(1.2)\n    return 1\n", "")
    asked = []

    def away(transaction, *, run):
        asked.append(run)
        raise LedgerUnavailable(url="sqlite:///x", problem="it is away")

    monkeypatch.setattr(store, "cancelled_by", away)
    assert case.run().state is RunState.DONE
    assert asked


def test_no_retry_begins_after_another_step_has_failed_for_good(tmp_path):
    steps = FLAKY + "\ndef broken():\n    raise RuntimeError('at once')\n"
    case = make_case(tmp_path, steps, RETRIES.replace("10ms", "1h"))
    with pytest.raises(StepFailed, match="at once"):
        case.run()
    states = {step.step: step.state for step in latest_run(case.context, project="tiny").steps}
    assert (states["broken"], states["after"]) == (StepState.FAILED, StepState.SKIPPED)
    assert states["flaky"] in (StepState.SKIPPED, StepState.FAILED)  # as it failed before or after the other one
    assert (tmp_path / "tries.txt").read_text() == "1"


HUNGRY = """
import subprocess, sys, time

def work():
    {body}

def beside():
    time.sleep(0.5)
    return "kept"
"""
EATS = "held = bytearray(300 << 20); held[::4096] = b'x' * len(held[::4096]); time.sleep(60)"


@pytest.mark.parametrize(
    "body", [EATS, f"subprocess.run([sys.executable, '-c', {'import time; ' + EATS!r}], check=True)"]
)
def test_a_step_over_its_memory_is_stopped_alone_with_all_that_it_started(tmp_path, body):
    case = make_case(tmp_path, HUNGRY.format(body=body), options("{resources: {memory: 200Mi}}"))
    began = time.monotonic()
    with pytest.raises(StepFailed, match=r"it used \d+ MiB, more than its memory of 200 MiB"):
        case.run()
    assert time.monotonic() - began < 30
    states = {step.step: step.state for step in latest_run(case.context, project="tiny").steps}
    assert states == {"work": StepState.FAILED, "beside": StepState.DONE}


def test_a_step_within_its_memory_is_left_alone(tmp_path):
    case = make_case(tmp_path, HUNGRY.format(body="time.sleep(0.3)"), options("{resources: {memory: 2Gi}}"))
    assert case.run().state is RunState.DONE


CROWD = """
import time

def _alone():
    begun = time.monotonic()
    time.sleep(0.3)
    return [begun, time.monotonic()]

def first():
    return _alone()

def second():
    return _alone()

def third():
    return _alone()
"""


def overlaps(case: Case) -> int:
    run = case.run()
    spans = sorted(case.value(run, name) for name in ("first", "second", "third"))
    return sum(later[0] < earlier[1] for earlier, later in pairwise(spans))


def test_steps_that_take_every_core_run_one_after_the_other(tmp_path):
    every = "".join(f"    {name}: {{resources: {{cpu: 64}}}}\n" for name in ("first", "second", "third"))
    assert overlaps(make_case(tmp_path, CROWD, f"pipeline:\n  steps:\n{every}")) == 0


def test_steps_that_take_little_run_beside_each_other(tmp_path):
    little = "".join(f"    {name}: {{resources: {{cpu: 0.1}}}}\n" for name in ("first", "second", "third"))
    assert overlaps(make_case(tmp_path, CROWD, f"pipeline:\n  steps:\n{little}")) == 2


def test_a_declared_variable_counts_and_its_value_is_written_nowhere(tmp_path, monkeypatch):
    steps = (
        "import os\n\ndef work():\n    return os.environ.get('REGION', 'none').upper()\n\ndef other():\n    return 1\n"
    )
    case = make_case(tmp_path, steps, options("{env: [REGION]}"))
    monkeypatch.delenv("REGION", raising=False)
    assert case.value(case.run(), "work") == "NONE"
    monkeypatch.setenv("REGION", "the-secret-word")
    assert case.plan() == {
        "work": "will run because the environment variable REGION is now set and declared",
        "other": "cached",
    }
    assert case.value(case.run(), "work") == "THE-SECRET-WORD"
    monkeypatch.setenv("REGION", "eu")
    assert "the environment variable REGION changed" in case.plan()["work"]
    with case.context.database.read() as transaction:
        rows = transaction.all("SELECT ingredients FROM run_steps")
    assert not any("secret" in row["ingredients"] for row in rows)


WRONG = {
    "{retries: -1}": "0 or more",
    "{backoff: soon}": "a duration",
    "{resources: {cpu: 0}}": "a number above 0",
    "{resources: {memory: 4GB}}": "a size such as 512Mi or 4Gi",
    "{resources: {memory: 4}}": "a size such as 512Mi or 4Gi",
    "{env: [A, A]}": "each name once",
}


@pytest.mark.parametrize("text", WRONG)
def test_an_option_that_makes_no_sense_is_refused_with_its_line(tmp_path, text):
    case = make_case(tmp_path, "def work():\n    return 1\n", options(text))
    with pytest.raises(ProjectInvalid) as caught:
        load_project(case.root / "plimsoll.yaml")
    assert WRONG[text] in str(caught.value)
    assert "plimsoll.yaml:5" in str(caught.value)


SLOW = """
import time

def quick():
    return 1

def slow(quick):
    time.sleep(60)
    return quick
"""


def test_a_cancelled_run_ends_soon_and_keeps_what_was_finished(tmp_path):
    case = make_case(tmp_path, SLOW, "")
    raised: list[BaseException] = []

    def carry_out() -> None:
        try:
            case.run()
        except RunCancelled as error:
            raised.append(error)

    thread = threading.Thread(target=carry_out)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not any(message.message.startswith("slow: started") for message in list(case.messages)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (run,) = list_runs(case.context, project="tiny")
        cancel_run(case.context, run.id)
        cancel_run(case.context, run.id)
    finally:
        thread.join(30)
    assert not thread.is_alive()
    assert "was cancelled by ada" in str(raised[0])
    ended = get_run(case.context, run.id)
    assert ended.state is RunState.CANCELLED
    assert [(step.step, step.state) for step in ended.steps] == [("quick", StepState.DONE)]
    assert case.plan()["quick"] == "cached"
    with pytest.raises(RunEnded, match="it is cancelled"):
        cancel_run(case.context, run.id)
