"""Rows counted on frozen bins by DuckDB: one GROUP BY a column, per window of time.

Numbers are counted by `histogram` on the profile's edges, with guards for what is infinite or out of range;
categories by their value first, so that the many rows meet no long comparison. Every column is one statement that
reads this column alone: hand in a table or Parquet files, not an expression that is costly to read many times.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from plimsoll.data.engine import name_literal, text_literal
from plimsoll.data.entities import ColumnCounts, ColumnProfile, Phase, WindowCounts
from plimsoll.data.phases import SECOND, floor_sql, moment_of, phase_sql

if TYPE_CHECKING:
    import duckdb

LONGEST_CATEGORY = 200
"""Characters; a longer text has no bin of its own."""
_INFINITE = sys.float_info.max
"""Numbers of this size count as infinite, and so as missing."""

Cells = dict[int, ColumnCounts]
"""Counts by cell of time, in microseconds since 1970."""


def counts_of(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    columns: Sequence[ColumnProfile],
    phase: Phase = "none",
    moment: str | None = None,
    window_s: float | None = None,
) -> tuple[WindowCounts, ...]:
    """The relation's rows per window and column, on the bins of the profile, oldest first; without windows one.

    relation: a table, or `(SELECT …)`, that has the columns; what is no number there counts as missing in a column of
    numbers. moment: its TIMESTAMP column (UTC); rows without a moment do not count. window_s: None makes one window of
    all rows. Windows without a row are left out.
    """
    cell = cell_sql(moment, window_s)
    rows: dict[int, dict[int, int]] = defaultdict(dict)
    phases = phase_sql(f"epoch_us({name_literal(moment)})", phase) if moment else "0"
    asked = f"SELECT {cell}, {phases}, count(*) FROM {relation}{_with_moment(moment)} GROUP BY 1, 2 ORDER BY 1, 2"
    for begin, number, count in connection.execute(asked).fetchall():
        rows[begin][number] = count
    sizes = {begin: sum(counts.values()) for begin, counts in rows.items()}
    found = {
        column.name: column_cells(connection, relation, column, cell=cell, moment=moment, sizes=sizes)
        for column in columns
    }
    return tuple(
        WindowCounts(
            begin=moment_of(begin) if moment and window_s else None,
            rows=sizes[begin],
            phases=rows[begin],
            columns={name: cells[begin] for name, cells in found.items()},
        )
        for begin in rows
    )


def cell_sql(moment: str | None, window_s: float | None) -> str:
    """The beginning of a row's cell of time, in microseconds since 1970; 0 without time."""
    if moment is None or window_s is None:
        return "0"
    return floor_sql(f"epoch_us({name_literal(moment)})", round(window_s * SECOND))


def column_cells(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: ColumnProfile,
    *,
    cell: str,
    moment: str | None,
    sizes: Mapping[int, int],
) -> Cells:
    """A column's counts in every cell of time. sizes: the rows of each cell."""
    table = f"{relation}{_with_moment(moment)}"
    if column.kind == "numeric":
        return _numbers(connection, table, column, cell, sizes)
    return _categories(connection, table, column, cell, sizes)


def value_sql(column: ColumnProfile) -> str:
    """The column as its kind's type; null where it is not one."""
    type = "DOUBLE" if column.kind == "numeric" else "VARCHAR"
    return f"TRY_CAST({name_literal(column.name)} AS {type})"


def finite_sql(value: str) -> str:
    """Whether a DOUBLE is a number that has a bin: not null, NaN or infinite."""
    return f"abs({value}) < {number_literal(_INFINITE)}"


def infinite(number: float) -> bool:
    """Whether a number is NaN or infinite, and so has no bin."""
    return not abs(number) < _INFINITE


def bin_sql(column: ColumnProfile) -> str:
    """The number of a row's bin as an expression; for statements that group by more than time."""
    value = value_sql(column)
    if column.kind == "numeric":
        above = " + ".join(f"CAST({value} > {number_literal(edge)} AS INTEGER)" for edge in column.edges) or "0"
        return f"CASE WHEN {finite_sql(value)} THEN {above} ELSE {column.bins - 1} END"
    return _category_bin(column, value)


def number_literal(number: float) -> str:
    """The number as an SQL literal that is read back to its last bit."""
    return f"CAST('{number!r}' AS DOUBLE)"


def _numbers(
    connection: duckdb.DuckDBPyConnection, table: str, column: ColumnProfile, cell: str, sizes: Mapping[int, int]
) -> Cells:
    """From histograms over the edges, with guards: what is infinite, below the smallest, above the largest."""
    low, high = (column.low, column.high) if column.low is not None and column.high is not None else (0.0, 0.0)
    below, most = math.nextafter(low, -math.inf), math.nextafter(_INFINITE, 0)
    inner = [*column.edges, high]
    edges = ", ".join(number_literal(bound) for bound in sorted({-_INFINITE, below, *inner, most}))
    asked = f"SELECT {cell}, histogram({value_sql(column)}, [{edges}]) FROM {table} GROUP BY 1"
    made = {}
    for begin, histogram in connection.execute(asked).fetchall():
        counted = histogram or {}
        bins = [counted.get(bound, 0) for bound in inner]
        under = counted.get(below, 0) if below > -_INFINITE else 0
        over = counted.get(most, 0) if high < most else 0
        bins[0] += under
        bins[-1] += over
        outside = under + over if column.low is not None else 0
        made[begin] = ColumnCounts(counts=(*bins, sizes[begin] - sum(bins)), new=0, out_of_range=outside)
    return made


def _categories(
    connection: duckdb.DuckDBPyConnection, table: str, column: ColumnProfile, cell: str, sizes: Mapping[int, int]
) -> Cells:
    by_value = f"SELECT {cell} AS cell, {value_sql(column)} AS value, count(*) AS rows FROM {table} GROUP BY 1, 2"
    asked = f"SELECT cell, {_category_bin(column, 'value')}, sum(rows) FROM ({by_value}) GROUP BY 1, 2"
    made: dict[int, list[int]] = {begin: [0] * column.bins for begin in sizes}
    for begin, bin, rows in connection.execute(asked).fetchall():
        made[begin][bin] = int(rows)
    complete = column.counts[-2] == 0
    return {
        begin: ColumnCounts(counts=tuple(counts), new=counts[-2] if complete else 0, out_of_range=0)
        for begin, counts in made.items()
    }


def _category_bin(column: ColumnProfile, value: str) -> str:
    named = "".join(
        f" WHEN {value} = {text_literal(name)} THEN {place}" for place, name in enumerate(column.categories)
    )
    return f"CASE WHEN {value} IS NULL THEN {column.bins - 1}{named} ELSE {column.bins - 2} END"


def _with_moment(moment: str | None) -> str:
    return f" WHERE {name_literal(moment)} IS NOT NULL" if moment else ""
