"""Begin a sweep, or carry one on: settle what is tried and on what ground, then let the trials run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from plimsoll.artifacts.sweeping import at_work
from plimsoll.data.entities import DataVersion
from plimsoll.data.operations import resolve
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.extras import require
from plimsoll.kernel.hashing import digest_json
from plimsoll.kernel.ids import new_id
from plimsoll.kernel.nearest import nearest
from plimsoll.pipeline.processes import this_process
from plimsoll.pipeline.survey import Survey, survey
from plimsoll.project.entities import Project, SweepSettings
from plimsoll.project.load import load_project
from plimsoll.project.problems import Problem, place
from plimsoll.project.sweep_rules import setting_breaches
from plimsoll.sweep import store
from plimsoll.sweep.entities import Ground, Plan, Sweep, SweepState
from plimsoll.sweep.errors import GroundChanged, SweepCancelled, SweepEnded, SweepInvalid, SweepUnderWay
from plimsoll.sweep.operations.asking import CARRIED, get_sweep, report
from plimsoll.sweep.operations.trials import Trials
from plimsoll.sweep.requests import SweepName, SweepReport, SweepRequest
from plimsoll.sweep.search import grid_size, params_of, space_of
from plimsoll.sweep.sharing import reach_of

USUAL_TRIALS = 20


@operation("sweeps.create", "POST", "/sweeps", role=Role.DEVELOPER, request=SweepRequest, response=SweepReport)
def create_sweep(context: Context, request: SweepRequest) -> SweepReport:
    """Run the pipeline with many parameters and rank the runs by a metric that they log."""
    with at_work(context.artifacts):
        return _create(context, request)


def _create(context: Context, request: SweepRequest) -> SweepReport:
    project = load_project(context.workspace.project_file)
    plan = _plan(request, project.sweep)
    if plan.method == "optuna":
        require("optuna")
    versions = resolve(context, project, root=context.workspace.root)
    surveyed = survey(project, context.workspace, versions=versions, params=params_of(plan, (), 0))
    now = context.clock.now()
    sweep = Sweep(
        id=new_id("sweep", at=now),
        project=context.project,
        state=SweepState.RUNNING,
        created_by=context.caller.name,
        started_at=to_text(now),
        plan=plan,
        ground=_ground(surveyed, plan),
    )
    detail = {"goal": f"{plan.direction} {plan.metric}", "method": plan.method, "trials": plan.trials}
    with _carried(sweep.id):
        with context.database.write() as transaction:
            store.insert(transaction, sweep, process=this_process())
            record(context, transaction, action=Action.SWEEP_STARTED, subject=sweep.id, detail=detail)
        return _carry_out(context, sweep, project, versions, surveyed)


@operation(
    "sweeps.resume", "POST", "/sweeps/{sweep}/resume", role=Role.DEVELOPER, request=SweepName, response=SweepReport
)
def resume_sweep(context: Context, request: SweepName) -> SweepReport:
    """Go on with a sweep that was killed, cancelled or given up; trials that have ended are not done again."""
    with at_work(context.artifacts):
        return _resume(context, request)


def _resume(context: Context, request: SweepName) -> SweepReport:
    sweep, before = get_sweep(context, request.sweep)
    if sweep.state is SweepState.RUNNING:
        raise SweepUnderWay(sweep=sweep.id)
    if sweep.state is SweepState.DONE:
        raise SweepEnded(sweep=sweep.id, state=str(sweep.state))
    project = load_project(context.workspace.project_file)
    versions = resolve(context, project, root=context.workspace.root)
    params = {**sweep.ground.params, **params_of(sweep.plan, sweep.trials, 0)}
    surveyed = survey(project, context.workspace, versions=versions, params=params)
    require_ground(sweep, surveyed)
    recorded = SweepState.RUNNING if sweep.state is SweepState.INTERRUPTED and not sweep.ended_at else sweep.state
    with _carried(sweep.id):
        with context.database.write() as transaction:
            taken = store.take(transaction, sweep=sweep.id, process=this_process(), before=before, state=recorded)
            if not taken:
                raise SweepUnderWay(sweep=sweep.id)
            record(context, transaction, action=Action.SWEEP_STARTED, subject=sweep.id, detail={"resumed": True})
        return _carry_out(context, replace(sweep, state=SweepState.RUNNING), project, versions, surveyed)


def require_ground(sweep: Sweep, surveyed: Survey) -> None:
    """Raises GroundChanged unless code, data, packages and the other parameters are what the sweep began on."""
    was, now = asdict(sweep.ground), asdict(_ground(surveyed, sweep.plan))
    words = {
        "code": "the code of the steps",
        "data": "the data",
        "lock": "the installed packages",
        "rest": "the steps' settings or environment variables",
        "params": "the parameters that are not tried",
    }
    changed = [word for name, word in words.items() if was[name] != now[name]]
    if changed:
        raise GroundChanged(sweep=sweep.id, changed=" and ".join(changed))


def _plan(request: SweepRequest, settings: SweepSettings | None) -> Plan:
    """What the request and the project file say together. Raises SweepInvalid."""
    asked: dict[str, Any] = {name: value for name, value in asdict(request).items() if value is not None}
    said = {} if settings is None else asdict(settings)
    if asked.get("maximize") or asked.get("minimize"):
        said |= {"maximize": None, "minimize": None}
    if "method" in asked and asked["method"] != said.get("method"):
        said.pop("trials", None)
    merged = {**asdict(SweepSettings()), **said, **asked}
    problems = [
        Problem(
            file="sweep",
            line=0,
            where=place(breach.path),
            found=breach.found,
            expected=breach.expected,
            nearest=nearest(breach.word, breach.options),
        )
        for breach in setting_breaches(merged, ())
    ]
    if problems:
        raise SweepInvalid(problems=problems)
    size = grid_size(space_of(merged["params"])) if merged["method"] == "grid" else USUAL_TRIALS
    return Plan(
        metric=merged["maximize"] or merged["minimize"],
        direction="maximize" if merged["maximize"] else "minimize",
        step=merged["step"] or "",
        take=merged["take"],
        method=merged["method"],
        trials=merged["trials"] or size,
        seed=merged["seed"],
        jobs=merged["jobs"],
        max_failures=merged["max_failures"],
        params=merged["params"],
    )


def _ground(surveyed: Survey, plan: Plan) -> Ground:
    basis = surveyed.basis
    shapes = [[step.name, list(step.outputs), list(step.each or ())] for step in surveyed.graph.steps]
    return Ground(
        code=digest_json(basis.code),
        data=dict(basis.data),
        lock=basis.lock,
        rest=digest_json({"env": basis.env, "scorer": basis.scorer, "steps": shapes}),
        params={name: value for name, value in basis.params.items() if name not in plan.params},
    )


def _carry_out(
    context: Context, sweep: Sweep, project: Project, versions: Mapping[str, DataVersion], surveyed: Survey
) -> SweepReport:
    def check() -> None:
        """Raises when no further trial may begin."""
        now = survey(project, context.workspace, versions=versions, params=surveyed.basis.params)
        require_ground(sweep, now)

    reach = reach_of(surveyed.graph, sweep.plan.params)
    trials = Trials(context, sweep, project, versions=versions, reach=reach, check=check)
    try:
        trials.carry_out()
    except BaseException as error:
        _end(context, sweep, _state_after(error), error=str(error) or type(error).__name__)
        raise
    _end(context, sweep, SweepState.DONE, error="")
    return report(context, get_sweep(context, sweep.id)[0])


def _state_after(error: BaseException) -> SweepState:
    match error:
        case SweepCancelled():
            return SweepState.CANCELLED
        case PlimsollError():
            return SweepState.FAILED
        case _:
            return SweepState.INTERRUPTED


def _end(context: Context, sweep: Sweep, state: SweepState, *, error: str) -> None:
    now = to_text(context.clock.now())
    with context.database.write() as transaction:
        if store.end(transaction, sweep=sweep.id, process=this_process(), state=state, ended_at=now, error=error):
            record(context, transaction, action=Action.SWEEP_ENDED, subject=sweep.id, detail={"state": str(state)})


@contextmanager
def _carried(sweep: str) -> Iterator[None]:
    CARRIED.add(sweep)
    try:
        yield
    finally:
        CARRIED.discard(sweep)
