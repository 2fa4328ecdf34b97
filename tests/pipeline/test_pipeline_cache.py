"""What runs again and what does not, and that the plan had said so. Real worker processes on a project of four steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pipeline_case import STEPS, Case, make_case

from plimsoll.pipeline import survey as survey_module
from plimsoll.pipeline.entities import RunState, StepState
from plimsoll.pipeline.errors import ParamUnsupported, UnknownParam
from plimsoll.pipeline.operations import attach_verdict, get_run, latest_run, list_runs

NEVER = "will run because it has not run before"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The project, run once."""
    case = make_case(tmp_path)
    assert set(case.plan().values()) == {NEVER}
    case.run()
    assert sorted(case.calls()) == ["doubled", "raw", "report", "summed"]
    return case


def test_a_run_has_its_values_and_says_where_they_come_from(case: Case):
    run = latest_run(case.context, project="tiny")
    assert run is not None
    assert case.value(run, "report") == {"doubled": [0, 2, 4], "summed": 3}
    assert (run.state, run.created_by, run.params, run.scorer) == (RunState.DONE, "ada", {"size": 3, "factor": 2}, None)
    assert [(step.step, step.state) for step in run.steps] == [
        (name, StepState.DONE) for name in ("raw", "doubled", "summed", "report")
    ]
    assert set(case.context.artifacts.tree(run.code_digest)) == {"steps.py", "plimsoll.yaml"}
    assert case.context.artifacts.read_bytes(run.lock_digest).startswith(b"python==")


def test_nothing_changed_is_all_cached(case: Case):
    assert set(case.plan().values()) == {"cached"}
    run = case.run()
    assert case.calls() == []
    assert {step.state for step in run.steps} == {StepState.CACHED}
    assert case.value(run, "report") == {"doubled": [0, 2, 4], "summed": 3}


def test_comments_docstrings_and_layout_change_nothing(case: Case):
    case.edit("steps.py", "def summed(raw):", 'def summed(raw):\n    """Adds up."""\n\n    # by hand')
    case.edit("steps.py", "return sum(raw)", "return sum(  raw  )")
    assert set(case.plan().values()) == {"cached"}
    case.run()
    assert case.calls() == []


def test_a_changed_function_reruns_and_what_depends_on_it(case: Case):
    case.edit("steps.py", "return sum(raw)", "return sum(raw) + 1")
    assert case.plan() == {
        "raw": "cached",
        "doubled": "cached",
        "summed": "will run because the code of summed changed",
        "report": "will run because summed will run",
    }
    run = case.run()
    assert case.calls() == ["summed", "report"]
    assert [step.because for step in run.steps][2:] == ["the code of summed changed", "summed changed"]


def test_a_change_that_leaves_the_output_alone_stops_there(case: Case):
    case.edit("steps.py", "return sum(raw)", "return 0 + sum(raw)")
    run = case.run()
    assert case.calls() == ["summed"]
    assert [step.state for step in run.steps] == ["cached", "cached", "done", "cached"]


def test_a_changed_helper_in_another_file_reruns_the_step_that_reaches_it(tmp_path: Path):
    case = make_case(
        tmp_path,
        STEPS.replace("from pathlib", "import weights\nfrom pathlib", 1).replace("sum(raw)", "weights.total(raw)"),
        **{"weights.py": "def total(values):\n    return sum(values)\n\n\ndef unused():\n    return 1\n"},
    )
    case.run()
    case.calls()
    case.edit("weights.py", "return 1", "return 2")
    assert set(case.plan().values()) == {"cached"}
    case.edit("weights.py", "sum(values)", "sum(values) * 2")
    assert case.plan()["summed"] == "will run because the code of weights.total changed"
    run = case.run()
    assert case.calls() == ["summed", "report"]
    assert case.value(run, "summed") == 6


def test_a_changed_parameter_reruns_only_what_depends_on_it(case: Case):
    assert case.plan(factor=5) == {
        "raw": "cached",
        "doubled": "will run because factor 2 -> 5",
        "summed": "cached",
        "report": "will run because doubled will run",
    }
    run = case.run(factor=5)
    assert case.calls() == ["doubled", "report"]
    assert case.value(run, "report") == {"doubled": [0, 5, 10], "summed": 3}


def test_a_parameter_that_goes_back_is_cached_from_before(case: Case):
    case.run(factor=5)
    case.calls()
    assert set(case.plan(factor=2).values()) == {"cached"}


def test_changed_data_reruns_the_steps_that_read_it(tmp_path: Path):
    case = make_case(
        tmp_path,
        "def rows(loans):\n    return int(loans['amount'].sum())\n\ndef other():\n    return 1\n",
        "data: {loans: {path: loans.csv}}\n",
        **{"loans.csv": "amount\n1\n2\n"},
    )
    assert case.value(case.run(), "rows") == 3
    case.write("loans.csv", "amount\n1\n20\n")
    planned = case.plan()
    assert planned["rows"].startswith("will run because the data loans changed (")
    assert planned["rows"].endswith(": loans.csv changed)")
    assert planned["other"] == "cached"
    assert case.value(case.run(), "rows") == 21


