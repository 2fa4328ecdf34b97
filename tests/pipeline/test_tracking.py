"""What steps and scripts log: kept with the step that logged it, whole or not at all, and told for cached steps too."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pipeline_case import Case, make_case

import plimsoll
from plimsoll.governance.operations import Action
from plimsoll.pipeline.entities import StepState
from plimsoll.pipeline.errors import BadLogged, NothingToLogTo, StepFailed
from plimsoll.pipeline.logbook import Logbook, read_logged
from plimsoll.pipeline.operations import latest_run
from plimsoll.pipeline.operations.metrics import LogRequest, Metrics, log_to, metrics_of
from plimsoll.pipeline.tracking import logging_to

STEPS = """
import plimsoll

def train(rounds):
    plimsoll.log_params({"optimizer": "sgd"}, layers=[8, 4])
    for number in range(rounds):
        plimsoll.log({"loss": 1 / (number + 1)}, accuracy=float(number), step=number * 10)
    plimsoll.log(free=float("nan"))
    plimsoll.log(free=float("-inf"))
    plimsoll.log_file(__file__, "as it was.py")
    return rounds

def report(train, title):
    plimsoll.log(shown=train)
    return title
"""
PARAMS = "pipeline: {params: {rounds: 50, title: a}}\n"


def logged(case: Case, **options: object) -> Metrics:
    run = latest_run(case.context, project="tiny")
    assert run is not None
    return metrics_of(case.context, run, **options)


def test_what_a_step_logs_is_kept_with_the_run(tmp_path: Path):
    case = make_case(tmp_path, STEPS, PARAMS)
    run = case.run()
    found = logged(case)
    assert [(one.metric, one.source, one.run, one.points) for one in found.curves] == [
        ("accuracy", "train", run.id, 50),
        ("free", "train", run.id, 2),
        ("loss", "train", run.id, 50),
        ("shown", "report", run.id, 1),
    ]
    _, free, loss, _ = found.curves
    assert (loss.steps[:3], loss.last, loss.least, loss.most) == ((0, 10, 20), 1 / 50, 1 / 50, 1.0)
    assert (free.steps, free.values, free.least, free.most) == ((0, 1), ("nan", "-inf"), "-inf", "-inf")
    assert loss.times == tuple(sorted(loss.times))
    assert [(one.name, one.value) for one in found.params] == [("layers", [8, 4]), ("optimizer", "sgd")]
    (file,) = found.files
    assert (file.name, file.source) == ("as it was.py", "train")
    assert case.context.artifacts.read_bytes(file.digest) == (tmp_path / "steps.py").read_bytes()


def test_a_cached_steps_curves_are_those_of_the_run_that_made_it(tmp_path: Path):
    case = make_case(tmp_path, STEPS, PARAMS)
    first = case.run()
    second = case.run(title="b")
    assert [step.state for step in second.steps] == [StepState.CACHED, StepState.DONE]
    assert [(one.metric, one.run) for one in logged(case).curves] == [
        ("accuracy", first.id),
        ("free", first.id),
        ("loss", first.id),
        ("shown", second.id),
    ]
    assert [one.metric for one in logged(case, metric="loss").curves] == ["loss"]


@pytest.mark.parametrize(
    ("end", "kept"),
    [("raise ValueError('no')", 3), ("import os; os.kill(os.getpid(), 9)", 0)],
    ids=["raises", "killed"],
)
def test_a_step_that_raises_keeps_its_curve_and_a_killed_one_leaves_nothing(tmp_path: Path, end: str, kept: int):
    steps = f"import plimsoll\n\ndef train():\n    for number in range(3):\n        plimsoll.log(loss=1.0)\n    {end}\n"
    case = make_case(tmp_path, steps, "")
    with pytest.raises(StepFailed):
        case.run()
    assert sum(one.points for one in logged(case).curves) == kept


def test_a_step_whose_log_is_wrong_fails_and_says_why(tmp_path: Path):
    case = make_case(tmp_path, "import plimsoll\n\ndef train():\n    plimsoll.log(loss='high')\n", "")
    with pytest.raises(StepFailed, match="loss cannot be logged: 'high' is text"):
        case.run()


def test_a_process_that_the_step_forks_logs_too(tmp_path: Path):
    steps = """
    import os
    import plimsoll

    def train():
        plimsoll.log(loss=1.0)
        pid = os.fork()
        if pid == 0:
            plimsoll.log(loss=2.0, step=1)
            os._exit(0)
        os.waitpid(pid, 0)
        return 1
    """
    case = make_case(tmp_path, steps, "")
    case.run()
    assert logged(case).curves[0].values == (1.0, 2.0)


def test_outside_of_a_run_nothing_can_be_logged():
    for call in (plimsoll.log, plimsoll.log_params, lambda **_: plimsoll.log_file("x")):
        with pytest.raises(NothingToLogTo, match="outside of a run"):
            call(loss=1.0)
    with pytest.raises(AttributeError, match="has no attribute 'logg'"):
        plimsoll.logg  # noqa: B018 - its look-up is what is tested


@pytest.mark.parametrize(
    ("metrics", "step", "problem"),
    [
        ({"": 1.0}, None, "1 to 200 printable"),
        ({"x" * 201: 1.0}, None, "1 to 200 printable"),
        ({"a\nb": 1.0}, None, "1 to 200 printable"),
        ({"loss": None}, None, "a NoneType is not one number"),
        ({"loss": [1, 2]}, None, "a list is not one number"),
        ({"loss": 1.0}, -1, "not a whole number"),
        ({"loss": 1.0}, 2.5, "not a whole number"),
        ({str(number): 1.0 for number in range(10_001)}, None, "too many for one call"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(tmp_path: Path, metrics, step, problem):
    case = make_case(tmp_path)
    with (
        Logbook(tmp_path) as book,
        logging_to(book, case.context.artifacts),
        pytest.raises(BadLogged, match=problem),
    ):
        plimsoll.log(metrics, step=step)
    assert read_logged(tmp_path).points == {}


def test_a_file_that_is_still_written_is_read_to_its_last_whole_record(tmp_path: Path):
    with Logbook(tmp_path) as book:
        for number in range(10):
            book.point("loss", None, float(number), 0.0)
    (file,) = (tmp_path / "logged").iterdir()
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        points = read_logged(tmp_path, growing=True).points.get("loss", ())
        assert len(points) == max(0, (end - 9) // 29)
        assert read_logged(tmp_path).points == {}


def test_people_add_to_a_run_and_their_first_is_on_the_record(tmp_path: Path):
    case = make_case(tmp_path, STEPS, PARAMS)
    run = case.run()
    for batch in range(30):
        points = tuple(("auc", batch * 100 + place, 0.5, 1.0) for place in range(100))
        log_to(case.context, run, LogRequest(run=run.id, points=points, params={"note": batch}))
    log_to(case.context, run, LogRequest(run=run.id, points=(("auc", 3000, "inf", 1.0),)))
    auc = logged(case, metric="auc", most=5000).curves[0]
    assert (auc.source, auc.points, auc.steps) == ("@ada", 3001, tuple(range(3001)))
    assert auc.values[-1] == "inf"
    assert [one.value for one in logged(case).params if one.name == "note"] == [29]
    with case.context.database.read() as transaction:
        events = transaction.all("SELECT * FROM audit_events WHERE action = :action", action=str(Action.METRICS_LOGGED))
        blocks = transaction.one("SELECT COUNT(*) AS n FROM run_points WHERE metric = 'auc'")
    assert (len(events), blocks["n"]) == (1, 3 + 1)
    assert math.isinf(float(auc.most))


def test_a_run_under_way_tells_what_its_steps_have_logged_so_far(tmp_path: Path):
    steps = """
    import time
    from pathlib import Path
    import plimsoll

    def train():
        plimsoll.log(loss=1.0)
        while not Path("go").exists():
            plimsoll.log(loss=2.0)
            time.sleep(0.01)
        return 1
    """
    case = make_case(tmp_path, steps, "")
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(case.run)
        try:
            until = time.monotonic() + 30
            while not (latest_run(case.context, project="tiny") and sum(one.points for one in logged(case).curves) > 5):
                assert time.monotonic() < until
                time.sleep(0.02)
            seen = logged(case).curves[0]
        finally:
            (tmp_path / "go").touch()
        run = ended.result(30)
    assert (seen.metric, seen.source, seen.run, seen.values[:2]) == ("loss", "train", run.id, (1.0, 2.0))
    whole = logged(case).curves[0]
    assert whole.points >= seen.points
    assert whole.steps == tuple(range(whole.points))
