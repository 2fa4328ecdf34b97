"""Runs a pipeline, or says what it would run: survey, look the cache up, carry out, record as it happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from plimsoll.data.entities import DataVersion
from plimsoll.edge.context import Context, Progress
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.pipeline import store
from plimsoll.pipeline.engine import Engine, Failure
from plimsoll.pipeline.entities import Run, RunState, Step
from plimsoll.pipeline.errors import RunCancelled
from plimsoll.pipeline.executors.ground import Ground
from plimsoll.pipeline.executors.table import open_executor
from plimsoll.pipeline.failures import error_of
from plimsoll.pipeline.jobs import Job, Surroundings
from plimsoll.pipeline.operations.asking import get_run
from plimsoll.pipeline.operations.journal import RunJournal, close_run, finder, log_of, past_of, scratch_of
from plimsoll.pipeline.operations.told import told
from plimsoll.pipeline.plan import Earlier, PlannedStep, Prospect, foresee, planned
from plimsoll.pipeline.ports import Executor, Tracked
from plimsoll.pipeline.processes import is_dead, this_process
from plimsoll.pipeline.survey import Survey, survey
from plimsoll.pipeline.tasks import Task
from plimsoll.project.code import project_files
from plimsoll.project.entities import ExecutorName, Project
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.git import Commit, read_commit
from plimsoll.project.patch import make_patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run comes from that nobody begins on the code in front of them."""

    run: str
    """The id that it gets."""
    commit: Commit
    """What git says about the code, which lies in no repository now."""
    because: str
    owners: tuple[str, ...]
    patch: str = ""
    """Digest of what made the commit's files those that run; empty when they were the same."""


def plan(
    context: Context, project: Project, *, versions: Mapping[str, DataVersion], params: Mapping[str, Any]
) -> tuple[PlannedStep, ...]:
    """For every step `cached`, or why it will run; runs nothing and changes nothing.

    params: values that replace those of the project file.
    Raises CodeInvalid, GraphInvalid, UnknownParam, ParamUnsupported.
    """
    ground = survey(project, context.workspace, versions=versions, params=params)
    return planned(_foresee(context, ground, _earlier(context)))


def execute(
    context: Context,
    project: Project,
    *,
    versions: Mapping[str, DataVersion],
    params: Mapping[str, Any],
    origin: Origin | None = None,
    executor: ExecutorName | None = None,
) -> Run:
    """Run what is not cached and record everything as it happens; returns the finished run.

    origin: None for code that somebody works on, in the repository around the workspace.
    executor: instead of the one that the project file names.
    Steps that an interrupted run finished are cached. Raises what `plan` raises before anything is recorded;
    also what the executor raises that cannot be had or has no room for a step;
    StepFailed and CodeNotImportable after the run is recorded as failed.
    """
    ground = survey(project, context.workspace, versions=versions, params=params)
    _close_dead_runs(context)
    earlier = _earlier(context)
    prospects = _foresee(context, ground, earlier)
    run = _new_run(context, ground, origin)
    journal = RunJournal(context, ground, run, earlier)
    missing = [prospect.step for prospect in prospects if prospect.outputs is None]
    with _under_way(run.id), told(context, project, run) as tracked:
        if not missing:
            return _execute(context, ground, run, prospects, journal, executor=None)
        there = _ground(context, ground, run, missing, tracked)
        with open_executor(executor or project.pipeline.executor, there) as opened:
            opened.require(missing)
            return _execute(context, ground, run, prospects, journal, executor=opened)


def _execute(
    context: Context,
    ground: Survey,
    run: Run,
    prospects: tuple[Prospect, ...],
    journal: RunJournal,
    *,
    executor: Executor | None,
) -> Run:
    journal.begin(prospects)
    if executor is None:
        context.progress(
            Progress(task="run", message="everything is cached", done=len(prospects), total=len(prospects))
        )
        return get_run(context, run.id)
    try:
        try:
            failure = _carry_out(context, ground, run, prospects, journal, executor)
        finally:
            executor.close()  # before its folders go
    except BaseException as error:
        journal.end(_state_after(error), error=str(error) or type(error).__name__)
        raise
    finally:
        shutil.rmtree(scratch_of(context, run.id), ignore_errors=True)
    if failure is not None:
        problem = error_of(failure, entry=ground.code.entry, run=run.id, import_log=log_of(context, run, "import"))
        journal.end(RunState.FAILED, error=str(problem))
        raise problem
    journal.end(RunState.DONE)
    return get_run(context, run.id)


def _state_after(error: BaseException) -> RunState:
    """What a run is that was left by an exception."""
    match error:
        case RunCancelled():
            return RunState.CANCELLED
        case KeyboardInterrupt() | SystemExit():
            return RunState.INTERRUPTED
        case _:
            return RunState.FAILED


def _foresee(context: Context, ground: Survey, earlier: Mapping[str, Earlier]) -> tuple[Prospect, ...]:
    return foresee(
        ground.graph,
        ground.basis,
        find=finder(context),
        earlier=earlier,
        past=past_of(context, ground),
    )


def _earlier(context: Context) -> dict[str, Earlier]:
    with context.database.read() as transaction:
        return store.earlier_steps(transaction, project=context.project)


