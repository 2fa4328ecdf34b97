"""Rows of any CSV or Parquet files as a relation, without a project: for commands that work on files as they lie there.

CSV cells are typed as everywhere in Plimsoll (reading.py) and kept in a table of the engine, which spills to disk;
Parquet files are read where they lie, only the columns that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.data.checks import measure
from plimsoll.data.engine import name_literal, path_list
from plimsoll.data.errors import NoRows
from plimsoll.data.faults import reading_fault
from plimsoll.data.files import find_files
from plimsoll.data.headers import Header, read_header
from plimsoll.data.reading import relation
from plimsoll.project.entities import Dataset

if TYPE_CHECKING:
    import duckdb


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
            dataset = Dataset(path=path)
            measured = measure(
                name,
                dataset,
                format=found.format,
                header=header,
                files=found.files,
                names=found.names,
                connection=connection,
            )
            rows, columns = measured.rows, measured.columns
            typed = relation("csv", found.files, columns=columns, delimiter=header.delimiter, missing=())
            table = name_literal(f"rows of {name}")
            connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {typed}")
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
    casts = ", ".join(
        f"CAST(CAST({name_literal(name)} AS TIMESTAMPTZ) AS TIMESTAMP) AS {name_literal(name)}" for name in moments
    )
    source = f"read_parquet({path_list(files)}, union_by_name = true, hive_partitioning = false)"
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
    table = f"(SELECT * REPLACE ({casts}) FROM {source})" if moments else source
    return rows, header.columns, table


def _listed(names: tuple[str, ...]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{len(names)} files are"
