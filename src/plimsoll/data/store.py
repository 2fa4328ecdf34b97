"""Rows of data versions and of the checks they passed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from plimsoll.data.entities import DataVersion, FileEntry, RecordedVersion
from plimsoll.ledger.engine import Row, Transaction


def insert_version(
    transaction: Transaction, version: DataVersion, *, project: str, recorded_by: str, recorded_at: str
) -> bool:
    """Remember a version; False when it was known already."""
    return bool(
        transaction.execute(
            "INSERT INTO data_versions (project, dataset, digest, format, row_count, columns, files, delimiter, missing,"
            " recorded_by, recorded_at) VALUES (:project, :dataset, :digest, :format, :row_count, :columns, :files,"
            " :delimiter, :missing, :recorded_by, :recorded_at) ON CONFLICT DO NOTHING",
            project=project,
            dataset=version.dataset,
            digest=version.digest,
            format=version.format,
            row_count=version.rows,
            columns=json.dumps(version.columns),
            files=json.dumps([asdict(entry) for entry in version.files]),
            delimiter=version.delimiter,
            missing=json.dumps(version.missing),
            recorded_by=recorded_by,
            recorded_at=recorded_at,
        )
    )


def find_version(transaction: Transaction, *, project: str, dataset: str, digest: str) -> DataVersion | None:
    """The version of that digest."""
    row = transaction.one(
        "SELECT * FROM data_versions WHERE project = :project AND dataset = :dataset AND digest = :digest",
        project=project,
        dataset=dataset,
        digest=digest,
    )
    return None if row is None else _version(row)


def newest_version(transaction: Transaction, *, project: str, dataset: str) -> RecordedVersion | None:
    """The version that was recorded last."""
    row = transaction.one(
        "SELECT * FROM data_versions WHERE project = :project AND dataset = :dataset"
        " ORDER BY recorded_at DESC, digest LIMIT 1",
        project=project,
        dataset=dataset,
    )
    return None if row is None else _recorded(row)


def list_versions(transaction: Transaction, *, project: str, dataset: str | None) -> tuple[RecordedVersion, ...]:
    """Every recorded version, newest first within each dataset."""
    rows = transaction.all(
        "SELECT * FROM data_versions WHERE project = :project ORDER BY dataset, recorded_at DESC, digest",
        project=project,
    )
    return tuple(_recorded(row) for row in rows if dataset in (None, row["dataset"]))


def insert_check(
    transaction: Transaction, *, project: str, dataset: str, request: str, digest: str, checked_at: str
) -> None:
    """Remember that these bytes passed these rules, and as which version."""
    transaction.execute(
        "INSERT INTO data_checks (project, dataset, request, digest, checked_at)"
        " VALUES (:project, :dataset, :request, :digest, :checked_at) ON CONFLICT DO NOTHING",
        project=project,
        dataset=dataset,
        request=request,
        digest=digest,
        checked_at=checked_at,
    )


def find_checked(transaction: Transaction, *, project: str, dataset: str, request: str) -> DataVersion | None:
    """The version as which these bytes passed these rules, when they did."""
    row = transaction.one(
        "SELECT v.* FROM data_checks c JOIN data_versions v"
        " ON v.project = c.project AND v.dataset = c.dataset AND v.digest = c.digest"
        " WHERE c.project = :project AND c.dataset = :dataset AND c.request = :request",
        project=project,
        dataset=dataset,
        request=request,
    )
    return None if row is None else _version(row)


def _recorded(row: Row) -> RecordedVersion:
    return RecordedVersion(version=_version(row), recorded_by=row["recorded_by"], recorded_at=row["recorded_at"])


def _version(row: Row) -> DataVersion:
    files: list[dict[str, Any]] = json.loads(row["files"])
    return DataVersion(
        dataset=row["dataset"],
        digest=row["digest"],
        files=tuple(FileEntry(**entry) for entry in files),
        rows=row["row_count"],
        columns=tuple((name, type) for name, type in json.loads(row["columns"])),
        format=row["format"],
        delimiter=row["delimiter"],
        missing=tuple(json.loads(row["missing"])),
    )
