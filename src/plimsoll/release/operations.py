"""Run, judge, release, approve: the chain from a project's code to a signed bundle that people said yes to."""

from __future__ import annotations

from typing import Any

from plimsoll.data.entities import RecordedVersion
from plimsoll.data.operations import ListData, find_recorded, list_data, resolve
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.gates.operations import get_verdict, judge
from plimsoll.gates.ports import Champions
from plimsoll.governance.entities import Action, Approval, ApprovalStanding
from plimsoll.governance.operations import approval_standing, approve, people_with_email, record, withdraw
from plimsoll.kernel.errors import PlimsollError
from plimsoll.ledger.engine import Database, Transaction
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import (
    attach_verdict,
    cancel_run,
    data_of_runs,
    execute,
    get_run,
    latest_run,
    list_runs,
    log_end,
    log_pieces,
    plan,
)
from plimsoll.pipeline.operations.metrics import LogRequest, Metrics, MetricsRequest, Received, log_to, metrics_of
from plimsoll.pipeline.plan import PlannedStep
from plimsoll.pipeline.snapshot import graph_of
from plimsoll.project.entities import Project
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release import store
from plimsoll.release.assemble import Assembly, number_and_sign, prepare
from plimsoll.release.compare import CompareRequest, Comparison, Subject, compare
from plimsoll.release.decide import require_releasable
from plimsoll.release.entities import Release, Reproduced, Trace
from plimsoll.release.errors import NoFinishedRun, NothingToRelease, NoVerdict, ReleaseMissing
from plimsoll.release.progress import steps_alone, steps_of
from plimsoll.release.requests import (
    ApprovalRequest,
    DataName,
    DataUsesRequest,
    Listing,
    LogsRequest,
    ReleaseName,
    ReleaseRequest,
    ReproduceRequest,
    RunGraph,
    RunLogs,
    RunName,
    RunReport,
    RunRequest,
    RunSummary,
    SignedReproduction,
    StepLog,
    StepLogRequest,
    TraceRequest,
    WithdrawalRequest,
)
from plimsoll.release.signed_reproduction import read_reproduction, sign_reproduction
from plimsoll.release.tracing import trace_prediction, trace_release, trace_run
from plimsoll.release.uses import UsedVersion, used_versions


@operation("runs.create", "POST", "/runs", role=Role.DEVELOPER, request=RunRequest, response=RunReport)
def create_run(context: Context, request: RunRequest) -> RunReport:
    """Run the project's pipeline on its data as it is now, then hold the model against the gates."""
    project = load_project(context.workspace.project_file)
    versions = resolve(context, project, root=context.workspace.root, rehash=request.rehash)
    run = execute(context, project, versions=versions, params=request.params)
    if project.model is None or not project.gates:
        return RunReport(run=run, verdict=None)
    context.progress(Progress(task="gates", message="judging the candidate"))
    verdict = judge(context, project, run, champions=_champions(context))
    return RunReport(run=attach_verdict(context, run.id, verdict.id), verdict=verdict)


@operation("runs.plan", "POST", "/runs/plan", role=Role.VIEWER, request=RunRequest, response=tuple[PlannedStep, ...])
def plan_run(context: Context, request: RunRequest) -> tuple[PlannedStep, ...]:
    """Say for every step whether it is cached or why it will run, without running anything."""
    project = load_project(context.workspace.project_file)
    versions = resolve(context, project, root=context.workspace.root, rehash=request.rehash)
    return plan(context, project, versions=versions, params=request.params)


@operation("runs.show", "GET", "/runs/{run}", role=Role.VIEWER, request=RunName, response=RunReport)
def show_run(context: Context, request: RunName) -> RunReport:
    """A run with its steps and its verdict."""
    run = _run(context, request.run)
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
    run = _run(context, request.run)
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
    run = _run(context, request.run)
    text, cut = log_end(context, run, request.step)
    return StepLog(run=run.id, step=request.step, text=text, cut=cut)


@operation("metrics.log", "POST", "/runs/{run}/metrics", role=Role.DEVELOPER, request=LogRequest, response=Received)
def log_metrics(context: Context, request: LogRequest) -> Received:
    """Add points and parameters to a run; they are kept under the caller's name, apart from what its steps logged."""
    return log_to(context, _run(context, request.run), request)


