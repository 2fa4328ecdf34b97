"""Rows that break rules, with the file and the row number at which people find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plimsoll.data.cells import FILE, POSITION, Cells, raw
from plimsoll.data.entities import ExampleRow

if TYPE_CHECKING:
    import duckdb

_EXAMPLES = 3


def first_rows(
    connection: duckdb.DuckDBPyConnection, cells: Cells, tests: Sequence[str], *, names: Sequence[str]
) -> list[tuple[ExampleRow, ...]]:
    """For each test the first rows for which it is true, all found in one pass. names: the files' for people."""
    if not tests:
        return []
    figures = ", ".join(f"min({POSITION}, {_EXAMPLES}) FILTER (WHERE {test})" for test in tests)
    found = connection.execute(f"SELECT {figures} FROM {cells.placed()}").fetchall()[0]
    rows = _fetch(connection, cells, {position for positions in found for position in positions or ()}, names)
    return [tuple(rows[position] for position in positions or ()) for positions in found]


def chosen_rows(
    connection: duckdb.DuckDBPyConnection, cells: Cells, test: str, *, order: str, names: Sequence[str]
) -> tuple[ExampleRow, ...]:
    """The first rows in that order for which a test is true that needs more than the row."""
    query = f"SELECT {POSITION} FROM {cells.placed()} WHERE {test} ORDER BY {order}{POSITION} LIMIT {_EXAMPLES}"
    positions = [position for (position,) in connection.execute(query).fetchall()]
    rows = _fetch(connection, cells, set(positions), names)
    return tuple(rows[position] for position in positions)


def _fetch(
    connection: duckdb.DuckDBPyConnection, cells: Cells, positions: set[int], names: Sequence[str]
) -> Mapping[int, ExampleRow]:
    if not positions:
        return {}
    columns = [name for name, _ in cells.header.columns]
    listed = ", ".join(map(str, sorted(positions)))
    found = connection.execute(
        f"SELECT {POSITION}, {', '.join(map(raw, columns))} FROM {cells.placed()} WHERE {POSITION} IN ({listed})"
    ).fetchall()
    return {
        position: ExampleRow(
            file=names[position // FILE],
            row=position % FILE,
            values={name: _jsonable(value) for name, value in zip(columns, values, strict=True)},
        )
        for position, *values in found
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
