"""From kept bytes to a data version and the rules that it breaks. Reads the artifacts and the engine; records nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.cells import Cells
from plimsoll.data.checks import fresh_column, measure, newest_figure
from plimsoll.data.column_rules import rule_texts
from plimsoll.data.engine import engine
from plimsoll.data.entities import BrokenRule, DataVersion, FileEntry, Format
from plimsoll.data.errors import NoRows
from plimsoll.data.expressions import Condition, as_row_check, examine
from plimsoll.data.faults import reading_fault
from plimsoll.data.findings import Target
from plimsoll.data.headers import read_header
from plimsoll.data.versions import make_version
from plimsoll.data.whole import count_rules, freshness_rules
from plimsoll.kernel.hashing import digest_json
from plimsoll.kernel.nearest import nearest
from plimsoll.project.entities import Dataset
from plimsoll.project.problems import Problem, ProjectInvalid, place

if TYPE_CHECKING:
    import duckdb

_RULES = 1
"""How files are read and checked; a new number has every dataset checked again."""
_MEMORY_MIB = 512
"""What a check may hold in memory; what uniqueness and references need beyond it spills to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A dataset whose bytes lie in the artifacts."""

    name: str
    dataset: Dataset
    place: str
    """What the project file says of where it comes from, for people."""
    files: tuple[FileEntry, ...]
    format: Format


def check_request(kept: Kept, others: Mapping[str, Kept]) -> str:
    """The identity of a check: the bytes, how they are read, the rules they are held to, and what they refer to."""
    dataset = kept.dataset
    request: dict[str, Any] = {
        "rules": _RULES,
        "format": kept.format,
        "files": [entry.digest for entry in kept.files],
        "missing": dataset.missing,
        "columns": {name: rule_texts(column) for name, column in dataset.columns.items()},
        "needed": [dataset.time, dataset.key],
    }
    if dataset.checks:
        request["checks"] = [[check.sql, check.max_failing] for check in map(as_row_check, dataset.checks)]
    if dataset.rows:
        request["count"] = [dataset.rows.min, dataset.rows.max]
    if dataset.fresh:
        request["fresh"] = fresh_column(dataset)
    targets = {
        column: others[rules.references.dataset]
        for column, rules in dataset.columns.items()
        if rules.references and rules.references.dataset in others
    }
    if targets:
        request["targets"] = {
            column: [target.format, [entry.digest for entry in target.files], target.dataset.missing]
            for column, target in targets.items()
        }
    return digest_json(request)


def check(
    kept: Kept, others: Mapping[str, Kept], *, artifacts: FolderStore, now: datetime
) -> tuple[DataVersion, tuple[BrokenRule, ...]]:
    """The version of these bytes, and every rule that they break.

    others: the project's datasets, as far as their bytes could be kept. now: what freshness is held against.
    Raises ProjectInvalid for rules that are none, and what reading the files raises.
    """
    rules = _known_rules(kept)
    name, dataset = kept.name, kept.dataset
    with _engine() as connection:
        cells, names = _cells(kept, artifacts, connection)
        targets = dict(_targets(kept, others, artifacts, connection))
        with _named_faults(kept, cells, names):
            measured = measure(
                name,
                dataset,
                format=kept.format,
                header=cells.header,
                files=cells.files,
                names=names,
                connection=connection,
                conditions=rules,
                targets=targets,
                now=_in_utc(now) if dataset.fresh else None,
            )
    if not measured.rows:
        told = f"{names[0]} is" if len(names) == 1 else f"its {len(names)} files are"
        raise NoRows(dataset=name, files=told, path=kept.place)
    version = make_version(
        name,
        format=kept.format,
        files=kept.files,
        rows=measured.rows,
        columns=measured.columns,
        delimiter=cells.header.delimiter,
        missing=dataset.missing,
    )
    whole = count_rules(name, dataset, rows=measured.rows)
    if fresh_column(dataset) in cells.stored:  # else it is told as a column that is not there
        whole += freshness_rules(name, dataset, rows=measured.rows, newest=measured.newest, now=now)
    return version, measured.broken + whole


def check_freshness(
    kept: Kept, version: DataVersion, *, artifacts: FolderStore, now: datetime
) -> tuple[BrokenRule, ...]:
    """What time alone can have broken of bytes that passed all else: one column is read."""
    if kept.dataset.fresh is None:
        return ()
    with _engine() as connection:
        cells, names = _cells(kept, artifacts, connection)
        figure = newest_figure(cells, _in_utc(now))
        with _named_faults(kept, cells, names):
            ((newest,),) = connection.execute(f"SELECT {figure} FROM {cells.relation()}").fetchall()
    return freshness_rules(kept.name, kept.dataset, rows=version.rows, newest=newest, now=now)


def _known_rules(kept: Kept) -> list[Condition]:
    """The conditions of a dataset's checks. Raises ProjectInvalid."""
    breaches, found = examine(kept.name, kept.dataset)
    problems = [
        Problem(
            file="plimsoll.yaml",
            line=0,
            where=place(breach.path),
            found=breach.found,
            expected=breach.expected,
            nearest=nearest(breach.word, breach.options),
        )
        for breach in breaches
    ]
    if problems:
        raise ProjectInvalid(problems=problems)
    return found


@contextmanager
def _engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine(memory_mib=_MEMORY_MIB) as connection:
        connection.execute("SET preserve_insertion_order = false")
        # else the engine believes what a Parquet footer says of its values, and does not look at them
        connection.execute("SET disabled_optimizers = 'statistics_propagation'")
        yield connection


def _cells(kept: Kept, artifacts: FolderStore, connection: duckdb.DuckDBPyConnection) -> tuple[Cells, list[str]]:
    files = [artifacts.path(entry.digest) for entry in kept.files]
    names = [entry.path for entry in kept.files]
    numbers = frozenset(column for column, rules in kept.dataset.columns.items() if rules.type in ("int", "float"))
    header = read_header(kept.name, kept.format, files=files, names=names, connection=connection, numbers=numbers)
    return Cells(dataset=kept.dataset, format=kept.format, header=header, files=files), names


def _targets(
    kept: Kept, others: Mapping[str, Kept], artifacts: FolderStore, connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[str, Target]]:
    for column, rules in kept.dataset.columns.items():
        if rules.references and rules.references.dataset in others:
            target = others[rules.references.dataset]
            cells, names = _cells(target, artifacts, connection)
            yield column, Target(dataset=target.name, column=rules.references.column, cells=cells, names=names)


@contextmanager
def _named_faults(kept: Kept, cells: Cells, names: list[str]) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise reading_fault(kept.name, error, files=cells.files, names=names) from error


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
