"""A step that is called for each item of a list: its calls are cached, tried again and fail one by one."""

from __future__ import annotations

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.entities import StepState
from plimsoll.pipeline.errors import GraphInvalid, NotAList, StepFailed
from plimsoll.pipeline.operations import latest_run
from plimsoll.pipeline.operations.metrics import metrics_of

STEPS = """
from pathlib import Path

HERE = Path(__file__).parent


def regions():
    return ["GB", "FR", "DE"]


def fit(region, size):
    with (HERE / "calls.txt").open("a") as stream:
        stream.write(region + "\\n")
    print("fitting", region)
    if region == "XX":
        raise ValueError("no such region")
    return region.lower() * size


def report(fit):
    return "-".join(fit)
"""


def settings(each: str = "{region: regions}", params: str = "{size: 2}", more: str = "") -> str:
    return f"pipeline:\n  params: {params}\n  steps:\n    fit: {{each: {each}{more}}}\n"


def listed(*regions: str) -> tuple[str, str]:
    """The steps with the list as a parameter, and their settings."""
    steps = STEPS.replace('def regions():\n    return ["GB", "FR", "DE"]\n', "")
    return steps, settings(params=f"{{size: 2, regions: [{', '.join(regions)}]}}")


def test_a_step_is_called_for_each_item_and_returns_a_list_in_its_order(tmp_path):
    case = make_case(tmp_path, STEPS, settings())
    run = case.run()
    assert case.value(run, "fit") == ["gbgb", "frfr", "dede"]
    assert case.value(run, "report") == "gbgb-frfr-dede"
    assert sorted(case.calls()) == ["DE", "FR", "GB"]
    assert [step.step for step in run.steps] == ["regions", "fit", "report"]
    log = (case.context.workspace.logs / run.id / "fit.log").read_text()
    assert sorted(log.splitlines()) == ["fitting DE", "fitting FR", "fitting GB"]
    assert {step.state for step in case.run().steps} == {StepState.CACHED}
    assert case.calls() == []


def test_only_the_calls_for_new_items_are_made(tmp_path):
    case = make_case(tmp_path, *listed("GB", "FR"))
    first = case.run()
    case.calls()
    case.edit("plimsoll.yaml", "[GB, FR]", "[FR, DE, GB, FR]")
    assert case.plan()["fit"] == "will run because regions ['GB', 'FR'] -> ['FR', 'DE', 'GB', 'FR']"
    run = case.run()
    assert case.calls() == ["DE"]
    assert case.value(run, "fit") == ["frfr", "dede", "gbgb", "frfr"]
    assert "fit: 3 of 4 calls are cached" in [message.message for message in case.messages]
    case.edit("plimsoll.yaml", "[FR, DE, GB, FR]", "[GB, FR]")
    assert case.run().outputs["fit"] == first.outputs["fit"]
    assert case.calls() == []


def test_a_new_parameter_calls_all_again(tmp_path):
    case = make_case(tmp_path, *listed("GB", "FR"))
    case.run()
    case.calls()
    assert case.value(case.run(size=1), "report") == "gb-fr"
    assert sorted(case.calls()) == ["FR", "GB"]


def test_an_empty_list_gives_an_empty_list(tmp_path):
    case = make_case(tmp_path, *listed())
    run = case.run()
    assert (case.value(run, "fit"), case.value(run, "report"), case.calls()) == ([], "", [])


def test_named_outputs_are_lists_each(tmp_path):
    steps = "def fit(region):\n    return region, len(region)\n\ndef report(names, sizes):\n    return dict(zip(names, sizes))\n"
    options = settings(params="{regions: [GB, FRA]}", more=", outputs: [names, sizes]")
    case = make_case(tmp_path, steps, options)
    assert case.value(case.run(), "report") == {"GB": 2, "FRA": 3}


