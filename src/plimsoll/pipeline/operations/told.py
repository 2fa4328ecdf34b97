"""Tells the tracking system that a project names of a run, beside the ledger and never in its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.edge.context import Context, Progress
from plimsoll.kernel.errors import PlimsollError
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.operations.asking import get_run
from plimsoll.pipeline.ports import Tracked, Tracker
from plimsoll.project.entities import Project


@contextmanager
def told(context: Context, project: Project, run: Run) -> Iterator[Tracked | None]:
    """Within, a run is under way in the tracking system, and afterwards it is what it has become in the ledger.

    What fails there is a warning. Yields None without such a system. Raises PackageMissing when its client is not installed.
    """
    if project.mlflow is None:
        yield None
        return
    tracker: Tracker = context.plugin("tracker", "mlflow")
    tracked = tracker.begin(project, run)
    _warn(context, tracked.problem)
    try:
        yield tracked
    finally:
        _warn(context, tracked.end(_ended(context, run)))


def _ended(context: Context, run: Run) -> Run | None:
    try:
        return get_run(context, run.id)
    except PlimsollError:  # the ledger is away, which whoever runs this is told anyway
        return None


def _warn(context: Context, problem: str) -> None:
    if problem:
        context.progress(Progress(task="run", message=f"MLflow was not told of this run: {problem}", stays=True))
