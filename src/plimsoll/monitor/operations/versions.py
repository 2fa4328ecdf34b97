"""Two data versions held against each other, each named by its digest, or by the release or run that used it."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.data.entities import DataVersion
from plimsoll.data.operations import find_recorded
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.monitor.errors import NoSecondVersion, WhichDataset
from plimsoll.monitor.version_diff import VersionDiff, diff_versions
from plimsoll.pipeline.operations import get_run
from plimsoll.release.operations.releases import get_release

_FEWEST_DIGITS = 4
"""What is shorter behind the project's name is the number of a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRequest:
    """Two versions: `dataset@digest`, a dataset (its newest), a release or a run."""

    before: str
    after: str = ""
    """Empty: `before` is a dataset, whose two newest versions are compared."""
    dataset: str = ""
    """Which dataset of a release or a run; may be empty where it used one only."""


@operation("data.diff", "GET", "/data-diff", role=Role.VIEWER, request=DiffRequest, response=VersionDiff)
def diff_data(context: Context, request: DiffRequest) -> VersionDiff:
    """How two data versions differ: files, columns, and how each column's values are distributed."""
    if request.after:
        before = _version(context, request.before, request.dataset)
        after = _version(context, request.after, request.dataset or before.dataset)
    elif "@" in request.before or request.before.startswith("run-"):
        raise NoSecondVersion(before=request.before)
    else:
        before = find_recorded(context, dataset=request.before, back=1).version
        after = find_recorded(context, dataset=request.before).version
    return diff_versions(before, after, context.artifacts)


def _version(context: Context, name: str, dataset: str) -> DataVersion:
    """The version of that name. Raises VersionMissing, VersionAmbiguous, RunMissing, ReleaseMissing, WhichDataset."""
    if name.startswith("run-"):
        return _used(context, name, run=name, dataset=dataset)
    first, _, second = name.partition("@")
    if first == context.project and second.isdecimal() and len(second) < _FEWEST_DIGITS:
        return _used(context, name, run=get_release(context, name).run, dataset=dataset)
    return find_recorded(context, dataset=first, digest=second).version


def _used(context: Context, name: str, *, run: str, dataset: str) -> DataVersion:
    data = get_run(context, run).data
    chosen = dataset or (next(iter(data)) if len(data) == 1 else "")
    if chosen not in data:
        raise WhichDataset(subject=name, datasets=", ".join(sorted(data)) or "none")
    return find_recorded(context, dataset=chosen, digest=data[chosen]).version
