"""Makes a release's model again and gathers the evidence: restore, run, compare; score and vary seeds when needed.

Reached only when something is reproduced. Nothing is recorded here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.scores import load_scores
from plimsoll.data.entities import DataVersion
from plimsoll.data.operations import get_version
from plimsoll.edge.context import Context, Progress
from plimsoll.gates.operations import get_verdict
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.ids import new_id
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.operations import get_run, ingredients_of
from plimsoll.pipeline.plan import Past
from plimsoll.pipeline.ran_on import read_record
from plimsoll.pipeline.snapshot import project_of
from plimsoll.project.machine import as_recorded
from plimsoll.project.runtime_record import RuntimeRecord, runtime_changes
from plimsoll.release.entities import Release
from plimsoll.release.errors import InputLost
from plimsoll.release.ports import Runtimes
from plimsoll.release.reproduced_scores import UnlikeScores, compare_scores
from plimsoll.release.reproduction import (
    Evidence,
    Predictions,
    Reproduction,
    SeedRun,
    Spread,
    StepRecord,
    judge,
    match_steps,
    other_seeds,
    seeds_in,
    spread_of,
)
from plimsoll.release.rerun import Bench, open_bench

NOT_RECORDED = "the release's run kept no record of its machine"


def reproduce(context: Context, release: Release, *, seeds: int, here: bool) -> Reproduction:
    """Run the release's code on its data in its runtime, without the cache, and hold the outcome against the release.

    seeds: how many runs with other seeds are made when neither the model nor its predictions are the same; fewer than 2: none.
    here: run in this interpreter, whatever the release's lock says.
    Raises InputLost, NotRepeatable, and what says why a runtime cannot be made.
    """
    run = get_run(context, release.run)
    python = Path(sys.executable) if here else _python(context, release, run)
    identity = new_id("reproduction", at=context.clock.now())
    with open_bench(context.workspace.cache / "reproduce", name=identity, release=release.name) as bench:
        work = _Work(
            context=context,
            release=release,
            run=run,
            bench=bench,
            python=python,
            versions=_restore(context, release, run, bench),
            environment=_environment(read_record(context.artifacts, run.runtime)),
        )
        began = time.monotonic()
        answer = work.repeat("again", run.params, metrics=False)
        seconds = round(time.monotonic() - began, 3)
        evidence = _gather(work, answer, seeds=seeds)
        found = judge(evidence)
        return Reproduction(
            id=identity,
            release=release.name,
            digest=release.digest,
            run=run.id,
            grade=found.grade,
            because=found.because,
            difference=found.difference,
            evidence=evidence,
            runtime="here" if here else "its own",
            surroundings=_surroundings(context, run, bench, answer),
            record=_kept_record(context, bench, answer),
            seconds=seconds,
            created_by=context.caller.name,
            created_at=to_text(context.clock.now()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One reproduction under way."""

    context: Context
    release: Release
    run: Run
    bench: Bench
    python: Path
    versions: Mapping[str, DataVersion]
    environment: Mapping[str, str]

    def repeat(self, name: str, params: Mapping[str, Any], *, metrics: bool) -> dict[str, Any]:
        """Make the run again, from nothing; see `rerun_process.py` for the answer."""
        request = {
            "do": "run",
            "versions": {dataset: asdict(version) for dataset, version in self.versions.items()},
            "params": dict(params),
            "commit": {
                "commit": self.run.commit,
                "author_email": self.run.commit_author,
                "dirty": list(self.run.dirty),
            },
            "because": f"{self.release.name} is reproduced",
            "metrics": metrics,
        }
        return self._ask(name, request)

    def measure(self, name: str, scorer: str) -> dict[str, Any]:
        """Hold a scorer against the release's own holdout; its scores lie in `scores_of(name)` then."""
        model = project_of(self.bench.code).model
        assert model is not None, "the release has a scorer"
        request = {
            "do": "measure",
            "scorer": scorer,
            "holdout": self.holdout,
            "holdout_name": model.holdout,
            "scores": str(self.scores_of(name)),
        }
        return self._ask(name, request)

    @property
    def holdout(self) -> str:
        return get_verdict(self.context, self.release.verdict).holdout

    def scores_of(self, name: str) -> Path:
        return self.bench.folder / f"{name}.npz"

    def _ask(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        common = {
            "state": str(self.bench.folder / name),
            "project": self.release.project,
            "caller": self.context.caller.name,
            "run": new_id("run", at=self.context.clock.now()),
        }

        def told(said: Mapping[str, Any]) -> None:
            message = f"{name}: {said['message']}"
            self.context.progress(
                Progress(task="reproduce", message=message, done=said["done"], total=said["total"], stays=said["stays"])
            )

        return self.bench.ask(self.python, {**common, **request}, name=name, environment=self.environment, told=told)


def _python(context: Context, release: Release, run: Run) -> Path:
    runtimes: Runtimes = context.plugin("runtimes", "uv")
    if not context.artifacts.has(run.lock_digest):
        raise _lost(context, release, [f"the lock of its packages is gone ({run.lock_digest})"], [run.lock_digest])

    def say(message: str) -> None:
        context.progress(Progress(task="reproduce", message=message))

    return runtimes.python_of(context.artifacts.read_bytes(run.lock_digest).decode(), release=release.name, say=say)


def _restore(context: Context, release: Release, run: Run, bench: Bench) -> dict[str, DataVersion]:
    """Lay out the code and make the data usable. Raises InputLost, naming everything that is not as it was."""
    context.progress(Progress(task="reproduce", message="checking code and data"))
    listing, lost = [], dict[str, str]()
    for digest, how in bench.bring_tree(context.artifacts, run.code_digest).items():
        listing.append(f"a file of its code is {how} ({digest})")
        lost[digest] = how
    versions = {}
    for name, digest in sorted(run.data.items()):
        version = get_version(context, project=release.project, dataset=name, digest=digest)
        if version is None:
            listing.append(f"the ledger does not know the data version {name}@{digest[:12]}")
            continue
        versions[name] = version
        missing = bench.bring(context.artifacts, [entry.digest for entry in version.files])
        listing += [
            f"{entry.path} of the data version {name}@{digest[:12]} is {missing[entry.digest]} "
            f"({entry.size:,} bytes, SHA-256 {entry.digest})"
            for entry in version.files
            if entry.digest in missing
        ]
        lost |= missing
    if listing:
        raise _lost(context, release, listing, lost)
    bench.artifacts.unpack(run.code_digest, bench.code)
    return versions


def _lost(context: Context, release: Release, listing: Iterable[str], digests: Iterable[str]) -> InputLost:
    places = [str(context.artifacts.root / digest[:2] / digest[2:]) for digest in digests]
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    cure = "Only a ledger that recorded it can tell what it was."
    if places:
        cure = (
            f"Copy {shown} from a backup or another workspace; or remove what lies there, put a data file of that "
            "SHA-256 back where the project file looks for it, and run `plimsoll run --rehash`."
        )
    return InputLost(release=release.name, listing="; ".join(listing), cure=cure)


def _environment(record: RuntimeRecord | None) -> dict[str, str]:
    return dict(os.environ) if record is None else as_recorded(os.environ, record.variables)


def _gather(work: _Work, answer: Mapping[str, Any], *, seeds: int) -> Evidence:
    released, again = str(work.run.scorer), answer["scorer"]
    steps = match_steps(_recorded(work), _repeated(answer), past=_past(work))
    if answer["problem"] or again is None or again == released:
        return Evidence(released=released, again=again, steps=steps, problem=answer["problem"])
    lost = work.bench.bring_tree(work.context.artifacts, released)
    lost |= work.bench.bring_tree(work.context.artifacts, work.holdout)
    if lost:
        listing = [f"a file of its scorer or its holdout is {how} ({digest})" for digest, how in lost.items()]
        raise _lost(work.context, work.release, listing, lost)
    first, second = work.measure("released", released), work.measure("reproduced", again)
    predictions, unscored = _predictions(work, first, second)
    spread = None
    if seeds > 1 and "metrics" in first and not (predictions and not predictions.differing):
        spread = _spread(work, first["metrics"], count=seeds)
    return Evidence(
        released=released, again=again, steps=steps, predictions=predictions, unscored=unscored, spread=spread
    )


def _predictions(work: _Work, first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Predictions | None, str]:
    for whose, answer in (("the release's", first), ("the second", second)):
        if "error" in answer:
            return None, f"{whose} model cannot answer the holdout: {answer['error']['text']}"
    try:
        return compare_scores(load_scores(work.scores_of("released")), load_scores(work.scores_of("reproduced"))), ""
    except UnlikeScores as error:
        return None, str(error)


def _spread(work: _Work, released: Mapping[str, float], *, count: int) -> Spread:
    seeds = seeds_in(work.run.params)
    runs = []
    for number in range(1, count + 1):
        own = other_seeds(seeds, number=number)
        answer = work.repeat(f"seed-{number}", {**work.run.params, **own}, metrics=True)
        if "error" not in answer and not answer["problem"]:
            runs.append(SeedRun(params=own, metrics=answer["metrics"]))
    note = f"other {', '.join(seeds)}" if seeds else "no parameter is a seed, so they differ by what is left to chance"
    if len(runs) < count:
        note += f"; {count - len(runs)} of {count} failed"
    return spread_of(released, runs, note=note) if len(runs) > 1 else Spread(runs=tuple(runs), metrics=(), note=note)


def _recorded(work: _Work) -> list[StepRecord]:
    parts = ingredients_of(work.context, work.run)
    return [StepRecord(step=one.step, parts=parts[one.step], outputs=one.outputs) for one in work.run.steps]


def _repeated(answer: Mapping[str, Any]) -> list[StepRecord]:
    return [
        StepRecord(**{**page, "parts": Ingredients(**{**page["parts"], "outputs": tuple(page["parts"]["outputs"])})})
        for page in answer["steps"]
    ]


def _past(work: _Work) -> Past:
    def lock_text(digest: str) -> str:
        return next(
            (
                store.read_bytes(digest).decode()
                for store in (work.context.artifacts, work.bench.artifacts)
                if store.has(digest)
            ),
            "",
        )

    return Past(lock_text=lock_text, files=lambda _dataset, _digest: {})


def _surroundings(context: Context, run: Run, bench: Bench, answer: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = read_record(context.artifacts, run.runtime), read_record(bench.artifacts, answer["runtime"])
    if before is None or after is None:
        return (NOT_RECORDED,)
    return runtime_changes(before, after)


def _kept_record(context: Context, bench: Bench, answer: Mapping[str, Any]) -> str:
    return _copy(bench.artifacts, context.artifacts, answer["runtime"])


def _copy(source: FolderStore, target: FolderStore, digest: str) -> str:
    return target.put_bytes(source.read_bytes(digest)) if source.has(digest) else ""
