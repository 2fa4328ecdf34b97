"""The result of a query as one Parquet file: the same rows in the same order give the same bytes.

Who answers is in `databases.py`. Rows come in batches and wait in a table of DuckDB, which spills to disk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.data.databases import RESULT, Answer, ask
from plimsoll.data.engine import engine, name_literal, text_literal
from plimsoll.data.errors import NoRows, QueryRefused

if TYPE_CHECKING:
    import duckdb

_ROW_GROUP = 122_880
"""Rows; a multiple of DuckDB's vectors, as it wants."""
_MEMORY = "1GiB"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_MADE = {
    "VARCHAR": "CAST({} AS VARCHAR)",
    "DATE": "DATE '1970-01-01' + CAST({} AS INTEGER)",
    "TIMESTAMP": "make_timestamp({})",
}
"""Type -> how it is made of what a batch holds for it: text, days and microseconds since 1970."""
_HELD = {"DOUBLE": "float64", "BOOLEAN": "bool", "VARCHAR": "object"}


def write_result(dataset: str, *, query: str, url: str, root: Path, into: Path) -> int:
    """Ask the database and write every row of its answer into a Parquet file; returns how many rows there are.

    root: where relative paths of sqlite:/// and duckdb:/// begin.
    Raises DatabaseUnreachable, QueryRefused, UnsupportedType, NoRows, PackageMissing.
    """
    with engine() as connection:
        connection.execute("SET threads = 1")  # rows stay in order, and the same rows give the same bytes
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        with ask(dataset, query=query, url=url, root=root) as answer:
            rows = _stage(dataset, connection, answer)
        if not rows:
            raise NoRows(dataset=dataset, files=f"{RESULT} is", path="the tables that it reads")
        connection.execute(
            f"COPY staged TO {text_literal(os.fspath(into))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
        )
    return rows


def _stage(dataset: str, connection: duckdb.DuckDBPyConnection, answer: Answer) -> int:
    """Bring the rows into the table `staged`, one batch after the other."""
    table = ", ".join(f"{name_literal(name)} {type}" for name, type in answer.columns)
    connection.execute(f"CREATE TEMP TABLE staged ({table})")
    values = ", ".join(
        f"CASE WHEN there{index} THEN {_MADE.get(type, '{}').format(f'value{index}')} END"
        for index, (_, type) in enumerate(answer.columns)
    )
    rows = 0
    for batch in answer.batches:
        arrays: dict[str, Any] = {}
        for index, ((name, type), cells) in enumerate(zip(answer.columns, zip(*batch, strict=True), strict=True)):
            try:
                arrays[f"value{index}"], arrays[f"there{index}"] = _column(type, cells)
            except (OverflowError, ValueError, TypeError) as error:
                problem = f"column {name} holds a value that is no {type}: {error}"
                raise QueryRefused(dataset=dataset, problem=problem) from error
        connection.register("batch", arrays)
        connection.execute(f"INSERT INTO staged SELECT {values} FROM batch")
        connection.unregister("batch")
        rows += len(batch)
    return rows


def _column(type: str, cells: Sequence[Any]) -> tuple[Any, Any]:
    """The cells as an array, and which of them are there. Raises OverflowError, ValueError, TypeError."""
    import numpy as np

    there = np.fromiter((cell is not None for cell in cells), dtype=np.bool_, count=len(cells))
    empty: Any = "" if type == "VARCHAR" else 0
    filled = [empty if cell is None else _number(cell) if type in ("DATE", "TIMESTAMP") else cell for cell in cells]
    if type == "VARCHAR":
        filled = [cell if isinstance(cell, str) else str(cell) for cell in filled]
    return np.array(filled, dtype=_HELD.get(type, "int64")), there


def _number(cell: Any) -> int:
    """Days of a date, microseconds of a moment; without a zone it is UTC."""
    if isinstance(cell, datetime):
        return ((cell if cell.tzinfo else cell.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    return (cell - _DAY_ZERO).days if isinstance(cell, date) else int(cell)
