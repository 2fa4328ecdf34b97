"""Run the pipeline and judge the model; show runs with their verdicts, steps and logs."""

from __future__ import annotations

from plimsoll.artifacts.sweeping import at_work
from plimsoll.data.operations import resolve
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.gates.operations import get_verdict, judge
from plimsoll.gates.ports import Champions
from plimsoll.kernel.errors import PlimsollError
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import (
    attach_verdict,
    cancel_run,
    execute,
    get_run,
    latest_run,
    list_runs,
    log_end,
    log_pieces,
    plan,
)
from plimsoll.pipeline.plan import PlannedStep
from plimsoll.pipeline.snapshot import graph_of
from plimsoll.project.load import load_project
from plimsoll.release import store
from plimsoll.release.errors import NoFinishedRun
from plimsoll.release.progress import steps_alone, steps_of
from plimsoll.release.requests import (
    Listing,
    LogsRequest,
    RunGraph,
    RunLogs,
    RunName,
    RunReport,
    RunRequest,
    RunSummary,
    StepLog,
    StepLogRequest,
)


@operation("runs.create", "POST", "/runs", role=Role.DEVELOPER, request=RunRequest, response=RunReport)
def create_run(context: Context, request: RunRequest) -> RunReport:
    """Run the project's pipeline on its data as it is now, then hold the model against the gates."""
    project = load_project(context.workspace.project_file)
    with at_work(context.artifacts):
        versions = resolve(context, project, root=context.workspace.root, rehash=request.rehash)
        run = execute(context, project, versions=versions, params=request.params, executor=request.executor)
        if project.model is None or not project.gates:
            return RunReport(run=run, verdict=None)
        context.progress(Progress(task="gates", message="judging the candidate"))
        verdict = judge(context, project, run, champions=champions_of(context))
        return RunReport(run=attach_verdict(context, run.id, verdict.id), verdict=verdict)


@operation("runs.plan", "POST", "/runs/plan", role=Role.VIEWER, request=RunRequest, response=tuple[PlannedStep, ...])
def plan_run(context: Context, request: RunRequest) -> tuple[PlannedStep, ...]:
    """Say for every step whether it is cached or why it will run, without running anything."""
    project = load_project(context.workspace.project_file)
    with at_work(context.artifacts):
        versions = resolve(context, project, root=context.workspace.root, rehash=request.rehash)
        return plan(context, project, versions=versions, params=request.params)


@operation("runs.show", "GET", "/runs/{run}", role=Role.VIEWER, request=RunName, response=RunReport)
def show_run(context: Context, request: RunName) -> RunReport:
    """A run with its steps and its verdict."""
    run = run_named(context, request.run)
    return RunReport(run=run, verdict=get_verdict(context, run.verdict) if run.verdict else None)


@operation("runs.cancel", "POST", "/runs/{run}/cancel", role=Role.DEVELOPER, request=RunName, response=Run)
def cancel(context: Context, request: RunName) -> Run:
    """End a run that is under way; its finished steps are kept. `latest` is the one that began last."""
    return cancel_run(context, _begun(context, request.run).id)


@operation("runs.list", "GET", "/runs", role=Role.VIEWER, request=Listing, response=tuple[RunSummary, ...])
def list_run_summaries(context: Context, request: Listing) -> tuple[RunSummary, ...]:
    """The project's runs, latest first."""
    return tuple(_summary(context, run) for run in list_runs(context, project=context.project, limit=request.limit))


@operation("runs.graph", "GET", "/runs/{run}/graph", role=Role.VIEWER, request=RunName, response=RunGraph)
def show_graph(context: Context, request: RunName) -> RunGraph:
    """A run's steps with what each needs, read from the code as it was, and what became of each."""
    run = run_named(context, request.run)
    try:
        graph = graph_of(context, run)
    except PlimsollError as error:
        return RunGraph(run=run.id, steps=steps_alone(run), problem=f"{error.code}: {error}")
    return RunGraph(run=run.id, steps=steps_of(run, graph), problem="")


@operation(
    "runs.log", "GET", "/runs/{run}/steps/{step}/log", role=Role.VIEWER, request=StepLogRequest, response=StepLog
)
def show_log(context: Context, request: StepLogRequest) -> StepLog:
    """The end of what a step of a run printed, where its process ran on this machine."""
    run = run_named(context, request.run)
    text, cut = log_end(context, run, request.step)
    return StepLog(run=run.id, step=request.step, text=text, cut=cut)


@operation("runs.logs", "POST", "/runs/{run}/logs", role=Role.VIEWER, request=LogsRequest, response=RunLogs)
def read_logs(context: Context, request: LogsRequest) -> RunLogs:
    """The next pieces of what a run's steps printed, where they ran on this machine."""
    run = _begun(context, request.run)
    pieces = log_pieces(context, run, step=request.step, seen=request.seen)
    return RunLogs(run=run.id, state=run.state, pieces=pieces)


def run_named(context: Context, run: str) -> Run:
    """The run of that id, or as `latest` the one that finished last. Raises RunMissing, NoFinishedRun."""
    if run != "latest":
        return get_run(context, run)
    found = latest_run(context, project=context.project, state=RunState.DONE)
    if found is None:
        raise NoFinishedRun(project=context.project)
    return found


def champions_of(context: Context) -> Champions:
    """Who is live where."""
    champions: Champions = context.plugin("champions", "ledger")
    return champions


def _begun(context: Context, name: str) -> Run:
    """The run of that id, or as `latest` the one that began last, whatever became of it. Raises RunMissing."""
    run = latest_run(context, project=context.project) if name == "latest" else get_run(context, name)
    if run is None:
        raise RunMissing(run=name, project=context.project)
    return run


def _summary(context: Context, run: Run) -> RunSummary:
    with context.database.read() as transaction:
        release = store.of_run(transaction, run=run.id)
    finding = str(get_verdict(context, run.verdict).finding) if run.verdict else None
    return RunSummary(run=run, finding=finding, release=release.name if release else None)
