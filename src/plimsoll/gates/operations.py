"""Judging a run: score the holdout with candidate and champions, hold the scores against the gates, keep the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.bundle.spec import read_spec
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.gates import store
from plimsoll.gates.checks import check_gate
from plimsoll.gates.decide import verdict_finding
from plimsoll.gates.encoding import encode_label
from plimsoll.gates.entities import Verdict
from plimsoll.gates.errors import HoldoutMissing, HoldoutTooSmall, NothingToJudge, VerdictMissing
from plimsoll.gates.evidence import CANDIDATE, Holdout, baseline_notes, gather
from plimsoll.gates.intervals import MIN_ROWS
from plimsoll.gates.metrics import find_metric
from plimsoll.gates.ports import Champions
from plimsoll.gates.scoring import Contender, LiveIn, keep_scores, read_scores, score_all, tree_digest
from plimsoll.gates.slices import HoldoutTable, open_holdout
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.hashing import digest_json
from plimsoll.pipeline.codecs import frame_path
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Model, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictName:
    """A verdict's id."""

    verdict: str


def judge(context: Context, project: Project, run: Run, *, champions: Champions) -> Verdict:
    """Hold a run's model against every gate of the project and keep the verdict, with its audit event.

    Raises NothingToJudge, HoldoutMissing, HoldoutTooSmall, MetricNotForTask, BadSlices, the Label… errors,
    BadPredictions, ChampionDiffers, and what scoring raises. Then there is no verdict.
    """
    model = _model(project, run)
    for gate in project.gates:
        find_metric(gate.metric, model.task)
    candidate = _candidate(context, run)
    spec = read_spec(candidate.folder)
    holdout = _read_holdout(context, project, model, run, spec)
    live = {environment: _live(champions, project, environment) for environment in _environments(project)}
    contenders = [candidate, *(champion for champion in live.values() if champion)]
    scores = _scores(context, contenders, holdout=holdout.digest)
    evidence = gather(spec, candidate, live, holdout, scores)
    context.progress(Progress(task="gates", message=f"{len(project.gates)} gates on {len(holdout.truth):,} rows"))
    checks = tuple(check for gate in project.gates for check in check_gate(gate, evidence))
    verdict = Verdict(
        id="",
        run=run.id,
        finding=verdict_finding(checks),
        checks=checks,
        champions=tuple(reference.champion for reference in evidence.references.values()),
        holdout=holdout.digest,
        rows=len(holdout.truth),
        decided_at=to_text(context.clock.now()),
        notes=(*holdout.slicing.notes, *baseline_notes(evidence, holdout)),
    )
    return _save(context, project, replace(verdict, id=_identity(verdict)))


def get_verdict(context: Context, verdict: str) -> Verdict:
    """The verdict of that id. Raises VerdictMissing."""
    with context.database.read() as transaction:
        found = store.find(transaction, verdict=verdict)
    if found is None:
        raise VerdictMissing(verdict=verdict)
    return found


@operation("verdicts.show", "GET", "/verdicts/{verdict}", role=Role.VIEWER, request=VerdictName, response=Verdict)
def show_verdict(context: Context, request: VerdictName) -> Verdict:
    """A verdict with every check and its evidence."""
    return get_verdict(context, request.verdict)


def _model(project: Project, run: Run) -> Model:
    if project.model is None:
        raise NothingToJudge(run=run.id, problem="the project has no model")
    if not project.gates:
        raise NothingToJudge(run=run.id, problem="the project has no gates")
    if run.scorer is None:
        raise NothingToJudge(run=run.id, problem="the run made no scorer")
    return project.model


def _candidate(context: Context, run: Run) -> Contender:
    digest = str(run.scorer)
    folder = context.artifacts.unpack(digest, context.workspace.cache / "scorers" / digest)
    return Contender(folder=folder, digest=digest, name=CANDIDATE)


def _environments(project: Project) -> tuple[str, ...]:
    """The environments that gates compare with, each once, in the order of the gates."""
    return tuple(dict.fromkeys(gate.against for gate in project.gates if gate.against is not None))


def _live(champions: Champions, project: Project, environment: str) -> Contender | None:
    found = champions.champion(project=project.project, environment=environment)
    if found is None:
        return None
    return Contender(
        folder=found.scorer,
        digest=tree_digest(found.scorer),
        name=found.name,
        live=LiveIn(environment=environment, release=found.digest),
    )


def _read_holdout(context: Context, project: Project, model: Model, run: Run, spec: ScorerSpec) -> Holdout:
    outputs = run.outputs
    if model.holdout not in outputs:
        raise HoldoutMissing(run=run.id, holdout=model.holdout, known=", ".join(sorted(outputs)) or "none")
    digest = outputs[model.holdout]
    with open_holdout(frame_path(context.artifacts, digest)) as table:
        table.require_label(model.label, holdout=model.holdout)
        if table.rows < MIN_ROWS:
            raise HoldoutTooSmall(holdout=model.holdout, rows=table.rows, needed=MIN_ROWS)
        truth = encode_label(
            table.column(model.label), spec, holdout=model.holdout, label=model.label, type=table.types[model.label]
        )
        time = _time_column(project, model, table)
        return Holdout(
            digest=digest,
            truth=truth,
            slicing=table.slice_by(model.slices),
            in_time=table.order_by(time) if time else None,
            time=time,
        )


def _time_column(project: Project, model: Model, table: HoldoutTable) -> str | None:
    """The time column of the dataset that is the holdout, else of the first dataset whose time column it kept."""
    first = [project.data[model.holdout]] if model.holdout in project.data else []
    named = [dataset.time for dataset in (*first, *project.data.values()) if dataset.time in table.types]
    return named[0] if named else None


def _scores(context: Context, contenders: list[Contender], *, holdout: str) -> dict[str, Scores]:
    """Scores by scorer digest: remembered ones from the artifacts, the others asked now and remembered."""
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
