"""How far a run's steps are, from its graph and what is recorded of it."""

from __future__ import annotations

from plimsoll.pipeline.entities import Graph, Run, RunState, Step, StepOutcome, StepState
from plimsoll.release.progress import steps_alone, steps_of


def a_step(name: str) -> Step:
    return Step(name=name, parameters=(), defaulted=frozenset(), outputs=(name,), line=1, source="steps.py")


GRAPH = Graph(
    steps=(a_step("split"), a_step("train"), a_step("evaluate")),
    inputs={"split": ("orders",), "train": ("split",), "evaluate": ("train", "split")},
)


def a_run(state: RunState, **steps: StepState) -> Run:
    return Run(
        id="run-1",
        project="fraud",
        state=state,
        created_by="ada",
        started_at="2026-11-02T09:00:00.000000Z",
        steps=tuple(StepOutcome(step=name, state=found, key="k", because="") for name, found in steps.items()),
    )


def states(run: Run) -> list[str]:
    return [step.state for step in steps_of(run, GRAPH)]


def test_a_step_is_ready_once_all_that_it_needs_is_there():
    assert states(a_run(RunState.RUNNING)) == ["ready", "waiting", "waiting"]
    assert states(a_run(RunState.RUNNING, split=StepState.CACHED)) == ["cached", "ready", "waiting"]
    done = a_run(RunState.RUNNING, split=StepState.CACHED, train=StepState.DONE)
    assert states(done) == ["cached", "done", "ready"]


def test_in_a_run_that_ended_nothing_is_ready():
    assert states(a_run(RunState.INTERRUPTED, split=StepState.DONE)) == ["done", "waiting", "waiting"]
    assert states(a_run(RunState.FAILED, split=StepState.FAILED)) == ["failed", "waiting", "waiting"]


def test_needs_are_steps_and_data_apart():
    first, _, last = steps_of(a_run(RunState.RUNNING), GRAPH)
    assert (first.needs, first.data) == ((), ("orders",))
    assert (last.needs, last.data) == (("train", "split"), ())


def test_without_a_graph_what_is_recorded_is_told():
    assert [
        (step.name, step.needs, step.state) for step in steps_alone(a_run(RunState.DONE, split=StepState.DONE))
    ] == [("split", (), "done")]
