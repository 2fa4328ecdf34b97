"""Carries a graph's remaining steps out: starts what is ready, hears what ended, tells the journal.

Knows neither the ledger nor how processes are made; those are handed in. After a failure nothing new is started,
and what runs already may finish, so that its work is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.kernel.errors import PlimsollError
from plimsoll.pipeline.entities import Graph, Step, StepOutcome, StepState
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started, Trouble
from plimsoll.pipeline.keys import Basis, Ingredients, cache_key, ingredients, unknown
from plimsoll.pipeline.plan import CACHED
from plimsoll.pipeline.ports import Executor, Journal
from plimsoll.pipeline.step_process import read_result
from plimsoll.pipeline.tasks import Fan, Task, calls_of, trouble_of

_CHECK_S = 0.5
"""How often it is asked whether the run shall go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first step that failed; `step` is empty when the project's code could not be imported."""

    step: str
    trouble: Trouble
    log: Path | None
    error: PlimsollError | None = None
    """Why it was not called at all."""


@dataclass(slots=True, kw_only=True)
class _Running:
    task: Task
    job: Job
    attempt: int
    since: float | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """A task that has failed and will be tried once more, not before a moment of the monotonic clock."""

    task: Task
    attempt: int
    due: float


class Engine:
    """One run's steps, from the ones that are missing to the last."""

    def __init__(
        self,
        *,
        graph: Graph,
        basis: Basis,
        outputs: Mapping[str, str],
        finished: Sequence[str],
        job_of: Callable[[Task, Mapping[str, str], int], Job],
        executor: Executor,
        journal: Journal,
        tell: Callable[[str, int], None],
        warn: Callable[[str, int], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """outputs, finished: what is cached already. job_of: takes the number of the attempt, from 1, at the end.

        tell, warn: take a message and how many steps are finished. check: called twice a second; what it raises ends the run.
        """
        self.outputs = dict(outputs)
        self._graph = graph
        self._basis = basis
        self._waiting = [step for step in graph.steps if step.name not in finished]
        self._ready: list[Task] = []
        self._running: dict[str, _Running] = {}
        self._again: list[_Again] = []
        self._fans: dict[str, Fan] = {}
        self._ended: set[str] = set(finished)
        self._job_of = job_of
        self._executor = executor
        self._journal = journal
        self._finished = len(finished)
        self._told = tell
        self._warn = warn
        self._check = check
        self._checked = time.monotonic()
        self._failure: Failure | None = None

    def run(self) -> Failure | None:
        """Carry everything out; returns the first failure once nothing runs any more."""
        self._start_ready()
        while self._running or self._again:
            message = self._wait()
            match message:
                case Started():
                    self._running[message.step].since = time.monotonic()
                case Ended():
                    self._end(self._running.pop(message.step), message)
                case ImportTrouble():
                    self._running.clear()
                    self._fail(Failure(step="", trouble=message.trouble, log=None))
                case None:
                    self._stop_overdue()
            self._start_ready()
        if self._failure is not None:
            for step in self._graph.steps:
                if step.name not in self._ended:
                    self._skip(step, self._failure)
        return self._failure

    def _tell(self, message: str) -> None:
        self._told(message, self._finished)

    def _start_ready(self) -> None:
        """Start all that can begin, as there is room; a step that turns out to be cached frees others."""
        progressed = True
        while progressed and self._failure is None:
            progressed = False
            for step in list(self._waiting):
                given = self._graph.inputs[step.name]
                if not unknown(self._basis, given=given, outputs=self.outputs):
                    self._waiting.remove(step)
                    progressed |= self._look_at(step, ingredients(step, self._basis, given=given, outputs=self.outputs))
        for once in list(self._again):
            if self._failure is None and once.due <= time.monotonic() and self._room_for(once.task.step):
                self._again.remove(once)
                self._start(once.task, attempt=once.attempt)
        for task in list(self._ready):
            if self._failure is None and self._room_for(task.step):
                self._ready.remove(task)
                self._start(task, attempt=1)

    def _room_for(self, step: Step) -> bool:
        return self._executor.has_room(step.cpu, step.gpu)

    def _look_at(self, step: Step, parts: Ingredients) -> bool:
        """Take a step whose inputs are known: it is cached, or its tasks are ready. Returns whether it has ended."""
        key = cache_key(step.name, parts)
        found = self._journal.find(key)
        if found is not None:
            outcome = StepOutcome(step=step.name, state=StepState.CACHED, key=key, because=CACHED, outputs=found)
            self._keep(step, parts, outcome)
            return True
        because = self._journal.why(step.name, parts)
        if step.each is None:
            self._ready.append(Task(step=step, parts=parts, key=key, because=because))
            return False
        return self._spread(step, parts, key=key, because=because)

    def _spread(self, step: Step, parts: Ingredients, *, key: str, because: str) -> bool:
        """Make the calls of a step ready that are not cached; returns whether there are none."""
        assert step.each is not None
        try:
            items = self._journal.items(step.each[1], parts)
        except PlimsollError as error:
            self._record_failure(step, parts, key=key, because=because, problem=str(error))
            self._fail(Failure(step=step.name, trouble=Trouble(problem=str(error)), log=None, error=error))
            return True
        fan = Fan(step=step, parts=parts, key=key, because=because, count=len(items))
        for task in calls_of(step, parts, items, because=because):
            assert task.call is not None
            found = self._journal.find(task.key)
            if found is None:
                self._ready.append(task)
            else:
                fan.results[task.call.position] = found
        self._fans[step.name] = fan
        if fan.results:
            self._tell(f"{step.name}: {len(fan.results)} of {fan.count} calls are cached")
        return self._gather_if_whole(fan)

    def _start(self, task: Task, *, attempt: int) -> None:
        job = self._job_of(task, self.outputs, attempt)
        self._running[task.name] = _Running(task=task, job=job, attempt=attempt)
        which = f", attempt {attempt} of {task.step.retries + 1}" if task.step.retries else ""
        self._tell(f"{task.name}: started{which}")
        self._executor.start(job)

    def _end(self, running: _Running, ended: Ended) -> None:
        task, step = running.task, running.task.step
        seconds = round(time.monotonic() - running.since, 3) if running.since is not None else 0.0
        result = read_result(running.job.scratch)
        for warning in result.warnings if result is not None else ():
            self._warn(f"{task.name}: warning: {warning}", self._finished)
        trouble = trouble_of(task, ended, result, overdue=running.overdue)
        if trouble and running.attempt <= step.retries and self._failure is None:
            self._try_again(running, trouble)
        elif trouble:
            whole = task if task.call is None else self._fans[step.name]
            problem = trouble.problem if task.call is None else f"{task.name}: {trouble.problem}"
            self._record_failure(
                step,
                whole.parts,
                key=whole.key,
                because=task.because,
                problem=problem,
                attempts=running.attempt,
                seconds=seconds,
            )
            self._fail(Failure(step=step.name, trouble=replace(trouble, problem=problem), log=running.job.log))
        elif result is not None:
            self._done(task, result.outputs, attempts=running.attempt, seconds=seconds)

    def _done(self, task: Task, outputs: Mapping[str, str], *, attempts: int, seconds: float) -> None:
        if task.call is None:
            outcome = StepOutcome(
                step=task.step.name,
                state=StepState.DONE,
                key=task.key,
                because=task.because,
                outputs=outputs,
                seconds=seconds,
                attempts=attempts,
            )
            self._keep(task.step, task.parts, outcome)
            return
        self._journal.keep(task, outputs)
        fan = self._fans[task.step.name]
        fan.results[task.call.position] = outputs
        fan.seconds += seconds
        fan.attempts = max(fan.attempts, attempts)
        self._tell(f"{task.name}: done in {seconds:.1f} s")
        self._gather_if_whole(fan)

    def _gather_if_whole(self, fan: Fan) -> bool:
        """End a step whose calls are all done; returns whether it has ended."""
        if not fan.whole or fan.step.name in self._ended:
            return False
        outputs = {name: self._journal.gather(fan.digests(name)) for name in fan.step.outputs}
        self._keep(fan.step, fan.parts, fan.outcome(outputs))
        return True

    def _try_again(self, running: _Running, trouble: Trouble) -> None:
        pause = running.task.step.backoff_s * 2 ** (running.attempt - 1)
        due = time.monotonic() + pause
        self._again.append(_Again(task=running.task, attempt=running.attempt + 1, due=due))
        self._tell(f"{running.task.name}: failed: {trouble.problem}; it is tried again in {pause:g} s")

    def _keep(self, step: Step, parts: Ingredients, outcome: StepOutcome) -> None:
        self._journal.write(outcome, parts)
        self._ended.add(step.name)
        self._finished += 1
        self.outputs.update(outcome.outputs)
        how = "cached" if outcome.state is StepState.CACHED else f"done in {outcome.seconds:.1f} s"
        self._tell(f"{step.name}: {how}")

    def _record_failure(
        self,
        step: Step,
        parts: Ingredients,
        *,
        key: str,
        because: str,
        problem: str,
        attempts: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Write down that a step has failed; of several calls the first to fail tells for all."""
        if step.name in self._ended:
            return
        outcome = StepOutcome(
            step=step.name,
            state=StepState.FAILED,
            key=key,
            because=because,
            seconds=seconds,
            attempts=attempts,
            error=problem,
        )
        self._journal.write(outcome, parts)
        self._ended.add(step.name)
        self._tell(f"{step.name}: failed: {problem}")

    def _fail(self, failure: Failure) -> None:
        self._again.clear()
        self._ready.clear()
        if self._failure is None:
            self._failure = failure
            if len(self._running) > 0 and failure.step:
                self._tell(f"waiting for {', '.join(self._running)} to finish; nothing new is started")

    def _skip(self, step: Step, failure: Failure) -> None:
        because = f"{failure.step} failed" if failure.step else "the project's code cannot be imported"
        self._journal.write(StepOutcome(step=step.name, state=StepState.SKIPPED, key="", because=because), None)

    def _wait(self) -> Started | Ended | ImportTrouble | None:
        """The next thing that happens; None when it is time to look around."""
        now = time.monotonic()
        if now - self._checked >= _CHECK_S:
            self._checked = now
            self._check()
        timeout_s = max(0.0, min([now + _CHECK_S, *self._deadlines(), *(once.due for once in self._again)]) - now)
        if self._running:
            return self._executor.wait(timeout_s)
        time.sleep(timeout_s)
        return None

    def _deadlines(self) -> list[float]:
        """When those that run will be overdue."""
        return [
            running.since + running.task.step.timeout_s
            for running in self._running.values()
            if running.since is not None and running.task.step.timeout_s is not None and not running.overdue
        ]

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        for name, running in self._running.items():
            limit = running.task.step.timeout_s
            if running.since is not None and limit is not None and not running.overdue and now >= running.since + limit:
                running.overdue = True
                self._executor.stop(name)