@operation("metrics.show", "GET", "/runs/{run}/metrics", role=Role.VIEWER, request=MetricsRequest, response=Metrics)
def show_metrics(context: Context, request: MetricsRequest) -> Metrics:
    """A run's curves, thinned for plots (each bucket's lowest and highest), with the parameters and files it logged."""
    return metrics_of(context, _run(context, request.run), metric=request.metric, most=request.most)


@operation("runs.compare", "POST", "/runs/compare", role=Role.VIEWER, request=CompareRequest, response=Comparison)
def compare_runs(context: Context, request: CompareRequest) -> Comparison:
    """Runs or releases beside each other: parameters, metrics, data, gates, code, runtime; all against the first."""
    subjects = tuple(_subject(context, name) for name in request.runs)
    return compare(context, subjects, everything=request.everything)


@operation("runs.logs", "POST", "/runs/{run}/logs", role=Role.VIEWER, request=LogsRequest, response=RunLogs)
def read_logs(context: Context, request: LogsRequest) -> RunLogs:
    """The next pieces of what a run's steps printed, where they ran on this machine."""
    run = _begun(context, request.run)
    pieces = log_pieces(context, run, step=request.step, seen=request.seen)
    return RunLogs(run=run.id, state=run.state, pieces=pieces)


@operation(
    "data.versions", "GET", "/data-versions", role=Role.VIEWER, request=DataUsesRequest,
    response=tuple[UsedVersion, ...],
)  # fmt: skip
def list_used_versions(context: Context, request: DataUsesRequest) -> tuple[UsedVersion, ...]:
    """The recorded data versions, newest first within each dataset, each with where it was used."""
    return _used(context, list_data(context, ListData(dataset=request.dataset)))


@operation("data.show", "GET", "/data-versions/{version}", role=Role.VIEWER, request=DataName, response=UsedVersion)
def show_version(context: Context, request: DataName) -> UsedVersion:
    """One data version: its files, its columns, and where it was used."""
    dataset, _, digest = request.version.partition("@")
    (found,) = _used(context, (find_recorded(context, dataset=dataset, digest=digest),))
    return found


@operation("releases.create", "POST", "/releases", role=Role.DEVELOPER, request=ReleaseRequest, response=Release)
def create_release(context: Context, request: ReleaseRequest) -> Release:
    """Freeze a passing run into a signed bundle; releasing the same run again gives the same release."""
    return freeze(context, load_project(context.workspace.project_file), request)


def freeze(context: Context, project: Project, request: ReleaseRequest) -> Release:
    """As `create_release`, by the rules of a project that may be another than the file of the workspace says."""
    run = _run(context, request.run)
    with context.database.read() as transaction:
        existing = store.of_run(transaction, run=run.id)
    if existing is not None:
        return existing
    verdict = get_verdict(context, run.verdict) if run.verdict else None
    champions = _champions(context).live(project=run.project)
    require_releasable(run, verdict, champions=champions, allow_dirty=request.allow_dirty)
    if project.model is None:
        raise NothingToRelease(run=run.id, project=run.project)
    if verdict is None:
        raise NoVerdict(run=run.id)
    with prepare(context, project, project.model, run, verdict, authors=_authors(context, run)) as assembly:
        return _number_sign_save(context, assembly)


@operation("releases.list", "GET", "/releases", role=Role.VIEWER, request=Listing, response=tuple[Release, ...])
def list_releases(context: Context, request: Listing) -> tuple[Release, ...]:
    """The project's releases, latest first."""
    with context.database.read() as transaction:
        return store.newest(transaction, project=context.project, limit=request.limit)


@operation("releases.show", "GET", "/releases/{release}", role=Role.VIEWER, request=ReleaseName, response=Release)
def show_release(context: Context, request: ReleaseName) -> Release:
    """One release."""
    return get_release(context, request.release)


