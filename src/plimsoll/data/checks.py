"""Every check of a dataset, then example rows for what is broken.

All rules that look at one row at a time are counted in one pass over the rows; the same pass counts the rows, looks for
the newest moment and finds the types of CSV columns that the project file does not declare. Of Parquet files, in which
columns lie apart, a pass takes some columns after the others. Uniqueness is counted there too, of Parquet files column
by column; a reference is a join with the rows that it refers to. What a dataset must be as a whole is held against the
figures afterwards (whole.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.data import reading
from plimsoll.data.cells import Cells, raw
from plimsoll.data.column_rules import column_rules, row_rules, rule_texts, uniqueness
from plimsoll.data.engine import text_literal
from plimsoll.data.entities import BrokenRule, Format
from plimsoll.data.expressions import Condition
from plimsoll.data.findings import Findings, Target
from plimsoll.data.headers import Header
from plimsoll.project.entities import Dataset

if TYPE_CHECKING:
    import duckdb


_AT_ONCE = 5
"""Columns of Parquet files that are unpacked side by side; more take memory and no less time."""
_FEW_FILES = 100
"""More than so many are not opened several times; they are small, or memory is what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a look at a dataset found: its rows, the type of each column, the rules that rows break."""

    rows: int
    columns: tuple[tuple[str, str], ...]
    broken: tuple[BrokenRule, ...]
    newest: datetime | None = None
    """The last moment that is not in the future, without a zone, in UTC; None where none was asked for, or is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """One number to be found: SQL over the cells, and the columns that it reads."""

    sql: str
    columns: tuple[str, ...] = ()
    alone: bool = False
    """Whether it needs the memory for itself."""


def measure(
    name: str,
    dataset: Dataset,
    *,
    format: Format,
    header: Header,
    files: Sequence[Path],
    names: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    first: int | None = None,
    conditions: Sequence[Condition] = (),
    targets: Mapping[str, Target] | None = None,
    now: datetime | None = None,
) -> Measured:
    """Check a dataset's rows against its rules. files: where the bytes lie; names: what people call them.

    first: look at so many rows only, which makes the types of undeclared columns a guess. conditions: those of
    the dataset's checks. targets: by column what it refers to. now: look for the newest moment up to then in the column
    that must be fresh.
    Raises duckdb.Error when a file cannot be read to its end.
    """
    cells = Cells(dataset=dataset, format=format, header=header, files=files)
    guessed = [column for column, _ in header.columns if format == "csv" and column not in cells.declared]
    rules = [*column_rules(cells), *row_rules(cells, conditions)]
    unique = [column for column, wanted in cells.declared.items() if wanted.unique]
    groups = (
        [_Figure(sql="count(*)"), _newest(cells, now)],
        [_Figure(sql=rule.count, columns=rule.about or (rule.column,)) for rule in rules],
        [_Figure(sql=uniqueness(column), alone=True) for column in unique],
        [_Figure(sql=figure) for figure in _guess_figures(guessed)],
    )
    found = _ask(connection, cells, [figure for group in groups for figure in group], first=first)
    (rows, newest), counts, repeats, guesses = (_take(found, len(group)) for group in groups)

    findings = Findings(dataset=name, rows=rows, cells=cells, names=names, connection=connection)
    broken = findings.absent(needed_columns(dataset))
    broken += findings.rows_that_break(list(zip(rules, counts, strict=True)))
    for column, count in zip(unique, repeats, strict=True):
        broken += findings.repeated(column, count)
    for column, target in (targets or {}).items():
        broken += findings.astray(column, target)
    order = list(dataset.columns)
    broken.sort(key=lambda rule: _place(rule, dataset, order))
    types = _types(dataset, header, guessed, guesses)
    return Measured(rows=rows, columns=types, broken=tuple(broken), newest=newest)


def _ask(
    connection: duckdb.DuckDBPyConnection, cells: Cells, figures: Sequence[_Figure], *, first: int | None
) -> list[Any]:
    """The figures of all rows. Few columns of Parquet files are held at once; figures of one column stay together."""
    apart = cells.format == "parquet" and len(cells.files) <= _FEW_FILES
    groups: list[list[_Figure]] = [[]]
    for figure in figures:
        held = {column for one in groups[-1] for column in one.columns} | set(figure.columns)
        if apart and groups[-1] and (figure.alone or len(held) > _AT_ONCE):
            groups.append([])
        groups[-1].append(figure)
    table = cells.relation(first=first)
    found: list[Any] = []
    for group in groups:
        found += connection.execute(f"SELECT {', '.join(figure.sql for figure in group)} FROM {table}").fetchall()[0]
    return found


def needed_columns(dataset: Dataset) -> list[str]:
    """The columns that must be there."""
    fresh = dataset.fresh.column if dataset.fresh else None
    return list(dict.fromkeys([*dataset.columns, *(one for one in (dataset.time, dataset.key, fresh) if one)]))


def newest_figure(cells: Cells, now: datetime | None) -> str:
    """SQL for the newest moment that is not in the future, where one must be fresh."""
    column = fresh_column(cells.dataset)
    if now is None or column not in cells.stored:
        return "NULL"
    moment, limit = cells.moment(column), text_literal(now.strftime("%Y-%m-%d %H:%M:%S.%f"))
    return f"max({moment}) FILTER (WHERE {moment} <= CAST({limit} AS TIMESTAMP))"


def _newest(cells: Cells, now: datetime | None) -> _Figure:
    return _Figure(sql=newest_figure(cells, now), columns=(fresh_column(cells.dataset),))


def fresh_column(dataset: Dataset) -> str:
    """The column that must be fresh; empty where none must."""
    return (dataset.fresh.column or dataset.time or "") if dataset.fresh else ""


def _place(rule: BrokenRule, dataset: Dataset, order: list[str]) -> tuple[int, int, int]:
    """Columns that are not there first, then rules in the order of the file, checks over rows last."""
    if rule.rule == "exists":
        return 0, 0, 0
    if rule.column not in dataset.columns:
        return 2, 0, 0
    return 1, order.index(rule.column), rule_texts(dataset.columns[rule.column]).index(rule.rule)


def _take(figures: list[Any], count: int) -> list[Any]:
    """The first figures, which are taken away."""
    taken, figures[:] = figures[:count], figures[count:]
    return taken


def _guess_figures(guessed: Sequence[str]) -> list[str]:
    """For each column that nobody declared: its texts that fit each type, all, and whole numbers that fit no type."""
    return [
        figure
        for column in map(raw, guessed)
        for figure in (
            *(f"count_if({reading.looks_like(column, type)})" for type in reading.GUESSES),
            f"count({column})",
            f"count_if(regexp_full_match({column}, '[+-]?\\d{{19,}}') AND TRY_CAST({column} AS BIGINT) IS NULL)",
        )
    ]


def _types(dataset: Dataset, header: Header, guessed: list[str], figures: list[int]) -> tuple[tuple[str, str], ...]:
    found = {}
    for column in guessed:
        fits = dict(zip(reading.GUESSES, _take(figures, len(reading.GUESSES)), strict=True))
        filled, overflowing = _take(figures, 2)
        fitting = [type for type in reading.GUESSES if fits[type] == filled]
        found[column] = fitting[0] if fitting and filled and not overflowing else "VARCHAR"
    declared = {column: reading.TYPES[rules.type] for column, rules in dataset.columns.items()}
    return tuple((name, declared.get(name) or found.get(name) or stored) for name, stored in header.columns)
