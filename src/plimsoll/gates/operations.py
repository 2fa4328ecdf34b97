"""Judging a run, with what is remembered of it: scores that need not be asked again, and the verdict for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.gates import store
from plimsoll.gates.entities import Verdict
from plimsoll.gates.errors import VerdictMissing
from plimsoll.gates.ports import Champions
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.hashing import digest_json
from plimsoll.pipeline.codecs import frame_path
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Project

if TYPE_CHECKING:
    from plimsoll.bundle.entities import ScorerSpec
    from plimsoll.bundle.scores import Scores
    from plimsoll.gates.cases import Cases
    from plimsoll.gates.scoring import Contender


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHoldout:
    """What a run's model makes of its holdout."""

    spec: ScorerSpec
    scores: Scores
    cases: Cases
    rows: Path
    """The holdout as Parquet, in the order of the scores."""
    time: str | None
    """Its column of moments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictName:
    """A verdict's id."""

    verdict: str


def judge(context: Context, project: Project, run: Run, *, champions: Champions) -> Verdict:
    """Hold a run's model against every gate of the project and keep the verdict, with its audit event.

    Raises what `open_hearing` and `reach_verdict` raise, and what scoring raises. Then there is no verdict.
    """
    from plimsoll.gates.judging import open_hearing, reach_verdict

    hearing = open_hearing(context, project, run, champions=champions)
    scores = _scores(context, hearing.contenders, holdout=hearing.holdout.digest)
    rows = f"{len(hearing.holdout.truth):,}"
    context.progress(Progress(task="gates", message=f"{len(project.gates)} gates on {rows} rows"))
    verdict = reach_verdict(context, hearing, scores)
    return _save(context, project, replace(verdict, id=_identity(verdict)))


def get_verdict(context: Context, verdict: str) -> Verdict:
    """The verdict of that id. Raises VerdictMissing."""
    with context.database.read() as transaction:
        found = store.find(transaction, verdict=verdict)
    if found is None:
        raise VerdictMissing(verdict=verdict)
    return found


def candidate_on_holdout(context: Context, project: Project, run: Run) -> OnHoldout:
    """A run's model on its holdout: what was scored for its verdict, or scored now. Raises what `judge` raises."""
    from plimsoll.gates.encoding import encode_scores
    from plimsoll.gates.evidence import CANDIDATE
    from plimsoll.gates.judging import open_candidate

    candidate, spec, holdout = open_candidate(context, project, run)
    scores = _scores(context, (candidate,), holdout=holdout.digest)[candidate.digest]
    return OnHoldout(
        spec=spec,
        scores=scores,
        cases=encode_scores(scores, holdout.truth, spec, classes=spec.classes, who=CANDIDATE),
        rows=frame_path(context.artifacts, holdout.digest),
        time=holdout.time,
    )


@operation("verdicts.show", "GET", "/verdicts/{verdict}", role=Role.VIEWER, request=VerdictName, response=Verdict)
def show_verdict(context: Context, request: VerdictName) -> Verdict:
    """A verdict with every check and its evidence."""
    return get_verdict(context, request.verdict)


def _scores(context: Context, contenders: Sequence[Contender], *, holdout: str) -> dict[str, Scores]:
    """Scores by scorer digest: remembered ones from the artifacts, the others asked now and remembered."""
    from plimsoll.gates.scoring import keep_scores, read_scores, score_all

    wanted = {contender.digest: contender for contender in contenders}
    known: dict[str, Scores] = {}
    with context.database.read() as transaction:
        for digest in wanted:
            artifact = store.find_scores(transaction, scorer=digest, holdout=holdout)
            if artifact is not None and context.artifacts.has(artifact):
                known[digest] = read_scores(context.artifacts, artifact)
    missing = {digest: contender for digest, contender in wanted.items() if digest not in known}
    if not missing:
        return known
    for contender in missing.values():
        context.progress(Progress(task="gates", message=f"scoring the holdout: {contender.name}"))
    fresh = score_all(missing, frame_path(context.artifacts, holdout))
    kept = {digest: keep_scores(context.artifacts, scores) for digest, scores in fresh.items()}
    with context.database.write() as transaction:
        for digest, artifact in kept.items():
            store.insert_scores(transaction, scorer=digest, holdout=holdout, artifact=artifact)
    return known | fresh


def _identity(verdict: Verdict) -> str:
    """The digest of everything but the id; figures were cut to twelve digits when they were made."""
    document = asdict(verdict)
    del document["id"]
    return digest_json(document)


def _save(context: Context, project: Project, verdict: Verdict) -> Verdict:
    detail = {
        "verdict": verdict.id,
        "finding": str(verdict.finding),
        "holdout": verdict.holdout,
        "checks": len(verdict.checks),
        "champions": {champion.environment: champion.release or champion.baseline for champion in verdict.champions},
    }
    with context.database.write() as transaction:
        store.insert(transaction, verdict, project=project.project)
        record(context, transaction, action=Action.VERDICT_REACHED, subject=verdict.run, detail=detail)
    return verdict