def _new_run(context: Context, ground: Survey, origin: Origin | None) -> Run:
    root, now = context.workspace.root, context.clock.now()
    commit = origin.commit if origin else read_commit(root)
    files = project_files(root, ground.project.code)
    names = {path.relative_to(root.resolve()).as_posix(): path for path in files}
    return Run(
        id=origin.run if origin else new_id("run", at=now),
        project=context.project,
        state=RunState.RUNNING,
        created_by=context.caller.name,
        started_at=to_text(now),
        commit=commit.commit,
        commit_author=commit.author_email,
        dirty=commit.dirty,
        code_digest=context.artifacts.put_files({**names, PROJECT_FILE: context.workspace.project_file}),
        lock_digest=context.artifacts.put_bytes(ground.lock.encode()),
        params=ground.basis.params,
        data=ground.basis.data,
        because=origin.because if origin else "",
        owners=origin.owners if origin else (),
        patch=origin.patch if origin else _patch(context, commit),
    )


def _patch(context: Context, commit: Commit) -> str:
    """The digest of what makes the commit's files those that run; empty when they are the same, or no commit is there."""
    if not (commit.commit and commit.dirty):
        return ""
    return context.artifacts.put_bytes(make_patch(context.workspace.root))


def _carry_out(
    context: Context,
    ground: Survey,
    run: Run,
    prospects: tuple[Prospect, ...],
    journal: RunJournal,
    executor: Executor,
) -> Failure | None:
    cached = {prospect.step.name: prospect.outputs for prospect in prospects if prospect.outputs is not None}
    total = len(prospects)

    def tell(message: str, done: int) -> None:
        context.progress(Progress(task="run", message=message, done=done, total=total))

    def warn(message: str, done: int) -> None:
        context.progress(Progress(task="run", message=message, done=done, total=total, stays=True))

    def job_of(task: Task, outputs: Mapping[str, str], attempt: int) -> Job:
        scratch = scratch_of(context, run.id) / task.name / str(attempt)
        scratch.mkdir(parents=True)
        journal.scratch[task.name] = scratch
        return Job(
            step=task.name,
            key=task.key,
            work=ground.work(task, outputs, code_tree=run.code_digest),
            scratch=scratch,
            log=log_of(context, run, task.step.name),
            cpu=task.step.cpu,
            memory=task.step.memory,
            gpu=task.step.gpu,
        )

    def check() -> None:
        try:
            with context.database.read() as transaction:
                person = store.cancelled_by(transaction, run=run.id)
        except LedgerUnavailable:  # a long step outlives an outage; whoever cancels waits for the ledger, too
            return
        if person:
            raise RunCancelled(run=run.id, person=person)

    if cached:
        tell(f"{len(cached)} of {total} steps are cached", len(cached))
    return Engine(
        graph=ground.graph,
        basis=ground.basis,
        outputs={name: digest for outputs in cached.values() for name, digest in outputs.items()},
        finished=tuple(cached),
        job_of=job_of,
        executor=executor,
        journal=journal,
        tell=tell,
        check=check,
        warn=warn,
    ).run()


def _ground(context: Context, ground: Survey, run: Run, missing: Sequence[Step], tracked: Tracked | None) -> Ground:
    declared = {name for step in ground.graph.steps for name in step.env}
    surroundings = _surroundings(context, ground, run, missing)
    if tracked is not None:
        surroundings = replace(surroundings, environ=tracked.environ, around=tracked.around)
    return Ground(
        surroundings=surroundings,
        code_tree=run.code_digest,
        entry=ground.code.entry,
        env={name: os.environ[name] for name in sorted(declared) if name in os.environ},
    )


def _surroundings(context: Context, ground: Survey, run: Run, missing: Sequence[Step]) -> Surroundings:
    preload: dict[str, None] = {}
    if any(name in ground.versions for step in missing for name in ground.graph.inputs[step.name]):
        preload |= dict.fromkeys(("plimsoll.data.frames", "plimsoll.pipeline.codecs.frames"))
    if any(step.built_in for step in missing):
        preload["plimsoll.bundle.build"] = None
    return Surroundings(
        root=ground.code.root,
        import_roots=ground.code.import_roots,
        module=ground.code.module,
        artifacts=context.artifacts.root,
        preload=tuple(preload),
        log=log_of(context, run, "import"),
    )


_UNDER_WAY: set[str] = set()
"""Runs that this process carries out now."""


_ABANDONED = "the ledger was not there to record its end"


@contextmanager
def _under_way(run: str) -> Iterator[None]:
    _UNDER_WAY.add(run)
    try:
        yield
    finally:
        _UNDER_WAY.discard(run)


def _close_dead_runs(context: Context) -> None:
    """Mark runs `interrupted` that nobody carries on, and remove what they left half-done.

    Their process is gone, or it is this one and could not record their end, since the ledger was away.
    """
    with context.database.read() as transaction:
        open_runs = store.open_runs(transaction, project=context.project)
    for run, process in open_runs.items():
        abandoned = process == this_process() and run not in _UNDER_WAY
        if is_dead(process) or abandoned:
            with context.database.write() as transaction:
                close_run(
                    context,
                    transaction,
                    run,
                    RunState.INTERRUPTED,
                    scorer=None,
                    error=_ABANDONED if abandoned else "its process ended",
                )
            shutil.rmtree(scratch_of(context, run), ignore_errors=True)
