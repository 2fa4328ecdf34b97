"""The graph and the logs of a run are those of its own time, whatever the project has become since."""

from __future__ import annotations

import pytest
from pipeline_case import make_case

from plimsoll.pipeline.entities import RunState
from plimsoll.pipeline.errors import StepFailed
from plimsoll.pipeline.operations import latest_run, log_end
from plimsoll.pipeline.snapshot import graph_of


def test_a_graph_is_wired_from_the_code_as_it_was(tmp_path):
    case = make_case(tmp_path)
    run = case.run()
    case.write("steps.py", "def other():\n    return 1\n")
    graph = graph_of(case.context, run)
    assert [step.name for step in graph.steps] == [outcome.step for outcome in run.steps]
    assert graph.inputs["report"] == ("doubled", "summed")


def test_the_end_of_a_failed_steps_log_is_told_as_whole_lines(tmp_path):
    steps = "def loud():\n    for number in range(2000):\n        print('line', number)\n    raise ValueError('no')\n"
    case = make_case(tmp_path, steps, "")
    with pytest.raises(StepFailed):
        case.run()
    run = latest_run(case.context, project=case.context.project, state=RunState.FAILED)
    text, cut = log_end(case.context, run, "loud")
    assert cut
    assert text.startswith("line ")
    assert "line 1999" in text
    assert log_end(case.context, run, "../../secrets") == ("", False)
