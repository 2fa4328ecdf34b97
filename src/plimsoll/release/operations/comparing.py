"""What runs measured: points that come in, curves that go out, and runs beside each other."""

from __future__ import annotations

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.pipeline.operations import (
    get_run,
)
from plimsoll.pipeline.operations.metrics import LogRequest, Metrics, MetricsRequest, Received, log_to, metrics_of
from plimsoll.release import store
from plimsoll.release.compare import CompareRequest, Comparison, Subject, compare
from plimsoll.release.operations.releases import get_release
from plimsoll.release.operations.runs import run_named


@operation("metrics.log", "POST", "/runs/{run}/metrics", role=Role.DEVELOPER, request=LogRequest, response=Received)
def log_metrics(context: Context, request: LogRequest) -> Received:
    """Add points and parameters to a run; they are kept under the caller's name, apart from what its steps logged."""
    return log_to(context, run_named(context, request.run), request)


@operation("metrics.show", "GET", "/runs/{run}/metrics", role=Role.VIEWER, request=MetricsRequest, response=Metrics)
def show_metrics(context: Context, request: MetricsRequest) -> Metrics:
    """A run's curves, thinned for plots (each bucket's lowest and highest), with the parameters and files it logged."""
    return metrics_of(context, run_named(context, request.run), metric=request.metric, most=request.most)


@operation("runs.compare", "POST", "/runs/compare", role=Role.VIEWER, request=CompareRequest, response=Comparison)
def compare_runs(context: Context, request: CompareRequest) -> Comparison:
    """Runs or releases beside each other: parameters, metrics, data, gates, code, runtime; all against the first."""
    subjects = tuple(_subject(context, name) for name in request.runs)
    return compare(context, subjects, everything=request.everything)


def _subject(context: Context, name: str) -> Subject:
    """A run by its id or as `latest`, or the run of a release by the release's name."""
    if "@" in name:
        release = get_release(context, name)
        return Subject(name=name, run=get_run(context, release.run), release=release.name)
    run = run_named(context, name)
    with context.database.read() as transaction:
        release_of = store.of_run(transaction, run=run.id)
    return Subject(name=run.id, run=run, release=release_of.name if release_of else None)
