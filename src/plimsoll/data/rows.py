"""Rows of any CSV or Parquet files as a relation, without a project: for commands that work on files as they lie there.

CSV cells are typed as everywhere in Plimsoll (reading.py) and kept in a table of the engine, which spills to disk;
Parquet files are read where they lie, only the columns that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.data import reading
from plimsoll.data.checks import measure
from plimsoll.data.engine import name_literal, path_list
from plimsoll.data.errors import NoRows
from plimsoll.data.faults import reading_fault
from plimsoll.data.files import Found, find_files
from plimsoll.data.headers import Header, read_header
from plimsoll.project.entities import Dataset

if TYPE_CHECKING:
    import duckdb

_GUESSED_FROM = 20_000
"""Rows of a CSV file that say what its columns hold; a later row that disagrees has all of them asked."""
_MISFIT = name_literal("a cell that is not of its column's type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of some files on one connection."""

    name: str
    """What people call them."""
    path: str
    files: tuple[str, ...]
    rows: int
    columns: tuple[tuple[str, str], ...]
    """Name and type, as in a data version."""
    relation: str
    """What to put behind FROM."""

    @property
    def types(self) -> dict[str, str]:
        return dict(self.columns)


def open_rows(connection: duckdb.DuckDBPyConnection, path: str, *, name: str, root: Path) -> Rows:
    """The rows of a file, glob or folder, to be read on this connection of `engine()`.

    name: what people call them, a word that may stand in a table's name. Raises NoFile, UnknownFormat, MixedFormats,
    Unreadable, WrongEncoding, TruncatedParquet, UnsupportedType, SchemaDiffers, NoRows.
    """
    import duckdb

    found = find_files(name, path, root=root, state=root / ".plimsoll")
    header = read_header(name, found.format, files=found.files, names=found.names, connection=connection, numbers=None)
    try:
        if found.format == "parquet":
            rows, columns, table = _parquet(connection, header, list(found.files))
        else:
            rows, columns, table = _csv(connection, name, header, found)
    except duckdb.Error as error:
        raise reading_fault(name, error, files=found.files, names=found.names) from error
    if rows == 0:
        raise NoRows(dataset=name, files=_listed(found.names), path=path)
    return Rows(name=name, path=path, files=found.names, rows=rows, columns=columns, relation=table)


def _parquet(
    connection: duckdb.DuckDBPyConnection, header: Header, files: list[Path]
) -> tuple[int, tuple[tuple[str, str], ...], str]:
    """Moments become TIMESTAMP in UTC whatever they were stored as; everything else is read as stored."""
    moments = [name for name, type in header.columns if type in ("TIMESTAMP", "DATE")]
    casts = ", ".join(f"make_timestamp(epoch_us({name})) AS {name}" for name in map(name_literal, moments))
    source = f"read_parquet({path_list(files)}, union_by_name = true, hive_partitioning = false)"
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
    table = f"(SELECT * REPLACE ({casts}) FROM {source})" if moments else source
    return rows, header.columns, table


def _csv(
    connection: duckdb.DuckDBPyConnection, name: str, header: Header, found: Found
) -> tuple[int, tuple[tuple[str, str], ...], str]:
    """A table of typed values. The types are those that the first rows have, unless a later row disagrees."""
    table = name_literal(f"rows of {name}")
    for first in (_GUESSED_FROM, None):
        columns = measure(
            name,
            Dataset(path=""),
            format="csv",
            header=header,
            files=found.files,
            names=found.names,
            connection=connection,
            first=first,
        ).columns
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_typed(columns, header, found)}")
        asked = f"SELECT count(*), count_if({_MISFIT}) FROM {table}"
        ((rows, misfits),) = connection.execute(asked).fetchall()
        if not misfits:
            break
    return rows, columns, table


def _typed(columns: tuple[tuple[str, str], ...], header: Header, found: Found) -> str:
    """The values of every row, and whether one of its cells says something that its column's type cannot."""
    names = [name for name, _ in columns]
    source = reading.source("csv", found.files, columns=names, delimiter=header.delimiter)
    raws = {name: name_literal(f"raw {name}") for name in names}
    cells = ", ".join(f"{reading.cell(name, format='csv', missing=())} AS {raw}" for name, raw in raws.items())
    misfits = [
        f"({raws[name]} IS NOT NULL AND NOT {reading.looks_like(raws[name], type)})"
        for name, type in columns
        if type != "VARCHAR"
    ]
    values = ", ".join(
        f"{reading.value(raws[name], type, text=False)} AS {name_literal(name)}" for name, type in columns
    )
    return f"SELECT {values}, {' OR '.join(misfits) or 'false'} AS {_MISFIT} FROM (SELECT {cells} FROM {source})"


def _listed(names: tuple[str, ...]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{len(names)} files are"
