"""A sweep's trials: begun when what decides them is known, ranked as they end, written down before the next begins.

Each is an ordinary run in a thread of its own; its steps are processes. A trial waits while another one is busy with a
step that it needs just the same, so that this step runs once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from plimsoll.data.entities import DataVersion
from plimsoll.edge.context import Context, Progress
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.pipeline.entities import Run, StepState
from plimsoll.pipeline.errors import CodeNotImportable, RunCancelled, RunEnded, RunMissing
from plimsoll.pipeline.operations import Origin, cancel_run, execute, get_run
from plimsoll.project.entities import Project
from plimsoll.project.git import read_commit
from plimsoll.sweep import store
from plimsoll.sweep.entities import ENDED, Sweep, Trial, TrialState
from plimsoll.sweep.errors import MetricMissing, MetricUnclear, MetricUnusable, SweepCancelled, TooManyFailures
from plimsoll.sweep.operations.measuring import measured
from plimsoll.sweep.search import may_begin, params_of, ranked, waiting
from plimsoll.sweep.sharing import Work, works_of

_LOOK_S = 0.2
"""How often it is looked whether the sweep was cancelled, or a shared step has ended."""

_KEPT = (StepState.CACHED, StepState.DONE)


class Trials:
    """The trials of one sweep, carried out by this process."""

    def __init__(
        self,
        context: Context,
        sweep: Sweep,
        project: Project,
        *,
        versions: Mapping[str, DataVersion],
        reach: Mapping[str, tuple[str, ...]],
        check: Callable[[], None],
    ) -> None:
        """reach: step -> the tried parameters it depends on. check: called before a trial; what it raises ends all."""
        self._context = context
        self._sweep = sweep
        self._project = project
        self._versions = versions
        self._reach = reach
        self._check = check
        self._trials = {trial.number: trial for trial in sweep.trials}
        self._running: dict[Future[Run], Trial] = {}
        self._begun: dict[int, float] = {}
        self._made: set[Work] = set()
        """Work that is done and cached."""
        self._failures = 0
        self._commit = read_commit(context.workspace.root)
        self._telling = Lock()
        for trial in sweep.trials if sweep.plan.jobs > 1 else ():
            self._note_work(trial)

    def carry_out(self) -> None:
        """Every trial that has not ended. Raises SweepCancelled, TooManyFailures, and what no other trial can mend."""
        pool = ThreadPoolExecutor(max_workers=self._sweep.plan.jobs, thread_name_prefix="trial")
        try:
            self._tell("")
            while self._begin_some(pool):
                for future in wait(self._running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                    self._end(self._running.pop(future), future)
                self._look()
        finally:
            self._stop()
            pool.shutdown()

    def _begin_some(self, pool: ThreadPoolExecutor) -> bool:
        """Begin what may begin; returns whether anything runs."""
        plan = self._sweep.plan
        for number in waiting(plan, list(self._trials.values())):
            if len(self._running) == plan.jobs:
                break
            known = list(self._trials.values())
            if not may_begin(plan, known, number):
                break  # nor may any later one
            params = params_of(plan, known, number)
            if not self._is_busy(params):
                self._check()
                self._begin(pool, number, params)
        return bool(self._running)

    def _begin(self, pool: ThreadPoolExecutor, number: int, params: Mapping[str, object]) -> None:
        trial = Trial(number=number, params=params, run=new_id("run", at=self._context.clock.now()))
        self._write(trial)
        self._begun[number] = time.monotonic()
        self._running[pool.submit(self._run, trial)] = trial

    def _run(self, trial: Trial) -> Run:
        because = f"trial {trial.number} of {self._sweep.id}"
        return execute(
            replace(self._context, progress=self._within(trial)),
            self._project,
            versions=self._versions,
            params={**self._sweep.ground.params, **trial.params},
            origin=Origin(run=trial.run, commit=self._commit, because=because, owners=()),
        )

    def _within(self, trial: Trial) -> Callable[[Progress], None]:
        """What a trial's own run tells, with the trial's number before it."""

        def tell(progress: Progress) -> None:
            with self._telling:
                told = replace(
                    progress, task=f"trial {trial.number}", done=self._ended(), total=self._sweep.plan.trials
                )
                self._context.progress(told)

        return tell

    def _is_busy(self, params: Mapping[str, object]) -> bool:
        """Whether a running trial is about to do work that these parameters need as well."""
        wanted = set(works_of(self._reach, params).values()) - self._made
        return any(wanted & set(works_of(self._reach, trial.params).values()) for trial in self._running.values())

    def _end(self, trial: Trial, future: Future[Run]) -> None:
        seconds = round(time.monotonic() - self._begun[trial.number], 3)
        ended = replace(self._judged(trial, future), seconds=seconds)
        self._note_work(trial)
        self._write(ended)
        self._tell(_said(ended))
        if ended.state is TrialState.FAILED:
            self._failures += 1
            if self._failures > self._sweep.plan.max_failures:
                raise TooManyFailures(sweep=self._sweep.id, failures=self._failures, last=ended.error)

    def _judged(self, trial: Trial, future: Future[Run]) -> Trial:
        """The trial with what became of it. Raises what ends the whole sweep."""
        try:
            value = measured(self._context, future.result(), self._sweep.plan)
        except RunCancelled as error:
            return replace(trial, state=TrialState.CANCELLED, error=str(error))
        except (MetricMissing, MetricUnclear) as error:
            if not any(one.value is not None for one in self._trials.values()):
                self._write(replace(trial, state=TrialState.INTERRUPTED))
                raise  # no trial will do better
            return replace(trial, state=TrialState.FAILED, error=str(error))
        except MetricUnusable as error:
            return replace(trial, state=TrialState.FAILED, error=str(error))
        except PlimsollError as error:
            if error.kind is not Kind.PROJECT_CODE or isinstance(error, CodeNotImportable):
                raise
            return replace(trial, state=TrialState.FAILED, error=str(error))
        return replace(trial, state=TrialState.DONE, value=value)

    def _look(self) -> None:
        """Notice who cancelled the sweep, and what running trials have made."""
        try:
            with self._context.database.read() as transaction:
                person = store.cancelled_by(transaction, sweep=self._sweep.id)
        except LedgerUnavailable:  # runs outlive an outage; whoever cancels waits for the ledger, too
            return
        if person:
            raise SweepCancelled(sweep=self._sweep.id, person=person)
        if len(self._running) < self._sweep.plan.jobs:
            for trial in self._running.values():
                self._note_work(trial)

    def _note_work(self, trial: Trial) -> None:
        works = works_of(self._reach, trial.params)
        with suppress(RunMissing):
            steps = get_run(self._context, trial.run).steps
            self._made.update(works[step.step] for step in steps if step.state in _KEPT and step.step in works)

    def _stop(self) -> None:
        """End what runs; it stays written down as begun, so that it is done again when the sweep is carried on."""
        asked: set[str] = set()
        while self._running:
            for trial in self._running.values():
                if trial.run not in asked:
                    with suppress(RunMissing, RunEnded, LedgerUnavailable):  # not recorded yet, or over
                        cancel_run(self._context, trial.run)
                        asked.add(trial.run)
            for future in wait(self._running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                trial = self._running.pop(future)
                if future.exception() is None:
                    with suppress(PlimsollError):
                        self._write(self._judged(trial, future))

    def _write(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        with self._context.database.write() as transaction:
            store.write_trial(transaction, sweep=self._sweep.id, trial=trial)

    def _ended(self) -> int:
        return sum(trial.state in ENDED for trial in self._trials.values())

    def _tell(self, message: str) -> None:
        best = ranked(self._sweep.plan, list(self._trials.values()))
        so_far = f"best {best[0].value:.6g} in trial {best[0].number}" if best else f"{self._sweep.id}"
        text = f"{message}; {so_far}" if message else so_far
        with self._telling:
            self._context.progress(
                Progress(task="sweep", message=text, done=self._ended(), total=self._sweep.plan.trials, stays=True)
            )


def _said(trial: Trial) -> str:
    params = ", ".join(f"{name}={value}" for name, value in trial.params.items())
    result = f"{trial.value:.6g}" if trial.value is not None else f"{trial.state}: {trial.error.partition(chr(10))[0]}"
    return f"trial {trial.number} ({params}): {result}"
