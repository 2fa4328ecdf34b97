"""Freeze a passing run into a signed bundle, and record who said yes to it."""

from __future__ import annotations

from typing import Any

from plimsoll.artifacts.sweeping import at_work
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.gates.operations import get_verdict
from plimsoll.governance.entities import Action, Approval, ApprovalStanding
from plimsoll.governance.operations import approval_standing, approve, people_with_email, record, withdraw
from plimsoll.ledger.engine import Database, Transaction
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Project
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release import store
from plimsoll.release.assemble import Assembly, number_and_sign, prepare
from plimsoll.release.decide import require_releasable
from plimsoll.release.entities import Release
from plimsoll.release.errors import NothingToRelease, NoVerdict, ReleaseMissing
from plimsoll.release.operations.runs import champions_of, run_named
from plimsoll.release.requests import (
    ApprovalRequest,
    Listing,
    ReleaseName,
    ReleaseRequest,
    WithdrawalRequest,
)


@operation("releases.create", "POST", "/releases", role=Role.DEVELOPER, request=ReleaseRequest, response=Release)
def create_release(context: Context, request: ReleaseRequest) -> Release:
    """Freeze a passing run into a signed bundle; releasing the same run again gives the same release."""
    return freeze(context, load_project(context.workspace.project_file), request)


def freeze(context: Context, project: Project, request: ReleaseRequest) -> Release:
    """As `create_release`, by the rules of a project that may be another than the file of the workspace says."""
    run = run_named(context, request.run)
    with context.database.read() as transaction:
        existing = store.of_run(transaction, run=run.id)
    if existing is not None:
        return existing
    verdict = get_verdict(context, run.verdict) if run.verdict else None
    champions = champions_of(context).live(project=run.project)
    require_releasable(run, verdict, champions=champions, allow_dirty=request.allow_dirty)
    if project.model is None:
        raise NothingToRelease(run=run.id, project=run.project)
    if verdict is None:
        raise NoVerdict(run=run.id)
    authors = _authors(context, run)
    with (
        at_work(context.artifacts),
        prepare(context, project, project.model, run, verdict, authors=authors) as assembly,
    ):
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
