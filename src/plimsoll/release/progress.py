"""How far the steps of a run are, seen from its graph. Pure."""

from __future__ import annotations

from plimsoll.pipeline.entities import Graph, Run, RunState, StepState
from plimsoll.release.requests import GraphStep

_KEPT = (StepState.CACHED, StepState.DONE)


def steps_of(run: Run, graph: Graph) -> tuple[GraphStep, ...]:
    """Every step of the graph with what became of it, or whether it could run now."""
    outcomes = {outcome.step: outcome for outcome in run.steps}
    kept = {name for name, outcome in outcomes.items() if outcome.state in _KEPT}
    steps = []
    for step in graph.steps:
        inputs = graph.inputs[step.name]
        makers = {name: graph.maker(name) for name in inputs if any(name in one.outputs for one in graph.steps)}
        needs = tuple(dict.fromkeys(makers.values()))
        outcome = outcomes.get(step.name)
        ready = run.state is RunState.RUNNING and kept.issuperset(needs)
        steps.append(
            GraphStep(
                name=step.name,
                needs=needs,
                data=tuple(name for name in inputs if name not in makers),
                state=outcome.state.value if outcome else "ready" if ready else "waiting",
                outcome=outcome,
            )
        )
    return tuple(steps)


def steps_alone(run: Run) -> tuple[GraphStep, ...]:
    """What is recorded of the steps, where the graph is not known."""
    return tuple(
        GraphStep(name=outcome.step, needs=(), data=(), state=outcome.state.value, outcome=outcome)
        for outcome in run.steps
    )
