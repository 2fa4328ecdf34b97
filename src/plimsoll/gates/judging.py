"""What is judged and how: reads the holdout, finds the contenders, holds their scores against every gate.

Reached only when something is judged: it needs SciPy and DuckDB, which listing verdicts does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.bundle.spec import read_spec
from plimsoll.edge.context import Context
from plimsoll.gates.checks import check_gate
from plimsoll.gates.decide import verdict_finding
from plimsoll.gates.encoding import encode_label
from plimsoll.gates.entities import Verdict
from plimsoll.gates.errors import HoldoutMissing, HoldoutTooSmall, NothingToJudge
from plimsoll.gates.evidence import CANDIDATE, Holdout, baseline_notes, gather
from plimsoll.gates.intervals import MIN_ROWS
from plimsoll.gates.metrics import find_metric
from plimsoll.gates.ports import Champions
from plimsoll.gates.scoring import Contender, LiveIn, tree_digest
from plimsoll.gates.slices import HoldoutTable, open_holdout
from plimsoll.kernel.clock import to_text
from plimsoll.pipeline.codecs import frame_path
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Model, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Everything about one run that gates look at, apart from the scores."""

    project: Project
    run: Run
    spec: ScorerSpec
    candidate: Contender
    live: Mapping[str, Contender | None]
    """Environment -> its champion; None where a baseline stands in."""
    holdout: Holdout

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Whoever has to score the holdout."""
        return (self.candidate, *(champion for champion in self.live.values() if champion))


def open_hearing(context: Context, project: Project, run: Run, *, champions: Champions) -> Hearing:
    """Find out what is judged; nothing is scored yet.

    Raises NothingToJudge, HoldoutMissing, HoldoutTooSmall, MetricNotForTask, BadSlices, GroupMissing and the Label… errors.
    """
    model = _model(project, run)
    for gate in project.gates:
        find_metric(gate.metric, model.task)
    candidate = _candidate(context, run)
    spec = read_spec(candidate.folder)
    return Hearing(
        project=project,
        run=run,
        spec=spec,
        candidate=candidate,
        live={environment: _live(champions, project, environment) for environment in _environments(project)},
        holdout=_read_holdout(context, project, model, run, spec),
    )


def reach_verdict(context: Context, hearing: Hearing, scores: Mapping[str, Scores]) -> Verdict:
    """The verdict, still without its id. scores: by the contenders' digests. Raises BadPredictions, ChampionDiffers."""
    evidence = gather(hearing.spec, hearing.candidate, hearing.live, hearing.holdout, scores)
    checks = tuple(check for gate in hearing.project.gates for check in check_gate(gate, evidence))
    return Verdict(
        id="",
        run=hearing.run.id,
        finding=verdict_finding(checks),
        checks=checks,
        champions=tuple(reference.champion for reference in evidence.references.values()),
        holdout=hearing.holdout.digest,
        rows=len(hearing.holdout.truth),
        decided_at=to_text(context.clock.now()),
        notes=(*hearing.holdout.slicing.notes, *baseline_notes(evidence, hearing.holdout)),
    )


def open_candidate(context: Context, project: Project, run: Run) -> tuple[Contender, ScorerSpec, Holdout]:
    """A run's own model and its holdout, without anything to compare with. Raises as `open_hearing` does."""
    model = _model(project, run)
    candidate = _candidate(context, run)
    spec = read_spec(candidate.folder)
    return candidate, spec, _read_holdout(context, project, model, run, spec)


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
            groupings={name: table.group_by(name, holdout=model.holdout) for name in _groups(project)},
        )


def _groups(project: Project) -> tuple[str, ...]:
    """The columns whose groups gates draw, each once."""
    return tuple(dict.fromkeys(gate.group for gate in project.gates if gate.group is not None))


def _time_column(project: Project, model: Model, table: HoldoutTable) -> str | None:
    """The time column of the dataset that is the holdout, else of the first dataset whose time column it kept."""
    first = [project.data[model.holdout]] if model.holdout in project.data else []
    named = [dataset.time for dataset in (*first, *project.data.values()) if dataset.time in table.types]
    return named[0] if named else None
