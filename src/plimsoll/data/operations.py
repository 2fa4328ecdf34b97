"""Resolves a project's datasets to data versions: find, copy, check, record. And lists what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.data import store
from plimsoll.data.checking import Kept, check, check_freshness, check_request
from plimsoll.data.entities import BrokenRule, DataVersion, FilesNow, RecordedVersion
from plimsoll.data.errors import CheckFailed, SeveralDatasets, VersionAmbiguous, VersionMissing
from plimsoll.data.sources import Source
from plimsoll.data.whole import change_rules
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import in_microseconds, to_text
from plimsoll.kernel.errors import PlimsollError
from plimsoll.project.entities import Dataset, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ListData:
    """Which versions to list."""

    dataset: str | None = None
    """Only this dataset's."""


@operation("data.list", "GET", "/data", role=Role.VIEWER, request=ListData, response=tuple[RecordedVersion, ...])
def list_data(context: Context, request: ListData) -> tuple[RecordedVersion, ...]:
    """The recorded data versions of the project, newest first within each dataset."""
    with context.database.read() as transaction:
        return store.list_versions(transaction, project=context.project, dataset=request.dataset)


def get_version(context: Context, *, project: str, dataset: str, digest: str) -> DataVersion | None:
    """A recorded version, or None when the ledger does not know it."""
    with context.database.read() as transaction:
        return store.find_version(transaction, project=project, dataset=dataset, digest=digest)


def find_recorded(context: Context, *, dataset: str, digest: str = "", back: int = 0) -> RecordedVersion:
    """A recorded version by the beginning of its digest; without one the newest, or the one so many steps back.

    Raises VersionMissing, and VersionAmbiguous when several begin so.
    """
    versions = list_data(context, ListData(dataset=dataset))
    if not digest:
        if len(versions) > back:
            return versions[back]
        raise VersionMissing(
            version=f"{dataset}@…", told=f"{len(versions)} of that dataset recorded, {back + 1} needed"
        )
    found = [one for one in versions if one.version.digest.startswith(digest)]
    if len(found) > 1:
        named = ", ".join(f"{dataset}@{one.version.digest[:12]}" for one in found)
        raise VersionAmbiguous(version=f"{dataset}@{digest}", count=len(found), versions=named)
    if not found:
        raise VersionMissing(
            version=f"{dataset}@{digest}", told=f"{len(versions)} of that dataset recorded, none so named"
        )
    return found[0]


def look_at_files(context: Context, name: str, dataset: Dataset, *, root: Path) -> FilesNow:
    """A dataset's files as they are now: cheap where they did not change, and nothing is recorded.

    Raises the error of the file that cannot be used.
    """
    return _source(context, name, dataset, root).look()


def resolve(context: Context, project: Project, *, root: Path, rehash: bool = False) -> dict[str, DataVersion]:
    """The versions of all datasets as their files are now; each new one is recorded with an audit event.

    The bytes are copied into the artifacts first and checked there, so what was checked is what is kept. Files that
    did not change are not read again (rehash: all are), and bytes that passed the same rules are not checked again, other
    than for how old they are.
    Raises CheckFailed with every broken rule of every dataset, or the error of the file that cannot be used
    (SeveralDatasets when more than one dataset has trouble). Then nothing is recorded.
    """
    kept: dict[str, Kept] = {}
    problems: list[PlimsollError] = []
    for name, dataset in project.data.items():
        try:
            kept[name] = _keep(context, name, dataset, root=root, rehash=rehash)
        except PlimsollError as problem:
            problems.append(problem)
    fresh: list[tuple[str, str, DataVersion]] = []
    versions: dict[str, DataVersion] = {}
    broken: list[BrokenRule] = []
    for name, one in kept.items():
        try:
            request, version, rules = _check(context, project.project, one, kept)
        except PlimsollError as problem:
            problems.append(problem)
            continue
        broken += rules
        versions[name] = version
        if request:
            fresh.append((name, request, version))
    if problems:
        raise _one_of([*problems, *([CheckFailed.of(broken)] if broken else [])])
    if broken:
        raise CheckFailed.of(broken)
    _record(context, project.project, fresh)
    return versions


def _keep(context: Context, name: str, dataset: Dataset, *, root: Path, rehash: bool) -> Kept:
    """The dataset's bytes as they are now, in the artifacts."""
    source = _source(context, name, dataset, root)
    files, format = source.keep(
        context.artifacts,
        rehash=rehash,
        told=lambda file, done, total: context.progress(
            Progress(task="data", message=f"{name}: {file}", done=done, total=total)
        ),
    )
    return Kept(name=name, dataset=dataset, place=source.place, files=files, format=format)


def _check(
    context: Context, project: str, kept: Kept, others: Mapping[str, Kept]
) -> tuple[str, DataVersion, tuple[BrokenRule, ...]]:
    """The dataset's version and the rules it breaks, and the identity of its check unless it was passed before."""
    name, now = kept.name, context.clock.now()
    request = check_request(kept, others)
    with context.database.read() as transaction:
        known = store.find_checked(transaction, project=project, dataset=name, request=request)
        last = store.newest_version(transaction, project=project, dataset=name)
    if known:
        version = replace(known, files=kept.files)
        return "", version, check_freshness(kept, version, artifacts=context.artifacts, now=now)
    context.progress(Progress(task="data", message=f"{name}: checking"))
    version, broken = check(kept, others, artifacts=context.artifacts, now=now)
    with context.database.read() as transaction:
        recorded = store.find_version(transaction, project=project, dataset=name, digest=version.digest)
    changed = () if recorded else change_rules(name, kept.dataset, rows=version.rows, last=last)
    return request, version, broken + changed


def _source(context: Context, name: str, dataset: Dataset, root: Path) -> Source:
    return Source(
        name=name,
        dataset=dataset,
        root=root,
        state=context.workspace.state,
        memory=context.workspace.cache / "data",
        now_ns=in_microseconds(context.machine.now()) * 1000,
    )


def _record(context: Context, project: str, fresh: list[tuple[str, str, DataVersion]]) -> None:
    if not fresh:
        return
    now = to_text(context.clock.now())
    with context.database.write() as transaction:
        for name, request, version in fresh:
            if store.insert_version(
                transaction, version, project=project, recorded_by=context.caller.name, recorded_at=now
            ):
                detail = {"dataset": name, "digest": version.digest, "rows": version.rows, "files": len(version.files)}
                subject = f"{name}@{version.digest[:12]}"
                record(context, transaction, action=Action.DATA_VERSION_RECORDED, subject=subject, detail=detail)
            store.insert_check(
                transaction, project=project, dataset=name, request=request, digest=version.digest, checked_at=now
            )


def _one_of(problems: list[PlimsollError]) -> PlimsollError:
    """The problem, or all of them; a file that two datasets are checked with is told once."""
    different = list({(problem.code, str(problem)): problem for problem in problems}.values())
    return different[0] if len(different) == 1 else SeveralDatasets.of(different)
