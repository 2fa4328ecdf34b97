"""Proposes the `columns:` of a dataset from rows that are taken to be good: `plimsoll data infer`.

What was seen says little about what is allowed, so only rules are proposed that a person would hardly write otherwise:
types, no nulls where there are none, keys, a sign, a share, and the values of a column that has few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.data.engine import engine, name_literal
from plimsoll.data.reading import TYPES
from plimsoll.data.rows import Rows, open_rows

if TYPE_CHECKING:
    import duckdb

_MOST_VALUES = 12
"""A text column with more different values than this is no choice among few."""
_ROWS_A_VALUE = 20
"""Nor is one whose values have been seen less often than this, on average."""
_KEY_ROWS = 20
"""So many rows without a repeat make a key likely."""
_FIELD_TYPES = {stored: field for field, stored in TYPES.items()}
_NUMBERS = ("BIGINT", "DOUBLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One column as the rows show it."""

    column: str
    type: str
    """As in a data version: BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP."""
    rows: int
    filled: int
    """Rows with a value; NaN is none."""
    distinct: int
    low: Any
    high: Any
    """The smallest and the largest value; None where there is none."""
    values: tuple[str, ...] = ()
    """The different values of a text column that has few, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A column's rules, ready for the project file, and what they rest on."""

    column: str
    rules: dict[str, Any]
    nulls: int
    distinct: int
    low: Any
    high: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """The proposal for all columns of some files."""

    files: tuple[str, ...]
    rows: int
    columns: tuple[Proposal, ...]


def infer(path: str, *, root: Path) -> Inferred:
    """Look at a file, glob or folder and propose rules. Raises what reading it raises; see `open_rows`."""
    with engine() as connection:
        rows = open_rows(connection, path, name="data", root=root)
        seen = _look(connection, rows)
    return Inferred(files=rows.files, rows=rows.rows, columns=tuple(propose(column) for column in seen))


def propose(seen: Seen) -> Proposal:
    """The rules that a column keeps."""
    rules: dict[str, Any] = {"type": _FIELD_TYPES[seen.type]}
    if seen.filled == seen.rows:
        rules["nullable"] = False
        if seen.distinct == seen.rows >= _KEY_ROWS and seen.type in ("BIGINT", "VARCHAR"):
            rules["unique"] = True
    if seen.type in _NUMBERS and seen.low is not None and seen.low >= 0:
        rules["min"] = 0
        if seen.type == "DOUBLE" and seen.high <= 1:
            rules["max"] = 1
    if seen.values and seen.filled >= _ROWS_A_VALUE * len(seen.values):
        rules["in"] = list(seen.values)
    return Proposal(
        column=seen.column,
        rules=rules,
        nulls=seen.rows - seen.filled,
        distinct=seen.distinct,
        low=_plain(seen.low),
        high=_plain(seen.high),
    )


def _look(connection: duckdb.DuckDBPyConnection, rows: Rows) -> list[Seen]:
    """Every column in one pass; the values of those that have few in another."""
    figures = [figure for name, type in rows.columns for figure in _figures(name_literal(name), type)]
    found = connection.execute(f"SELECT {', '.join(figures)} FROM {rows.relation}").fetchall()[0]
    seen = []
    for position, (name, type) in enumerate(rows.columns):
        filled, distinct, low, high = found[4 * position : 4 * position + 4]
        seen.append(Seen(column=name, type=type, rows=rows.rows, filled=filled, distinct=distinct, low=low, high=high))
    values = _values(
        connection, rows, [one.column for one in seen if one.type == "VARCHAR" and one.distinct <= _MOST_VALUES]
    )
    return [replace(one, values=values.get(one.column, ())) for one in seen]


def _figures(column: str, type: str) -> tuple[str, str, str, str]:
    there = f" FILTER (NOT isnan({column}))" if type == "DOUBLE" else ""
    return (
        f"count({column}){there}",
        f"count(DISTINCT {column}){there}",
        f"min({column}){there}",
        f"max({column}){there}",
    )


def _values(connection: duckdb.DuckDBPyConnection, rows: Rows, names: list[str]) -> dict[str, tuple[str, ...]]:
    """The different values of some columns."""
    if not names:
        return {}
    lists = ", ".join(f"list(DISTINCT {name}) FILTER ({name} IS NOT NULL)" for name in map(name_literal, names))
    found = connection.execute(f"SELECT {lists} FROM {rows.relation}").fetchall()[0]
    return {name: tuple(sorted(values or ())) for name, values in zip(names, found, strict=True)}


def _plain(value: Any) -> Any:
    """As JSON has it: moments as text."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
