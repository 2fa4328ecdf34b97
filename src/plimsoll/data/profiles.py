"""The profile of a table: frozen bins for every column, the rows in them by phase, and how they spread.

Two statements find the bins (a sample for deciles, the frequent categories), then one a column counts all rows by
the hour. Only counts leave the engine, so its memory stays bounded and equal rows give an equal profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.data.binning import (
    LONGEST_CATEGORY,
    Cells,
    bin_sql,
    cell_sql,
    column_cells,
    finite_sql,
    infinite,
    value_sql,
)
from plimsoll.data.engine import name_literal
from plimsoll.data.entities import ColumnProfile, Kind, Phase, Profile, Spread
from plimsoll.data.phases import HOUR, SECOND, phase_count, phase_for, phase_of, spans_of
from plimsoll.data.spread import clustered_effect, spreads, unknown_spread

if TYPE_CHECKING:
    import duckdb

_KINDS: dict[str, Kind] = {
    "BIGINT": "numeric",
    "DOUBLE": "numeric",
    "VARCHAR": "categorical",
    "BOOLEAN": "categorical",
}
_MOST_CATEGORIES = 50
_MOST_EDGES = 9
_SAMPLE = 100_000
"""Deciles are those of about so many rows, evenly spaced; the counts on them are of all rows."""
_CLUSTERED_ROWS, _CLUSTERS = 100_000, 2_000
"""The design effect of groups is that of about so many rows, or of so many clusters when those are large."""
_SAMPLED = "plimsoll_profile_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What every statement about one table needs."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    time: str | None
    group: str | None

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement).fetchall()

    @property
    def rows(self) -> str:
        """The rows that count: with a time column those that have a moment."""
        return self.filtered() if self.time else self.relation

    def filtered(self, *conditions: str) -> str:
        """The rows that count and meet all conditions."""
        dated = (f"{name_literal(self.time)} IS NOT NULL",) if self.time else ()
        return f"{self.relation} WHERE {' AND '.join((*dated, *conditions))}"


def profile_of(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    columns: Sequence[tuple[str, str]],
    time: str | None = None,
    group: str | None = None,
    window_s: float = HOUR,
) -> Profile:
    """The profile of a relation's columns, on a connection of `engine()`.

    relation: a table, or `(SELECT …)`, with the columns. columns: name and type (BIGINT, DOUBLE, VARCHAR, BOOLEAN);
    those of other types, moments among them, have no profile. time: a TIMESTAMP column in UTC; rows without a moment
    do not count. group: a column whose rows belong together. window_s: the monitor's window, for its spread.
    """
    table = _Table(connection=connection, relation=relation, time=time, group=group)
    kinds = {name: _KINDS[type] for name, type in columns if type in _KINDS and name != time}
    rows, begin, end = _size(table)
    phase = phase_for(begin, end)
    empty = [*_numeric_bins(table, kinds, rows), *_categorical_bins(table, kinds)]
    by_name = {column.name: column for column in empty}
    grain = min(window_s, HOUR) if time else None
    cell = cell_sql(time, grain)
    sizes = dict(table.ask(f"SELECT {cell}, count(*) FROM {table.rows} GROUP BY 1"))
    effects = (
        clustered(connection, relation, empty, group=group, time=time, window_s=window_s) if group is not None else {}
    )
    counted = [
        _filled(
            by_name[name],
            column_cells(connection, relation, by_name[name], cell=cell, moment=time, sizes=sizes),
            rows=rows,
            phase=phase,
            spans=spans_of(window_s) if time else {},
            clustered=effects.get(name, {}),
        )
        for name in kinds
    ]
    return Profile(rows=rows, time_column=time, begin=begin, end=end, phase=phase, columns=tuple(counted))


def _size(table: _Table) -> tuple[int, datetime | None, datetime | None]:
    moments = f"min({name_literal(table.time)}), max({name_literal(table.time)})" if table.time else "NULL, NULL"
    ((rows, *ends),) = table.ask(f"SELECT count(*), {moments} FROM {table.rows}")
    begin, end = (moment and moment.replace(tzinfo=UTC) for moment in ends)
    return rows, begin, end


def _numeric_bins(table: _Table, kinds: Mapping[str, Kind], rows: int) -> list[ColumnProfile]:
    columns = [_unbinned(name, "numeric") for name, kind in kinds.items() if kind == "numeric"]
    if not columns:
        return []
    ends = ", ".join(f"min({value_sql(column)}), max({value_sql(column)})" for column in columns)
    (found,) = table.ask(f"SELECT {ends} FROM {table.rows}")
    _take_sample(table, [column.name for column in columns], rows)
    try:
        return [
            _with_edges(table, column, found[2 * place], found[2 * place + 1]) for place, column in enumerate(columns)
        ]
    finally:
        table.connection.execute(f"DROP TABLE {_SAMPLED}")


def _take_sample(table: _Table, names: Sequence[str], rows: int) -> None:
    """Every so-manieth row, in the order of the files: the same rows each time, whatever runs in parallel."""
    step = max(rows // _SAMPLE, 1)
    kept = ", ".join(name_literal(name) for name in names)
    source = f"SELECT {kept} FROM {table.rows}"
    if step > 1:
        source = (
            f"SELECT {kept} FROM (SELECT {kept}, row_number() OVER () AS plimsoll_row FROM {table.rows}) "
            f"WHERE plimsoll_row % {step} = 0"
        )
    table.connection.execute(f"CREATE TEMP TABLE {_SAMPLED} AS {source}")


def _with_edges(table: _Table, column: ColumnProfile, low: float | None, high: float | None) -> ColumnProfile:
    """Deciles as edges; with few distinct values each of them has a bin."""
    value = value_sql(column)
    if low is None or high is None or infinite(low) or infinite(high):
        ((low, high),) = table.ask(f"SELECT min({value}), max({value}) FROM {table.filtered(finite_sql(value))}")
        if low is None or high is None:
            return column
    finite = f"FROM {_SAMPLED} WHERE {finite_sql(value)}"
    distinct = table.ask(f"SELECT DISTINCT {value} AS value {finite} ORDER BY value LIMIT {_MOST_EDGES + 2}")
    if len(distinct) <= _MOST_EDGES + 1:
        edges = [found for (found,) in distinct]
    else:
        deciles = [tenth / (_MOST_EDGES + 1) for tenth in range(1, _MOST_EDGES + 1)]
        ((edges,),) = table.ask(f"SELECT quantile_disc({value}, {deciles}) {finite}")
    inner = sorted({float(edge) + 0.0 for edge in edges or () if low <= edge < high})
    return replace(column, low=float(low) + 0.0, high=float(high) + 0.0, edges=tuple(inner))


def _categorical_bins(table: _Table, kinds: Mapping[str, Kind]) -> list[ColumnProfile]:
    found = []
    for name, kind in kinds.items():
        if kind == "categorical":
            column = _unbinned(name, kind)
            value = value_sql(column)
            frequent = table.ask(
                f"SELECT value FROM (SELECT {value} AS value, count(*) AS rows FROM {table.rows} GROUP BY 1) "
                f"WHERE value IS NOT NULL AND length(value) <= {LONGEST_CATEGORY} "
                f"ORDER BY rows DESC, value LIMIT {_MOST_CATEGORIES}"
            )
            found.append(replace(column, categories=tuple(value for (value,) in frequent)))
    return found


def _unbinned(name: str, kind: Kind) -> ColumnProfile:
    return ColumnProfile(name=name, kind=kind, rows=0, missing=0, low=None, high=None, counts=(0, 0), spread={})


def _filled(
    column: ColumnProfile,
    cells: Cells,
    *,
    rows: int,
    phase: Phase,
    spans: Mapping[str, int],
    clustered: Mapping[str, float],
) -> ColumnProfile:
    """The column with the counts of its cells: in all, by phase, and how they spread."""
    begins = np.array(sorted(cells), dtype=np.int64)
    counts = np.array([cells[int(begin)].counts for begin in begins], dtype=np.int64).reshape(-1, column.bins)
    total = tuple(int(count) for count in counts.sum(axis=0))
    phases = phase_of(begins // SECOND, phase)
    by_phase = np.zeros((phase_count(phase), column.bins), dtype=np.int64)
    np.add.at(by_phase, phases, counts)
    spread: dict[str, Spread] = (
        spreads(counts, begins // SECOND, phases, spans=spans, clustered=clustered)
        if spans
        else {"all": unknown_spread(rows, clustered=clustered.get("all", 1.0))}
    )
    return replace(
        column,
        rows=rows,
        missing=total[-1],
        counts=total,
        phases=tuple(tuple(int(count) for count in row) for row in by_phase) if phase != "none" else (),
        spread=spread,
    )


def clustered(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[ColumnProfile],
    *,
    group: str,
    time: str | None = None,
    window_s: float = HOUR,
) -> dict[str, dict[str, float]]:
    """The design effect of a relation's groups, by column and span: a group's rows in one span are a cluster."""
    table = _Table(connection=connection, relation=relation, time=time, group=group)
    spans: Mapping[str, int | None] = spans_of(window_s) if time else {"all": None}
    effects: dict[str, dict[str, float]] = {column.name: {} for column in columns}
    for span, seconds in spans.items():
        block = cell_sql(time, seconds)
        one_in = _clusters_taken(table, block)
        for column in columns:
            effects[column.name][span] = _clusters(table, column, block, one_in=one_in)
    return effects


def _clusters(table: _Table, column: ColumnProfile, block: str, *, one_in: int) -> float:
    assert table.group is not None
    group = name_literal(table.group)
    kept = table.filtered(f"{group} IS NOT NULL", f"hash({block}, {group}) % {one_in} = 0")
    cells = (
        f"SELECT {block} AS block, {group} AS unit, {bin_sql(column)} AS bin, count(*) AS c FROM {kept} GROUP BY ALL"
    )
    sized = f"SELECT bin, c, sum(c) OVER (PARTITION BY block, unit) AS n FROM ({cells})"
    squares, products, rows = ([0] * column.bins for _ in range(3))
    for bin, square, product, count in table.ask(
        f"SELECT bin, sum(c * c), sum(c * n), sum(c) FROM ({sized}) GROUP BY 1"
    ):
        squares[bin], products[bin], rows[bin] = int(square), int(product), int(count)
    total = sum(rows)
    shares: NDArray[np.float64] = np.array(rows) / max(total, 1)
    return clustered_effect(shares, squares=squares, products=products, sizes_squared=sum(products), rows=total)


def _clusters_taken(table: _Table, block: str) -> int:
    """One in how many clusters to look at, each whole: thousands of them tell as much as all."""
    assert table.group is not None
    clusters = f"approx_count_distinct(hash({block}, {name_literal(table.group)}))"
    ((rows, found),) = table.ask(f"SELECT count(*), {clusters} FROM {table.rows}")
    return max(min(int(rows) // _CLUSTERED_ROWS, int(found) // _CLUSTERS), 1)
