"""Carries a graph's remaining steps out: starts what is ready, hears what ended, tells the journal.

Knows neither the ledger nor how processes are made; those are handed in. After a failure nothing new is started,
and what runs already may finish, so that its work is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from plimsoll.pipeline.entities import Graph, Step, StepOutcome, StepState
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started, Trouble, describe_end
from plimsoll.pipeline.keys import Basis, Ingredients, cache_key, ingredients, unknown
from plimsoll.pipeline.plan import CACHED
from plimsoll.pipeline.step_process import read_result


class Executor(Protocol):
    """Runs jobs somewhere; see `executors/local.py`."""

    slots: int

    def start(self, job: Job) -> None: ...

    def stop(self, step: str) -> None: ...

    def wait(self, timeout_s: float | None) -> Started | Ended | ImportTrouble | None: ...


class Journal(Protocol):
    """Where the engine looks finished work up and writes it down."""

    def find(self, key: str) -> Mapping[str, str] | None:
        """The outputs kept under a cache key, all of them present."""

    def why(self, step: str, parts: Ingredients) -> str:
        """Why a step that is not cached runs."""

    def write(self, outcome: StepOutcome, parts: Ingredients | None) -> None:
        """Record what became of a step; its outputs are in the artifacts. Durable on return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first step that failed; `step` is empty when the project's code could not be imported."""

    step: str
    trouble: Trouble
    log: Path | None


@dataclass(slots=True, kw_only=True)
class _Running:
    step: Step
    job: Job
    parts: Ingredients
    because: str
    since: float | None = None
    overdue: bool = False


class Engine:
    """One run's steps, from the ones that are missing to the last."""

    def __init__(
        self,
        *,
        graph: Graph,
        basis: Basis,
        outputs: Mapping[str, str],
        finished: Sequence[str],
        job_of: Callable[[Step, str, Mapping[str, str]], Job],
        executor: Executor,
        journal: Journal,
        tell: Callable[[str, int], None],
        warn: Callable[[str, int], None],
    ) -> None:
        """outputs, finished: what is cached already. tell, warn: take a message and how many steps are finished."""
        self.outputs = dict(outputs)
        self._graph = graph
        self._basis = basis
        self._waiting = [step for step in graph.steps if step.name not in finished]
        self._running: dict[str, _Running] = {}
        self._finished = len(finished)
        self._job_of = job_of
        self._executor = executor
        self._journal = journal
        self._tell = tell
        self._warn = warn
        self._failure: Failure | None = None

    def run(self) -> Failure | None:
        """Carry everything out; returns the first failure once nothing runs any more."""
        self._start_ready()
        while self._running:
            message = self._executor.wait(self._time_left())
            match message:
                case Started():
                    self._running[message.step].since = time.monotonic()
                case Ended():
                    self._ended(self._running.pop(message.step), message.code)
                case ImportTrouble():
                    self._fail(Failure(step="", trouble=message.trouble, log=None))
                    self._waiting[:0] = [running.step for running in self._running.values()]
                    self._running.clear()
                case None:
                    self._stop_overdue()
            self._start_ready()
        if self._failure is not None:
            for step in self._waiting:
                self._skip(step)
        return self._failure

    def _start_ready(self) -> None:
        """Start every step whose inputs are known, as slots allow; a step that turns out to be cached frees others."""
        progressed = True
        while progressed and self._failure is None:
            progressed = False
            for step in list(self._waiting):
                given = self._graph.inputs[step.name]
                if unknown(self._basis, given=given, outputs=self.outputs):
                    continue
                parts = ingredients(step, self._basis, given=given, outputs=self.outputs)
                key = cache_key(step.name, parts)
                found = self._journal.find(key)
                if found is not None:
                    self._waiting.remove(step)
                    self._keep(
                        step,
                        parts,
                        StepOutcome(step=step.name, state=StepState.CACHED, key=key, because=CACHED, outputs=found),
                    )
                    progressed = True
                elif len(self._running) < self._executor.slots:
                    self._waiting.remove(step)
                    self._start(step, parts, key)

    def _start(self, step: Step, parts: Ingredients, key: str) -> None:
        job = self._job_of(step, key, self.outputs)
        self._running[step.name] = _Running(
            step=step, job=job, parts=parts, because=self._journal.why(step.name, parts)
        )
        self._tell(f"{step.name}: started", self._finished)
        self._executor.start(job)

    def _ended(self, running: _Running, code: int) -> None:
        seconds = round(time.monotonic() - running.since, 3) if running.since is not None else 0.0
        result = read_result(running.job)
        trouble = result.trouble if result is not None else Trouble(problem=describe_end(code))
        if running.overdue and (result is None or code != 0):
            trouble = Trouble(
                problem=f"it was stopped because it ran longer than its timeout of {running.step.timeout_s:g} s"
            )
        outcome = StepOutcome(
            step=running.step.name,
            state=StepState.FAILED if trouble else StepState.DONE,
            key=running.job.key,
            because=running.because,
            outputs=result.outputs if result is not None and not trouble else {},
            seconds=seconds,
            error=trouble.problem if trouble else "",
        )
        for warning in result.warnings if result is not None else ():
            self._warn(f"{running.step.name}: warning: {warning}", self._finished)
        self._keep(running.step, running.parts, outcome)
        if trouble:
            self._fail(Failure(step=running.step.name, trouble=trouble, log=running.job.log))

    def _keep(self, step: Step, parts: Ingredients, outcome: StepOutcome) -> None:
        self._journal.write(outcome, parts)
        if outcome.state is StepState.FAILED:
            self._tell(f"{step.name}: failed: {outcome.error}", self._finished)
            return
        self._finished += 1
        self.outputs.update(outcome.outputs)
        how = "cached" if outcome.state is StepState.CACHED else f"done in {outcome.seconds:.1f} s"
        self._tell(f"{step.name}: {how}", self._finished)

    def _fail(self, failure: Failure) -> None:
        if self._failure is None:
            self._failure = failure
            if len(self._running) > 0 and failure.step:
                self._tell(f"waiting for {', '.join(self._running)} to finish; nothing new is started", self._finished)

    def _skip(self, step: Step) -> None:
        assert self._failure is not None
        because = f"{self._failure.step} failed" if self._failure.step else "the project's code cannot be imported"
        self._journal.write(StepOutcome(step=step.name, state=StepState.SKIPPED, key="", because=because), None)

    def _time_left(self) -> float | None:
        """Seconds until the next step is overdue; None when none can be."""
        deadlines = [
            running.since + running.step.timeout_s
            for running in self._running.values()
            if running.since is not None and running.step.timeout_s is not None and not running.overdue
        ]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        for name, running in self._running.items():
            limit = running.step.timeout_s
            if running.since is not None and limit is not None and not running.overdue and now >= running.since + limit:
                running.overdue = True
                self._executor.stop(name)
