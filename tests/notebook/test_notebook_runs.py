"""`plimsoll.run()` and what it gives: the run of the command, as an object, with the code as it is now."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from tests.stories.workspace import ProjectFolder

import plimsoll
from plimsoll.kernel.errors import PlimsollError
from plimsoll.notebook.runs import Plan, Run, Verdict


def edit(project: ProjectFolder, before: str, after: str) -> None:
    steps = project.root / "steps.py"
    text = steps.read_text()
    assert text.count(before) == 1
    steps.write_text(text.replace(before, after))


def test_a_run_is_the_commands_run(orders: ProjectFolder):
    run = plimsoll.run(params={"strength": 2.0})

    shown = orders.ask("verdict")
    assert isinstance(run, Run)
    assert (run.id, run.state) == (shown["run"]["id"], "done")
    assert run.params == {"seed": 1, "strength": 2.0}
    assert run.steps == {"split": "done", "features": "done", "train": "done", "scorer": "done"}
    assert {"train_set", "holdout", "train"} <= run.outputs.keys()
    assert isinstance(run.verdict, Verdict)
    assert (run.verdict.finding, run.verdict.passed) == (shown["verdict"]["finding"], True)
    assert run.verdict.checks["rule"].tolist() == [check["rule"] for check in shown["verdict"]["checks"]]
    assert run.verdict.checks["finding"].tolist() == ["pass"]
    assert f"{run.id} is done" in repr(run)
    assert "Verdict PASS" in repr(run)


def test_a_plan_says_what_would_run_and_why(orders: ProjectFolder):
    plimsoll.run()

    plan = plimsoll.run(plan=True, params={"strength": 3.0})

    assert isinstance(plan, Plan)
    assert plan.cached == ("split", "features")
    assert plan.will_run["train"] == "will run because strength 1.0 -> 3.0"
    assert [step for step, _ in plan] == ["split", "features", "train", "scorer"]
    assert "will run because strength 1.0 -> 3.0" in repr(plan)
    assert len(plimsoll.runs()) == 1


def test_code_edited_between_two_calls_is_seen(orders: ProjectFolder):
    first = plimsoll.run()
    edit(orders, 'train_set[["price"]]', 'train_set[["price", "discount"]]')

    second = plimsoll.run()

    assert second.steps["features"] == "done"
    assert [*first.output("features").columns] == ["price", "share"]
    assert [*second.output("features").columns] == ["price", "discount", "share"]


def test_comparisons_tell_what_differs(orders: ProjectFolder):
    first, second = plimsoll.run(), plimsoll.run(params={"strength": 0.01})
    edit(orders, '"""A logistic regression."""', "plimsoll.log(loss=0.5)")
    edit(orders, "from sklearn.linear", "import plimsoll\nfrom sklearn.linear")
    third = plimsoll.run()

    comparison = first.compare(second, third)

    assert comparison.params.loc["strength"].tolist() == [1.0, 0.01, 1.0]
    assert "train" in comparison.outputs.index
    assert "+    plimsoll.log(loss=0.5)" in comparison.code["steps.py"]
    assert comparison.metrics.loc["train/loss"].tolist()[2] == 0.5
    assert third.metrics == {"loss": 0.5}
    assert third.curve("loss")["value"].tolist() == [0.5]
    assert "strength" in repr(plimsoll.compare(first.id, second))
    assert plimsoll.runs()["run"].tolist() == [third.id, second.id, first.id]
    assert plimsoll.find_run(first.id).params == first.params


def test_another_folders_project_runs_there(orders: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    run = plimsoll.run(project=orders.root)

    assert run.output("holdout").shape == (1000, 3)
    assert plimsoll.output("train_set", project="orders").shape == (1000, 3)
    assert [one["version"]["dataset"] for one in plimsoll.versions(project=orders.root)] == ["orders"]
    with pytest.raises(PlimsollError, match=r"no plimsoll\.yaml"):
        plimsoll.run()


def test_a_failed_step_is_told_with_the_projects_traceback_and_the_hint(orders: ProjectFolder):
    edit(orders, "return LogisticRegression", "1 / 0\n    return LogisticRegression")

    with pytest.raises(PlimsollError) as raised:
        plimsoll.run()

    told = "\n".join(raised.value._render_traceback_())
    assert told.startswith("pipeline.step_failed: Step train failed: ZeroDivisionError: division by zero")
    assert re.search(r'steps\.py", line \d+, in train', told)
    assert "plimsoll/" not in told.partition("Everything that")[0]
    assert "Finished steps are kept" in told
    plain = "".join(traceback.format_exception(raised.value))
    assert plain.rstrip().splitlines()[-1].startswith("Finished steps are kept")


def test_steps_do_not_see_what_the_notebook_imported(orders: ProjectFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(orders.root))
    sys.modules.pop("steps", None)
    import steps

    steps.features = None
    try:
        assert plimsoll.run().state == "done"
    finally:
        del sys.modules["steps"]


def test_importing_plimsoll_loads_none_of_it():
    code = "import plimsoll, sys; print(*[name for name in sys.modules if name.startswith('plimsoll')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})

    assert shown.stdout.split() == ["plimsoll"]
    assert {"run", "output", "load", "log", "compare"} <= {*dir(plimsoll)}
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        plimsoll.ran  # noqa: B018 - the look-up is what is tested


def test_editors_are_told_of_each_call_where_it_is():
    tree = ast.parse(Path(plimsoll.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]

    told = {one.names[0].name: one.module for one in guarded.body if isinstance(one, ast.ImportFrom)}

    assert told == plimsoll._CALLED_BY_PROJECTS
    assert (Path(plimsoll.__file__).parent / "py.typed").exists()
