"""How two versions of a dataset differ: files, columns, and how the values of each column are distributed.

Distributions are compared as `plimsoll drift` compares files, with the same statistics and the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.engine import engine, name_literal
from plimsoll.data.entities import DataVersion
from plimsoll.data.frames import relation_sql
from plimsoll.data.rows import Rows
from plimsoll.monitor.common_columns import Selection
from plimsoll.monitor.comparison import Comparison, Question, compare_rows
from plimsoll.monitor.drift_errors import NothingToCompare
from plimsoll.monitor.drift_text import headline, reasons, sparklines
from plimsoll.monitor.drift_wording import verdict_told

if TYPE_CHECKING:
    import duckdb

_NUMBERS = ("BIGINT", "DOUBLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two versions."""

    dataset: str
    digest: str
    rows: int
    size: int
    """Bytes of all its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Something that both have, differently: a file's digest, a column's type."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What came, what went and what is not the same, by name."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """How one column's values are distributed before and after. psi and critical: None with too few rows to judge."""

    column: str
    verdict: str
    """`drift`, `no drift`, `too few rows`."""
    psi: float | None
    critical: float | None
    shape_before: str
    shape_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A column whose values were not compared, and why."""

    column: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """Everything in which two versions differ."""

    before: Side
    after: Side
    same: bool
    files: Changes
    columns: Changes
    distributions: tuple[ColumnDiff, ...]
    """Drifted ones first, the largest effect first."""
    told: str
    """The distributions in one sentence."""
    reasons: tuple[str, ...]
    """What moved, for each column that drifted."""
    left_out: tuple[LeftOut, ...]


def diff_versions(before: DataVersion, after: DataVersion, artifacts: FolderStore) -> VersionDiff:
    """How the second version differs from the first. Raises ArtifactMissing when the bytes of one are gone."""
    same = (before.dataset, before.digest) == (after.dataset, after.digest)
    columns = changes_between(dict(before.columns), dict(after.columns))
    compared = None if same else _compared(before, after, artifacts, columns)
    retyped = {one.name: f"{one.before} before, {one.after} after" for one in columns.changed if _unlike(one)}
    return VersionDiff(
        before=_side(before),
        after=_side(after),
        same=same,
        files=changes_between(_files(before), _files(after)),
        columns=columns,
        distributions=_distributions(compared) if compared else (),
        told=headline(compared) if compared else "nothing differs" if same else "no column could be compared",
        reasons=tuple(reasons(compared)) if compared else (),
        left_out=_left_out(compared, retyped),
    )


def changes_between(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What differs between two states of named things, each in its own order."""
    return Changes(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(
            Changed(name=name, before=value, after=after[name])
            for name, value in before.items()
            if name in after and after[name] != value
        ),
    )


def _compared(before: DataVersion, after: DataVersion, artifacts: FolderStore, columns: Changes) -> Comparison | None:
    """The values compared; None when the two have no column in common that could be."""
    exclude = tuple(one.name for one in columns.changed if _unlike(one))
    question = Question(reference=_name(before), current=_name(after), selection=Selection(exclude=exclude))
    with engine() as connection:
        rows = [
            _rows(connection, version, artifacts, side=side)
            for version, side in ((before, "REFERENCE"), (after, "CURRENT"))
        ]
        try:
            return compare_rows(question, rows[0], rows[1], connection=connection)
        except NothingToCompare:
            return None


def _rows(connection: duckdb.DuckDBPyConnection, version: DataVersion, artifacts: FolderStore, *, side: str) -> Rows:
    """The version's rows; those of CSV files are read once into a table of the engine, which spills to disk."""
    relation = relation_sql(version, artifacts)
    if version.format == "csv":
        table = name_literal(f"rows of {side}")
        connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {relation}")
        relation = table
    return Rows(
        name=side,
        path=_name(version),
        files=tuple(entry.path for entry in version.files),
        rows=version.rows,
        columns=version.columns,
        relation=relation,
    )


def _distributions(compared: Comparison) -> tuple[ColumnDiff, ...]:
    found = []
    for one in compared.columns:
        before, after = sparklines(one.expected, one.actual)
        judged = one.judgement.judged
        found.append(
            ColumnDiff(
                column=one.profile.name,
                verdict=verdict_told(one.judgement),
                psi=one.judgement.effect if judged else None,
                critical=one.judgement.critical if judged else None,
                shape_before=before,
                shape_after=after,
            )
        )
    return tuple(found)


def _left_out(compared: Comparison | None, retyped: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """The columns that only one side has are among the changed columns already."""
    skipped = {name: because for name, because in (compared.skipped if compared else ()) if "only in" not in because}
    return tuple(LeftOut(column=name, because=because) for name, because in {**skipped, **retyped}.items())


def _unlike(column: Changed) -> bool:
    """Whether a column's values cannot be held against what they were: numbers of either type can."""
    return not (column.before in _NUMBERS and column.after in _NUMBERS)


def _files(version: DataVersion) -> dict[str, str]:
    return {entry.path: entry.digest[:12] for entry in version.files}


def _side(version: DataVersion) -> Side:
    size = sum(entry.size for entry in version.files)
    return Side(dataset=version.dataset, digest=version.digest, rows=version.rows, size=size)


def _name(version: DataVersion) -> str:
    return f"{version.dataset}@{version.digest[:12]}"