@operation(
    "releases.reproduce", "POST", "/releases/{release}/reproductions", role=Role.DEVELOPER,
    request=ReproduceRequest, response=SignedReproduction,
)  # fmt: skip
def reproduce_release(context: Context, request: ReproduceRequest) -> SignedReproduction:
    """Make a release's model again from its code, data and runtime, and sign how well that went."""
    from plimsoll.release.reproducing import reproduce

    release = get_release(context, request.release)
    made = reproduce(context, release, seeds=request.seeds, here=request.here)
    signed = sign_reproduction(context, made)
    kept = Reproduced(
        id=made.id,
        grade=str(made.grade),
        envelope=signed.envelope,
        created_by=made.created_by,
        created_at=made.created_at,
    )
    detail = {"digest": release.digest, "grade": kept.grade, "because": made.because, "report": kept.envelope}
    with context.database.write() as transaction:
        store.insert_reproduction(transaction, kept, project=release.project, digest=release.digest)
        record(context, transaction, action=Action.RELEASE_REPRODUCED, subject=release.name, detail=detail)
    return signed


@operation(
    "reproductions.list", "GET", "/releases/{release}/reproductions", role=Role.VIEWER, request=ReleaseName,
    response=tuple[SignedReproduction, ...],
)  # fmt: skip
def list_reproductions(context: Context, request: ReleaseName) -> tuple[SignedReproduction, ...]:
    """Every reproduction of a release, latest first, each with its signature verified."""
    kept = reproductions_of(context, get_release(context, request.release))
    return tuple(read_reproduction(context, one.envelope) for one in kept)


def reproductions_of(context: Context, release: Release) -> tuple[Reproduced, ...]:
    """What the ledger says of a release's reproductions, latest first."""
    with context.database.read() as transaction:
        return store.reproductions_of(transaction, digest=release.digest)


@operation(
    "approvals.list", "GET", "/releases/{release}/approvals", role=Role.VIEWER, request=ReleaseName,
    response=tuple[ApprovalStanding, ...],
)  # fmt: skip
def list_approvals(context: Context, request: ReleaseName) -> tuple[ApprovalStanding, ...]:
    """For each environment of the project: which approvals it asks for, and which of them a release has."""
    release = get_release(context, request.release)
    project = load_project(context.workspace.project_file)
    with context.database.read() as transaction:
        return tuple(
            approval_standing(
                context,
                transaction,
                project=release.project,
                release=release.name,
                digest=release.digest,
                environment=name,
                authors=release.authors,
                rules=settings.approvals,
            )
            for name, settings in project.environments.items()
        )


@operation("approvals.create", "POST", "/approvals", role=Role.APPROVER, request=ApprovalRequest, response=Approval)
def create_approval(context: Context, request: ApprovalRequest) -> Approval:
    """Say yes to one release in one environment, on the record; not for its authors."""
    release = get_release(context, request.release)
    find_environment(load_project(context.workspace.project_file), request.environment)
    with context.database.write() as transaction:
        return approve(
            context,
            transaction,
            project=release.project,
            release=release.name,
            digest=release.digest,
            environment=request.environment,
            authors=release.authors,
            comment=request.comment,
        )


@operation(
    "approvals.withdraw", "DELETE", "/approvals", role=Role.APPROVER, request=WithdrawalRequest, response=Release
)
def withdraw_approval(context: Context, request: WithdrawalRequest) -> Release:
    """Take one's own yes back, on the record; what was deployed with it stays."""
    release = get_release(context, request.release)
    with context.database.write() as transaction:
        withdraw(context, transaction, release=release.name, digest=release.digest, environment=request.environment)
    return release


@operation("trace.show", "GET", "/trace/{subject}", role=Role.VIEWER, request=TraceRequest, response=Trace)
def trace(context: Context, request: TraceRequest) -> Trace:
    """Follow a prediction, release or run back to commit, data versions, runtime, verdict and approvals."""
    subject = request.subject
    if subject.startswith("run-"):
        run = get_run(context, subject)
        with context.database.read() as transaction:
            release = store.of_run(transaction, run=run.id)
        return _trace_release(context, subject, release) if release else trace_run(context, subject, run)
    if "@" in subject:
        return _trace_release(context, subject, get_release(context, subject))
    return trace_prediction(
        context, subject, onward=lambda digest: _trace_release(context, subject, get_release(context, digest))
    )


