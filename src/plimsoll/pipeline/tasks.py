"""What there is to do of a step: one call, or one for each item of a list. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plimsoll.kernel.sizes import size_text
from plimsoll.pipeline.entities import Step, StepOutcome, StepState
from plimsoll.pipeline.jobs import Ended, Result, Trouble, describe_end
from plimsoll.pipeline.keys import Ingredients, cache_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One of several calls of a step: for the item at a position of the list, from 0."""

    position: int
    item: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call of a step, to be carried out in a process of its own."""

    step: Step
    parts: Ingredients
    """Of this call alone: the item in place of the list."""
    key: str
    because: str
    call: Call | None = None

    @property
    def name(self) -> str:
        """`fit`, or `fit[2]` for one of several calls."""
        return self.step.name if self.call is None else f"{self.step.name}[{self.call.position}]"


@dataclass(slots=True, kw_only=True)
class Fan:
    """A step that is called for each item of a list, while its calls are under way."""

    step: Step
    parts: Ingredients
    key: str
    because: str
    results: dict[int, Mapping[str, str]] = field(default_factory=dict)
    """Position -> outputs of the calls that are done."""
    count: int
    seconds: float = 0.0
    attempts: int = 1

    @property
    def whole(self) -> bool:
        return len(self.results) == self.count

    def digests(self, output: str) -> tuple[str, ...]:
        """What the calls returned under a name, in the order of the list."""
        return tuple(self.results[position][output] for position in range(self.count))

    def outcome(self, outputs: Mapping[str, str]) -> StepOutcome:
        """What became of the step as a whole."""
        return StepOutcome(
            step=self.step.name,
            state=StepState.DONE,
            key=self.key,
            because=self.because,
            outputs=outputs,
            seconds=round(self.seconds, 3),
            attempts=self.attempts,
        )


def calls_of(step: Step, parts: Ingredients, items: Sequence[Any], *, because: str) -> tuple[Task, ...]:
    """One task for each item; equal items are equal tasks, wherever they stand in the list."""
    assert step.each is not None
    parameter, source = step.each
    params = {name: value for name, value in parts.params.items() if name != source}
    inputs = {name: digest for name, digest in parts.inputs.items() if name != source}
    tasks = []
    for position, item in enumerate(items):
        own = replace(parts, params={**params, parameter: item}, inputs=inputs)
        call = Call(position=position, item=item)
        tasks.append(Task(step=step, parts=own, key=cache_key(step.name, own), because=because, call=call))
    return tuple(tasks)


def trouble_of(task: Task, ended: Ended, result: Result | None, *, overdue: bool) -> Trouble | None:
    """What went wrong with a task whose process is gone; None when nothing did."""
    step = task.step
    unfinished = result is None or ended.code != 0
    if overdue and unfinished:
        return Trouble(problem=f"it was stopped because it ran longer than its timeout of {step.timeout_s:g} s")
    if ended.memory and step.memory is not None and unfinished:
        used = f"it used {size_text(ended.memory)}, more than its memory of {size_text(step.memory)}"
        return Trouble(problem=f"it was stopped because {used}")
    return result.trouble if result is not None else Trouble(problem=ended.problem or describe_end(ended.code))
