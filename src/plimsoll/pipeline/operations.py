"""The only way to run a pipeline and to read runs: plan, execute, record as it happens, pick up what was interrupted.

`release` exposes these to people; everything here is called with a context and takes part in no other transaction.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.data.entities import DataVersion
from plimsoll.data.operations import get_version
from plimsoll.edge.context import Context, Progress
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import LedgerUnavailable, Transaction
from plimsoll.pipeline import metric_store, store
from plimsoll.pipeline.codecs import gather, read_plain
from plimsoll.pipeline.engine import Engine, Failure
from plimsoll.pipeline.entities import LogPiece, Run, RunState, StepOutcome, StepState
from plimsoll.pipeline.errors import NotAList, NotPlain, RunCancelled, RunEnded, RunMissing, StepMissing
from plimsoll.pipeline.executors.local import LocalExecutor
from plimsoll.pipeline.failures import error_of
from plimsoll.pipeline.jobs import Job, Surroundings
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.logbook import Logged, read_logged
from plimsoll.pipeline.logs import read_pieces
from plimsoll.pipeline.plan import CACHED, Earlier, Past, PlannedStep, Prospect, explain, foresee, planned
from plimsoll.pipeline.processes import is_dead, this_process
from plimsoll.pipeline.survey import Survey, survey
from plimsoll.pipeline.tasks import Task
from plimsoll.project.code import project_files
from plimsoll.project.entities import Project
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.git import Commit, read_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run comes from that nobody begins on the code in front of them."""

    run: str
    """The id that it gets."""
    commit: Commit
    """What git says about the code, which lies in no repository now."""
    because: str
    owners: tuple[str, ...]


LOG_END = 8_000
"""Bytes of a log that are shown."""


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
) -> Run:
    """Run what is not cached and record everything as it happens; returns the finished run.

    origin: None for code that somebody works on, in the repository around the workspace.
    Steps that an interrupted run finished are cached. Raises what `plan` raises before anything is recorded;
    StepFailed and CodeNotImportable after the run is recorded as failed.
    """
    ground = survey(project, context.workspace, versions=versions, params=params)
    _close_dead_runs(context)
    earlier = _earlier(context)
    prospects = _foresee(context, ground, earlier)
    run = _new_run(context, ground, origin)
    with _under_way(run.id):
        return _execute(context, ground, run, earlier, prospects)


def _execute(
    context: Context, ground: Survey, run: Run, earlier: Mapping[str, Earlier], prospects: tuple[Prospect, ...]
) -> Run:
    journal = _RunJournal(context, ground, run, earlier)
    journal.begin(prospects)
    if all(prospect.outputs is not None for prospect in prospects):
        context.progress(
            Progress(task="run", message="everything is cached", done=len(prospects), total=len(prospects))
        )
        return get_run(context, run.id)
    try:
        failure = _carry_out(context, ground, run, prospects, journal)
    except BaseException as error:
        journal.end(_state_after(error), error=str(error) or type(error).__name__)
        raise
    finally:
        shutil.rmtree(_scratch(context, run.id), ignore_errors=True)
    if failure is not None:
        problem = error_of(failure, entry=ground.code.entry, run=run.id, import_log=_log(context, run, "import"))
        journal.end(RunState.FAILED, error=str(problem))
        raise problem
    journal.end(RunState.DONE)
    return get_run(context, run.id)


def get_run(context: Context, run: str) -> Run:
    """The run of that id. Raises RunMissing."""
    with context.database.read() as transaction:
        found = store.find_run(transaction, project=context.project, run=run)
    if found is None:
        raise RunMissing(run=run, project=context.project)
    return found


def latest_run(context: Context, *, project: str, state: RunState | None = None) -> Run | None:
    """The run that began last, of those in a state when one is given."""
    with context.database.read() as transaction:
        return store.latest_run(transaction, project=project, state=state)


def list_runs(context: Context, *, project: str, limit: int = 20) -> tuple[Run, ...]:
    """The project's runs, latest first."""
    with context.database.read() as transaction:
        return store.newest_runs(transaction, project=project, limit=limit)


def data_of_runs(context: Context) -> dict[str, dict[str, str]]:
    """Run -> the data version of each dataset that it used, for every run of the project, latest first."""
    with context.database.read() as transaction:
        return store.data_of_runs(transaction, project=context.project)


def log_end(context: Context, run: Run, step: str, *, most: int = LOG_END) -> tuple[str, bool]:
    """The last bytes of what a step printed as whole lines, and whether more stands before them.

    Nothing where it printed nothing, is none of the run's steps, or ran on another machine.
    """
    if step not in {outcome.step for outcome in run.steps}:
        return "", False
    try:
        with _log(context, run, step).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most, 0))
            text = file.read(most).decode(errors="replace")
    except OSError:
        return "", False
    return (text.partition("\n")[2], True) if size > most else (text, False)