def test_another_package_version_reruns_everything_and_is_named(case: Case, monkeypatch: pytest.MonkeyPatch):
    real = survey_module.lock_text()
    monkeypatch.setattr(survey_module, "lock_text", lambda: real.replace("\nnumpy==", "\nnumpy==0."))
    assert all("the runtime changed: numpy " in because for because in case.plan().values())


def test_renamed_outputs_rerun(tmp_path: Path):
    settings = "pipeline: {steps: {split: {outputs: [left, right]}}}\n"
    case = make_case(tmp_path, "def split():\n    return 1, 2\n", settings)
    case.run()
    case.edit("plimsoll.yaml", "left", "first")
    assert case.plan() == {"split": "will run because its outputs are now first, right"}
    assert set(case.run().outputs) == {"first", "right"}


def test_outputs_whose_bytes_are_gone_are_made_again(case: Case):
    shutil.rmtree(case.context.workspace.artifacts)
    assert case.plan()["raw"] == "will run because its stored outputs are gone"
    assert case.value(case.run(), "report") == {"doubled": [0, 2, 4], "summed": 3}


def test_a_default_can_be_set_for_one_run(tmp_path: Path):
    case = make_case(tmp_path, "def scaled(size, by=10):\n    return size * by\n", "pipeline: {params: {size: 2}}\n")
    assert case.value(case.run(), "scaled") == 20
    assert case.plan(by=3) == {"scaled": "will run because by is now set to 3"}
    assert case.value(case.run(by=3), "scaled") == 6


def test_a_parameter_that_no_step_takes_is_refused_with_the_nearest(case: Case):
    with pytest.raises(
        UnknownParam, match="No step takes the parameter 'facto'; the parameters are size, factor"
    ) as caught:
        case.run(facto=1)
    assert caught.value.advice == "Did you mean factor?"


def test_a_parameter_that_json_cannot_say_is_refused(case: Case):
    with pytest.raises(ParamUnsupported, match="The parameter 'factor' has a value that cannot be recorded"):
        case.plan(factor=float("nan"))


def test_code_of_a_class_inside_a_pickled_output_counts_for_the_steps_after_it(tmp_path: Path):
    steps = """
    class Model:
        def predict(self):
            return 1

    def train():
        return Model()

    def evaluate(train):
        return train.predict()
    """
    case = make_case(tmp_path, steps, "")
    assert case.value(case.run(), "evaluate") == 1
    case.edit("steps.py", "return 1", "return 2")
    assert case.value(case.run(), "evaluate") == 2


def test_runs_are_listed_latest_first_and_take_a_verdict(case: Case):
    second = case.run(factor=3)
    runs = list_runs(case.context, project="tiny", limit=5)
    assert next(run.id for run in runs) == second.id
    assert len(runs) == 2
    assert attach_verdict(case.context, second.id, "verdict-1").verdict == "verdict-1"
    assert get_run(case.context, second.id).verdict == "verdict-1"


def test_a_run_leaves_its_two_events_and_no_scratch(case: Case):
    with case.context.database.read() as transaction:
        events = [row["action"] for row in transaction.all("SELECT action FROM audit_events ORDER BY number")]
    assert events == ["run_started", "run_ended"]
    assert list((case.context.workspace.cache / "runs").iterdir()) == []


def test_progress_counts_finished_steps(case: Case):
    case.messages.clear()
    case.run(factor=7)
    assert [(message.message.partition(" in ")[0], message.done, message.total) for message in case.messages] == [
        ("2 of 4 steps are cached", 2, 4),
        ("doubled: started", 2, 4),
        ("doubled: done", 3, 4),
        ("report: started", 3, 4),
        ("report: done", 4, 4),
    ]


def test_a_cached_run_starts_no_process_and_imports_nothing_heavy(tmp_path: Path, run_python):
    case = make_case(tmp_path)
    case.run()
    case.calls()
    report = run_python(
        f"""
        import subprocess, sys
        from pathlib import Path
        from pipeline_case import make_case, Case, open_context
        from plimsoll.project import git
        from plimsoll.pipeline.executors import local
        def refuse(*arguments, **options):
            raise AssertionError("a process was started")
        local.subprocess = type("NoProcesses", (), {{"Popen": refuse}})
        case = Case(root=Path({str(tmp_path)!r}), context=open_context(Path({str(tmp_path)!r}), []))
        run = case.run()
        heavy = ("pandas", "numpy", "duckdb", "sklearn", "scipy", "fastapi", "multiprocessing")
        print({{step.state.value for step in run.steps}}, [name for name in heavy if name in sys.modules])
        """
    )
    assert report.strip() == "{'cached'} []"
    assert case.calls() == []
