"""Rows of files as requests: checked against what a release needs, then read batch by batch, in the files' order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.batch.entities import Batch
from plimsoll.batch.errors import ColumnsDiffer
from plimsoll.bundle.entities import Field, FieldType
from plimsoll.data.engine import name_literal
from plimsoll.data.rows import Rows
from plimsoll.kernel.nearest import nearest

if TYPE_CHECKING:
    import duckdb

_DATATYPES = {
    "BIGINT": "INT64",
    "DOUBLE": "FP64",
    "BOOLEAN": "BOOL",
    "VARCHAR": "BYTES",
    "TIMESTAMP": "BYTES",
    "DATE": "BYTES",
}
"""A column's type in files -> the datatype in which its values are sent."""

_TAKES: dict[FieldType, tuple[str, ...]] = {
    "int": ("BIGINT", "DOUBLE"),
    "float": ("DOUBLE", "BIGINT"),
    "bool": ("BOOLEAN",),
    "string": ("VARCHAR",),
    "timestamp": ("TIMESTAMP", "DATE", "VARCHAR"),
    "date": ("DATE", "TIMESTAMP", "VARCHAR"),
}
"""The types of columns whose values can be sent for a field; whether each value fits is the release's to say."""

_MOMENT = "'%Y-%m-%dT%H:%M:%S.%f'"


def require_columns(rows: Rows, fields: Sequence[Field], *, release: str) -> None:
    """Raises ColumnsDiffer that names every column that is missing or of a type that does not fit."""
    problems = []
    needed = {field.name for field in fields}
    for field in fields:
        found = rows.types.get(field.name)
        if found is None:
            near = nearest(field.name, [name for name in rows.types if name not in needed])
            problems.append(f"the column {field.name} is missing" + (f" (there is {near})" if near else ""))
        elif found not in _TAKES[field.type]:
            problems.append(f"{field.name} is {found}, expected {field.type}")
    if problems:
        expected = ", ".join(f"{item.name} ({item.type}{', may be null' * item.nullable})" for item in fields)
        raise ColumnsDiffer(
            release=release, files=rows.path, problems=tuple(problems), listing="; ".join(problems), expected=expected
        )


def batches(
    connection: duckdb.DuckDBPyConnection, rows: Rows, fields: Sequence[Field], *, batch_rows: int
) -> Iterator[Batch]:
    """The rows as requests' tensors; the connection is in use until the last was taken."""
    types = [rows.types[field.name] for field in fields]
    select = ", ".join(_sent(field.name, type) for field, type in zip(fields, types, strict=True))
    connection.execute(f"SELECT {select} FROM {rows.relation}")
    first = 0
    while taken := connection.fetchmany(batch_rows):
        columns = list(zip(*taken, strict=True))
        tensors = tuple(
            {"name": field.name, "shape": [len(taken)], "datatype": _DATATYPES[type], "data": _plain(values, type)}
            for field, type, values in zip(fields, types, columns, strict=True)
        )
        yield Batch(first=first, rows=len(taken), tensors=tensors)
        first += len(taken)


def _sent(name: str, type: str) -> str:
    column = name_literal(name)
    return f"strftime({column}, {_MOMENT})" if type in ("TIMESTAMP", "DATE") else f"CAST({column} AS {type})"


def _plain(values: tuple[Any, ...], type: str) -> list[Any]:
    """As JSON would carry them: there, NaN is null."""
    if type != "DOUBLE":
        return list(values)
    return [None if value is None or math.isnan(value) else value for value in values]