def log_pieces(context: Context, run: Run, *, step: str, seen: Mapping[str, int]) -> tuple[LogPiece, ...]:
    """What the steps printed behind what was seen, in the order of the steps; every step's when none is named.

    Only whole lines as long as the run goes on. Nothing where the steps ran on another machine. Raises StepMissing
    for a step that an ended run does not have.
    """
    going = run.state is RunState.RUNNING
    names = [outcome.step for outcome in run.steps]
    if step and not going and step not in names:
        raise StepMissing(step=step, run=run.id, steps=", ".join(names) or "none")
    pieces = read_pieces(context.workspace.logs / run.id, steps=names, seen=seen, whole_lines=going)
    return tuple(piece for piece in pieces if step in ("", piece.step))


def attach_verdict(context: Context, run: str, verdict: str) -> Run:
    """Note which verdict was reached about a run; the verdict's own event is the gates'. Raises RunMissing."""
    with context.database.write() as transaction:
        if not store.set_verdict(transaction, run=run, verdict=verdict):
            raise RunMissing(run=run, project=context.project)
    return get_run(context, run)


def cancel_run(context: Context, run: str) -> Run:
    """Ask for the end of a run that is under way; whoever carries it out ends it within a second. Raises RunEnded."""
    found = get_run(context, run)
    with context.database.write() as transaction:
        if store.ask_to_cancel(transaction, run=run, by=context.caller.name):
            record(context, transaction, action=Action.RUN_CANCELLED, subject=run, detail={})
        elif found.state is not RunState.RUNNING:
            raise RunEnded(run=run, state=str(found.state))
    return get_run(context, run)


def _state_after(error: BaseException) -> RunState:
    """What a run is that was left by an exception."""
    match error:
        case RunCancelled():
            return RunState.CANCELLED
        case KeyboardInterrupt() | SystemExit():
            return RunState.INTERRUPTED
        case _:
            return RunState.FAILED


class _RunJournal:
    """One run's page in the ledger. Everything written is durable on return."""

    def __init__(self, context: Context, ground: Survey, run: Run, earlier: Mapping[str, Earlier]) -> None:
        self._context = context
        self._ground = ground
        self._run = run
        self._earlier = earlier
        self._positions = {step.name: position for position, step in enumerate(ground.graph.steps)}
        self._outputs: dict[str, str] = {}
        self.scratch: dict[str, Path] = {}
        """Step -> the folder in which it runs, or ran last."""

    def begin(self, prospects: tuple[Prospect, ...]) -> None:
        """Record that the run begins and what is cached; a run in which all is cached ends in the same breath."""
        detail: dict[str, Any] = {
            "project": self._run.project,
            "commit": self._run.commit,
            "dirty": list(self._run.dirty),
        }
        if self._run.because:
            detail |= {"because": self._run.because, "owners": list(self._run.owners)}
        with self._context.database.write() as transaction:
            store.insert_run(transaction, self._run, process=this_process())
            self._event(transaction, Action.RUN_STARTED, detail)
            for prospect in prospects:
                if prospect.outputs is not None:
                    outcome = StepOutcome(
                        step=prospect.step.name,
                        state=StepState.CACHED,
                        key=prospect.key,
                        because=CACHED,
                        outputs=prospect.outputs,
                    )
                    self._write(transaction, outcome, prospect.parts)
            if all(prospect.outputs is not None for prospect in prospects):
                self._end(transaction, RunState.DONE, error="")

    def find(self, key: str) -> Mapping[str, str] | None:
        return _finder(self._context)(key)

    def why(self, step: str, parts: Ingredients) -> str:
        return explain(parts, self._earlier.get(step), past=_past(self._context, self._ground))

    def items(self, source: str, parts: Ingredients) -> Sequence[Any]:
        found = parts.params[source] if source in parts.params else self._stored(source, parts)
        if not isinstance(found, list):
            raise NotAList(source=source, found=f"a {type(found).__name__}")
        return found

    def _stored(self, source: str, parts: Ingredients) -> Any:
        try:
            return read_plain(self._context.artifacts, parts.inputs[source])
        except NotPlain as error:
            raise NotAList(source=source, found=str(error)) from error

    def gather(self, digests: Sequence[str]) -> str:
        return gather(self._context.artifacts, digests)

    def keep(self, task: Task, outputs: Mapping[str, str]) -> None:
        logged = read_logged(self.scratch[task.name])
        with self._context.database.write() as transaction:
            metric_store.append(transaction, run=self._run.id, source=task.name, logged=logged)
            store.remember(
                transaction,
                project=self._run.project,
                key=task.key,
                step=task.step.name,
                outputs=outputs,
                run=self._run.id,
            )

    def write(self, outcome: StepOutcome, parts: Ingredients | None) -> None:
        scratch = self.scratch.get(outcome.step)
        logged = read_logged(scratch) if scratch is not None else Logged()  # before the ledger is locked
        with self._context.database.write() as transaction:
            self._write(transaction, outcome, parts)
            metric_store.append(transaction, run=self._run.id, source=outcome.step, logged=logged)

    def end(self, state: RunState, *, error: str = "") -> None:
        with self._context.database.write() as transaction:
            self._end(transaction, state, error=error)

    def _write(self, transaction: Transaction, outcome: StepOutcome, parts: Ingredients | None) -> None:
        position = self._positions[outcome.step]
        store.write_step(transaction, run=self._run.id, position=position, outcome=outcome, parts=parts)
        if outcome.state is StepState.DONE:
            store.remember(
                transaction,
                project=self._run.project,
                key=outcome.key,
                step=outcome.step,
                outputs=outcome.outputs,
                run=self._run.id,
            )
        self._outputs.update(outcome.outputs)

    def _end(self, transaction: Transaction, state: RunState, *, error: str) -> None:
        scorer = self._outputs.get("scorer") if self._ground.project.model is not None else None
        _close(self._context, transaction, self._run.id, state, scorer=scorer, error=error)

    def _event(self, transaction: Transaction, action: Action, detail: dict[str, Any]) -> None:
        record(self._context, transaction, action=action, subject=self._run.id, detail=detail)


