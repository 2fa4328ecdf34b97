"""Resolves a project's datasets to data versions: find, copy, check, record. And lists what is recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.data import store
from plimsoll.data.checks import measure, rule_texts
from plimsoll.data.engine import engine
from plimsoll.data.entities import BrokenRule, DataVersion, FileEntry, FilesNow, Format, RecordedVersion
from plimsoll.data.errors import CheckFailed, NoRows, SeveralDatasets, VersionAmbiguous, VersionMissing
from plimsoll.data.faults import reading_fault
from plimsoll.data.headers import read_header
from plimsoll.data.sources import Source
from plimsoll.data.versions import make_version
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import in_microseconds, to_text
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.hashing import digest_json
from plimsoll.project.entities import Dataset, Project

_RULES = 1
"""How files are read and checked; a new number has every dataset checked again."""


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
    did not change are not read again (rehash: all are), and bytes that passed the same rules are not checked again.
    Raises CheckFailed with every broken rule of every dataset, or the error of the file that cannot be used
    (SeveralDatasets when more than one dataset has trouble). Then nothing is recorded.
    """
    fresh: list[tuple[str, str, DataVersion]] = []
    versions: dict[str, DataVersion] = {}
    broken: list[BrokenRule] = []
    problems: list[PlimsollError] = []
    for name, dataset in project.data.items():
        try:
            request, version, rules = _resolve_one(context, project.project, name, dataset, root=root, rehash=rehash)
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


def _resolve_one(
    context: Context, project: str, name: str, dataset: Dataset, *, root: Path, rehash: bool
) -> tuple[str, DataVersion, tuple[BrokenRule, ...]]:
    """The dataset's version and the rules it breaks, and the identity of its check unless it was passed before."""
    source = _source(context, name, dataset, root)
    files, format = source.keep(
        context.artifacts,
        rehash=rehash,
        told=lambda file, done, total: context.progress(
            Progress(task="data", message=f"{name}: {file}", done=done, total=total)
        ),
    )
    request = _request(dataset, files, format)
    with context.database.read() as transaction:
        known = store.find_checked(transaction, project=project, dataset=name, request=request)
    if known:
        return "", replace(known, files=files), ()
    context.progress(Progress(task="data", message=f"{name}: checking"))
    version, broken = _check(context, source, files=files, format=format)
    return request, version, broken


def _source(context: Context, name: str, dataset: Dataset, root: Path) -> Source:
    return Source(
        name=name,
        dataset=dataset,
        root=root,
        state=context.workspace.state,
        memory=context.workspace.cache / "data",
        now_ns=in_microseconds(context.machine.now()) * 1000,
    )


def _check(
    context: Context, source: Source, *, files: tuple[FileEntry, ...], format: Format
) -> tuple[DataVersion, tuple[BrokenRule, ...]]:
    import duckdb

    name, dataset = source.name, source.dataset
    paths = [context.artifacts.path(entry.digest) for entry in files]
    names = [entry.path for entry in files]
    numbers = frozenset(column for column, rules in dataset.columns.items() if rules.type in ("int", "float"))
    with engine() as connection:
        header = read_header(name, format, files=paths, names=names, connection=connection, numbers=numbers)
        try:
            measured = measure(
                name, dataset, format=format, header=header, files=paths, names=names, connection=connection
            )
        except duckdb.Error as error:
            raise reading_fault(name, error, files=paths, names=names) from error
    if not measured.rows:
        told = f"{names[0]} is" if len(names) == 1 else f"its {len(names)} files are"
        raise NoRows(dataset=name, files=told, path=source.place)
    version = make_version(
        name,
        format=format,
        files=files,
        rows=measured.rows,
        columns=measured.columns,
        delimiter=header.delimiter,
        missing=dataset.missing,
    )
    return version, measured.broken


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


def _request(dataset: Dataset, files: tuple[FileEntry, ...], format: Format) -> str:
    """The identity of a check: the bytes, how they are read, and the rules they are held to."""
    return digest_json(
        {
            "rules": _RULES,
            "format": format,
            "files": [entry.digest for entry in files],
            "missing": dataset.missing,
            "columns": {name: rule_texts(column) for name, column in dataset.columns.items()},
            "needed": [dataset.time, dataset.key],
        }
    )


def _one_of(problems: list[PlimsollError]) -> PlimsollError:
    return problems[0] if len(problems) == 1 else SeveralDatasets.of(problems)
