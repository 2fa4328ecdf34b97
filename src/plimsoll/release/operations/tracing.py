"""Where a prediction, a release or a run comes from, and where a data version was used."""

from __future__ import annotations

from plimsoll.data.entities import RecordedVersion
from plimsoll.data.operations import ListData, find_recorded, list_data
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.pipeline.operations import (
    data_of_runs,
    get_run,
)
from plimsoll.release import store
from plimsoll.release.entities import Release, Trace
from plimsoll.release.operations.releases import get_release
from plimsoll.release.operations.reproducing import reproductions_of
from plimsoll.release.operations.runs import champions_of
from plimsoll.release.requests import (
    DataName,
    DataUsesRequest,
    TraceRequest,
)
from plimsoll.release.tracing import trace_prediction, trace_release, trace_run
from plimsoll.release.uses import UsedVersion, used_versions


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


def _used(context: Context, versions: tuple[RecordedVersion, ...]) -> tuple[UsedVersion, ...]:
    with context.database.read() as transaction:
        releases = store.of_project(transaction, project=context.project)
    live = champions_of(context).live(project=context.project)
    return used_versions(versions, runs=data_of_runs(context), releases=releases, live=live)