def _trace_release(context: Context, subject: str, release: Release) -> Trace:
    return trace_release(context, subject, release, reproductions=reproductions_of(context, release))


def get_release(context: Context, name: str) -> Release:
    """The release of that name (`fraud@3`) or digest. Raises ReleaseMissing."""
    return find_release(context.database, name)


def find_release(database: Database, name: str) -> Release:
    """The release of that name (`fraud@3`) or digest. Raises ReleaseMissing."""
    project, _, number = name.rpartition("@")
    with database.read() as transaction:
        if project and number.isdecimal():
            found = store.by_number(transaction, project=project, number=int(number))
        else:
            found = store.by_digest(transaction, digest=name)
    if found is None:
        raise ReleaseMissing(release=name)
    return found


def _used(context: Context, versions: tuple[RecordedVersion, ...]) -> tuple[UsedVersion, ...]:
    with context.database.read() as transaction:
        releases = store.of_project(transaction, project=context.project)
    live = _champions(context).live(project=context.project)
    return used_versions(versions, runs=data_of_runs(context), releases=releases, live=live)


def _number_sign_save(context: Context, assembly: Assembly) -> Release:
    """Take the next number, sign the manifest that carries it, save; again when someone took the number first."""
    while True:
        with context.database.read() as transaction:
            number = store.next_number(transaction, project=context.project)
        release = number_and_sign(context, assembly, number=number)
        with context.database.write() as transaction:
            if store.insert(transaction, release):
                _record_release(context, transaction, release)
                return release
            taken = store.of_run(transaction, run=release.run)
        if taken is not None:
            return taken


def _record_release(context: Context, transaction: Transaction, release: Release) -> None:
    detail: dict[str, Any] = {
        "digest": release.digest,
        "run": release.run,
        "verdict": release.verdict,
        "authors": list(release.authors),
    }
    if release.dirty:
        detail["dirty"] = list(release.dirty)
    if release.because:
        detail["because"] = release.because
    record(context, transaction, action=Action.RELEASE_CREATED, subject=release.name, detail=detail)


def _authors(context: Context, run: Run) -> tuple[str, ...]:
    """Who wrote the commit, ran the pipeline and makes the release; an unknown committer counts by e-mail.

    A trigger's run is that of its owners; what it did itself, as `plimsoll:…`, makes no author.
    """
    committers = people_with_email(context.database, run.commit_author) if run.commit_author else ()
    unknown = (run.commit_author,) if run.commit_author and not committers else ()
    acting = {name for name in (run.created_by, context.caller.name) if ":" not in name}
    return tuple(sorted({*acting, *run.owners, *committers, *unknown}))


def _run(context: Context, run: str) -> Run:
    if run != "latest":
        return get_run(context, run)
    found = latest_run(context, project=context.project, state=RunState.DONE)
    if found is None:
        raise NoFinishedRun(project=context.project)
    return found


def _begun(context: Context, name: str) -> Run:
    """The run of that id, or as `latest` the one that began last, whatever became of it. Raises RunMissing."""
    run = latest_run(context, project=context.project) if name == "latest" else get_run(context, name)
    if run is None:
        raise RunMissing(run=name, project=context.project)
    return run


def _subject(context: Context, name: str) -> Subject:
    """A run by its id or as `latest`, or the run of a release by the release's name."""
    if "@" in name:
        release = get_release(context, name)
        return Subject(name=name, run=get_run(context, release.run), release=release.name)
    run = _run(context, name)
    with context.database.read() as transaction:
        release_of = store.of_run(transaction, run=run.id)
    return Subject(name=run.id, run=run, release=release_of.name if release_of else None)


def _summary(context: Context, run: Run) -> RunSummary:
    with context.database.read() as transaction:
        release = store.of_run(transaction, run=run.id)
    finding = str(get_verdict(context, run.verdict).finding) if run.verdict else None
    return RunSummary(run=run, finding=finding, release=release.name if release else None)


def _champions(context: Context) -> Champions:
    champions: Champions = context.plugin("champions", "ledger")
    return champions
