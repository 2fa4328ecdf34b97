"""One run's page in the ledger, where the engine looks finished work up and writes it down; and where its files lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plimsoll.data.operations import get_version
from plimsoll.edge.context import Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.ledger.engine import Transaction
from plimsoll.pipeline import metric_store, store
from plimsoll.pipeline.codecs import gather, read_plain
from plimsoll.pipeline.entities import Run, RunState, StepOutcome, StepState
from plimsoll.pipeline.errors import NotAList, NotPlain
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.logbook import Logged, read_logged
from plimsoll.pipeline.plan import CACHED, Earlier, Past, Prospect, explain
from plimsoll.pipeline.processes import this_process
from plimsoll.pipeline.ran_on import RanOn
from plimsoll.pipeline.survey import Survey
from plimsoll.pipeline.tasks import Task


class RunJournal:
    """One run's page in the ledger. Everything written is durable on return."""

    def __init__(self, context: Context, ground: Survey, run: Run, earlier: Mapping[str, Earlier]) -> None:
        self._context = context
        self._ground = ground
        self._run = run
        self._earlier = earlier
        self._positions = {step.name: position for position, step in enumerate(ground.graph.steps)}
        self._outputs: dict[str, str] = {}
        self._ran = RanOn()
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
        cached = all(prospect.outputs is not None for prospect in prospects)
        with self._context.database.write() as transaction:
            runtime = self._runtime_behind(transaction, prospects) if cached else ""
            store.insert_run(transaction, replace(self._run, runtime=runtime), process=this_process())
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
            if cached:
                self._end(transaction, RunState.DONE, error="")

    def find(self, key: str) -> Mapping[str, str] | None:
        return finder(self._context)(key)

    def why(self, step: str, parts: Ingredients) -> str:
        return explain(parts, self._earlier.get(step), past=past_of(self._context, self._ground))

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
        self._ran.note(self.scratch[task.name])
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
        if scratch is not None:
            self._ran.note(scratch)
        with self._context.database.write() as transaction:
            self._write(transaction, outcome, parts)
            metric_store.append(transaction, run=self._run.id, source=outcome.step, logged=logged)

    def end(self, state: RunState, *, error: str = "") -> None:
        runtime = self._ran.keep(self._context)
        with self._context.database.write() as transaction:
            store.set_runtime(transaction, run=self._run.id, runtime=runtime)
            self._end(transaction, state, error=error)

    def _runtime_behind(self, transaction: Transaction, prospects: tuple[Prospect, ...]) -> str:
        return store.runtime_behind(transaction, project=self._run.project, key=prospects[-1].key) if prospects else ""

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
        close_run(self._context, transaction, self._run.id, state, scorer=scorer, error=error)

    def _event(self, transaction: Transaction, action: Action, detail: dict[str, Any]) -> None:
        record(self._context, transaction, action=action, subject=self._run.id, detail=detail)


def finder(context: Context) -> Callable[[str], Mapping[str, str] | None]:
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


def past_of(context: Context, ground: Survey) -> Past:
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


def close_run(
    context: Context, transaction: Transaction, run: str, state: RunState, *, scorer: str | None, error: str
) -> None:
    now = to_text(context.clock.now())
    if store.end_run(transaction, run=run, state=state, ended_at=now, scorer=scorer, error=error):
        detail = {"state": str(state), "scorer": scorer or ""}
        record(context, transaction, action=Action.RUN_ENDED, subject=run, detail=detail)


def scratch_of(context: Context, run: str) -> Path:
    return context.workspace.cache / "runs" / run


def log_of(context: Context, run: Run, name: str) -> Path:
    return context.workspace.logs / run.id / f"{name}.log"