def _foresee(context: Context, ground: Survey, earlier: Mapping[str, Earlier]) -> tuple[Prospect, ...]:
    return foresee(
        ground.graph,
        ground.basis,
        find=_finder(context),
        earlier=earlier,
        past=_past(context, ground),
    )


def _earlier(context: Context) -> dict[str, Earlier]:
    with context.database.read() as transaction:
        return store.earlier_steps(transaction, project=context.project)


def _finder(context: Context) -> Callable[[str], Mapping[str, str] | None]:
    """Looks outputs up by cache key; outputs whose bytes are gone do not count."""

    def find(key: str) -> Mapping[str, str] | None:
        with context.database.read() as transaction:
            outputs = store.recall(transaction, project=context.project, key=key)
        if outputs is None or not all(_present(context, digest) for digest in outputs.values()):
            return None
        return outputs

    return find


def _present(context: Context, digest: str) -> bool:
    artifacts = context.artifacts
    return artifacts.has(digest) and all(artifacts.has(entry) for entry in artifacts.tree(digest).values())


def _past(context: Context, ground: Survey) -> Past:
    def lock_text(digest: str) -> str:
        if digest == ground.basis.lock:
            return ground.lock
        return context.artifacts.read_bytes(digest).decode() if context.artifacts.has(digest) else ""

    def files(dataset: str, digest: str) -> dict[str, str]:
        version = ground.versions.get(dataset)
        if version is None or version.digest != digest:
            version = get_version(context, project=context.project, dataset=dataset, digest=digest)
        return {} if version is None else {entry.path: entry.digest for entry in version.files}

    return Past(lock_text=lock_text, files=files)


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
    )


def _carry_out(
    context: Context, ground: Survey, run: Run, prospects: tuple[Prospect, ...], journal: _RunJournal
) -> Failure | None:
    cached = {prospect.step.name: prospect.outputs for prospect in prospects if prospect.outputs is not None}
    total = len(prospects)

    def tell(message: str, done: int) -> None:
        context.progress(Progress(task="run", message=message, done=done, total=total))

    def warn(message: str, done: int) -> None:
        context.progress(Progress(task="run", message=message, done=done, total=total, stays=True))

    def job_of(task: Task, outputs: Mapping[str, str], attempt: int) -> Job:
        scratch = _scratch(context, run.id) / task.name / str(attempt)
        scratch.mkdir(parents=True)
        journal.scratch[task.name] = scratch
        return Job(
            step=task.name,
            key=task.key,
            work=ground.work(task, outputs, code_tree=run.code_digest),
            scratch=scratch,
            log=_log(context, run, task.step.name),
            cpu=task.step.cpu,
            memory=task.step.memory,
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
    with LocalExecutor(_surroundings(context, ground, run, prospects)) as executor:
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


def _surroundings(context: Context, ground: Survey, run: Run, prospects: tuple[Prospect, ...]) -> Surroundings:
    missing = [prospect.step for prospect in prospects if prospect.outputs is None]
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
        log=_log(context, run, "import"),
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
                _close(
                    context,
                    transaction,
                    run,
                    RunState.INTERRUPTED,
                    scorer=None,
                    error=_ABANDONED if abandoned else "its process ended",
                )
            shutil.rmtree(_scratch(context, run), ignore_errors=True)


def _close(
    context: Context, transaction: Transaction, run: str, state: RunState, *, scorer: str | None, error: str
) -> None:
    now = to_text(context.clock.now())
    if store.end_run(transaction, run=run, state=state, ended_at=now, scorer=scorer, error=error):
        detail = {"state": str(state), "scorer": scorer or ""}
        record(context, transaction, action=Action.RUN_ENDED, subject=run, detail=detail)


def _scratch(context: Context, run: str) -> Path:
    return context.workspace.cache / "runs" / run


def _log(context: Context, run: Run, name: str) -> Path:
    return context.workspace.logs / run.id / f"{name}.log"