def test_values_of_every_kind_come_back_in_the_list(tmp_path):
    steps = """
    import numpy as np
    import pandas as pd

    def fit(size):
        return pd.DataFrame({"n": range(size)}) if size < 3 else np.arange(size)

    def report(fit):
        return [type(part).__name__ + str(len(part)) for part in fit]
    """
    case = make_case(tmp_path, "", settings("{size: sizes}", params="{sizes: [1, 2, 3]}"))
    case.write("steps.py", steps)
    assert case.value(case.run(), "report") == ["DataFrame1", "DataFrame2", "ndarray3"]


def failure(case: Case) -> str:
    with pytest.raises(StepFailed) as caught:
        case.run()
    return str(caught.value)


def test_a_call_that_fails_names_itself_and_what_others_made_is_kept(tmp_path):
    case = make_case(tmp_path, *listed("GB", "XX", "FR"))
    assert "Step fit failed: fit[1]: ValueError: no such region" in failure(case)
    run = latest_run(case.context, project="tiny")
    assert [(step.step, step.state) for step in run.steps] == [
        ("fit", StepState.FAILED),
        ("report", StepState.SKIPPED),
    ]
    assert "GB" in case.calls()
    case.edit("plimsoll.yaml", "[GB, XX, FR]", "[GB]")
    assert case.value(case.run(), "report") == "gbgb"
    assert case.calls() == []


def test_each_call_is_tried_again_for_itself(tmp_path):
    steps, options = listed("GB", "FR")
    once = 'if region == "FR" and not (HERE / "again").exists():\n        (HERE / "again").touch()'
    case = make_case(
        tmp_path,
        steps.replace('if region == "XX":', f"{once}\n"),
        options.replace("regions}", "regions}, retries: 1, backoff: 0s"),
    )
    run = case.run()
    assert sorted(case.calls()) == ["FR", "FR", "GB"]
    assert {step.step: step.attempts for step in run.steps} == {"fit": 2, "report": 1}


def test_what_each_call_logs_is_kept_under_its_name(tmp_path):
    steps = "import plimsoll\n\ndef fit(rate):\n    plimsoll.log({'loss': rate}, step=1)\n    return rate\n"
    case = make_case(tmp_path, steps, settings("{rate: rates}", params="{rates: [0.1, 0.2]}"))
    for run in (case.run(), case.run()):
        curves = metrics_of(case.context, run).curves
        assert [(curve.source, curve.last) for curve in curves] == [("fit[0]", 0.1), ("fit[1]", 0.2)]


@pytest.mark.parametrize("returned", ["{'a': 1}", "set('ab')", "3"])
def test_a_list_that_is_none_fails_the_step_and_says_so(tmp_path, returned):
    case = make_case(tmp_path, STEPS.replace('["GB", "FR", "DE"]', returned), settings())
    with pytest.raises(NotAList, match="regions, for each of whose items a step is to be called, is"):
        case.run()
    run = latest_run(case.context, project="tiny")
    assert {step.step: step.state for step in run.steps} == {
        "regions": StepState.DONE,
        "fit": StepState.FAILED,
        "report": StepState.SKIPPED,
    }


@pytest.mark.parametrize(
    ("each", "params", "told"),
    [
        ("{rgn: regions}", "{size: 2, region: x}", "which fit() does not take"),
        ("{region: region}", "{size: 2}", "'region'"),
        ("{region: size}", "{size: 2}", "'size', which is 2"),
        ("{region: report}", "{size: 2}", "a circle of steps"),
    ],
)
def test_an_each_that_does_not_fit_is_refused_before_anything_runs(tmp_path, each, params, told):
    case = make_case(tmp_path, STEPS, settings(each, params))
    with pytest.raises(GraphInvalid) as caught:
        case.run()
    assert told in str(caught.value)


def test_the_step_that_makes_the_model_is_called_once(tmp_path):
    model = "model: {from: fit, task: regression, label: y, holdout: regions}\n"
    case = make_case(tmp_path, STEPS, settings() + model)
    with pytest.raises(GraphInvalid, match="which makes the model or transforms its rows"):
        case.run()
