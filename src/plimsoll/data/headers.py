"""What the files say about themselves before their rows are read: names, types of Parquet columns, delimiter.

The first line of a CSV file holds its column names; they also tell the delimiter. All files of a dataset must agree.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.data.engine import path_list
from plimsoll.data.entities import Format
from plimsoll.data.errors import NoRows, SchemaDiffers, TruncatedParquet, Unreadable, UnsupportedType, WrongEncoding

if TYPE_CHECKING:
    import duckdb

_DELIMITERS = ",;\t|"
_KINDS = {
    "BIGINT": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"),
    "DOUBLE": ("FLOAT", "DOUBLE", "DECIMAL"),
    "VARCHAR": ("VARCHAR", "ENUM", "UUID"),
    "BOOLEAN": ("BOOLEAN",),
    "DATE": ("DATE",),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}
_TYPES = {stored: type for type, spellings in _KINDS.items() for stored in spellings}
_NUMBERS = ("BIGINT", "DOUBLE")
_UNSURE = ("UBIGINT", "HUGEINT", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")
"""Stored types with values that the type as which they are read does not have, or has elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The columns of a dataset in file order, and what separates them. CSV columns are all VARCHAR."""

    columns: tuple[tuple[str, str], ...]
    delimiter: str
    sure: frozenset[str] = frozenset()
    """Columns of which every stored value is one of the type named here, whatever it is."""


def read_header(
    dataset: str,
    format: Format,
    *,
    files: Sequence[Path],
    names: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    numbers: frozenset[str] | None = frozenset(),
) -> Header:
    """The columns that all files share. names: the files' names for people.

    numbers: columns declared as int or float, which may be whole numbers in one Parquet file and not in another; None:
    every column may.
    Raises WrongEncoding, TruncatedParquet, Unreadable, UnsupportedType, NoRows, SchemaDiffers.
    """
    if format == "csv":
        return _csv_header(dataset, files, names)
    merged: dict[str, str] = {}
    unsure: set[str] = set()
    for file, name in zip(files, names, strict=True):
        columns, stored = _parquet_columns(dataset, file, name, connection)
        unsure |= {column for column, type in stored.items() if type in _UNSURE}
        if merged:
            _same_names(dataset, names[0], list(merged), name, list(columns))
            for column, type in columns.items():
                if type != merged[column] and not (
                    (numbers is None or column in numbers) and type in _NUMBERS and merged[column] in _NUMBERS
                ):
                    problem = f"column {column} is {type}, not {merged[column]}"
                    raise SchemaDiffers(dataset=dataset, first=names[0], file=name, problem=problem)
                merged[column] = type if type == merged[column] else "DOUBLE"
        else:
            merged = columns
    return Header(columns=tuple(merged.items()), delimiter="", sure=frozenset(merged) - unsure)


def engine_type(stored: str) -> str | None:
    """The type as which a column of DuckDB's or Parquet's type is read; None when it cannot be."""
    return _TYPES.get(stored.partition("(")[0]) if not stored.endswith("]") else None


def encoding_problem(file: Path) -> tuple[str, str] | None:
    """Where a file stops being UTF-8, in words, and the likely encoding; None when it is UTF-8."""
    with file.open("rb") as stream:
        start = stream.read(4)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "it begins like UTF-16", "UTF-16"
        stream.seek(0)
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"line {number:,} holds the byte 0x{line[error.start]:02x}", "WINDOWS-1252"
    return None


def _csv_header(dataset: str, files: Sequence[Path], names: Sequence[str]) -> Header:
    delimiter = ""
    header: list[str] = []
    for file, name in zip(files, names, strict=True):
        line = _first_record(dataset, file, name)
        if not header:
            delimiter = _delimiter(line)
        fields = _fields(line, delimiter)
        columns = [field or f"column{index}" for index, field in enumerate(fields)]
        if header:
            _same_names(dataset, names[0], header, name, columns)
            if columns != header:
                at = next(index for index, column in enumerate(columns) if column != header[index])
                problem = f"column {at + 1} is {columns[at]}, not {header[at]}"
                raise SchemaDiffers(dataset=dataset, first=names[0], file=name, problem=problem)
            continue
        _plausible(dataset, name, columns, fields)
        header = columns
    return Header(columns=tuple((column, "VARCHAR") for column in header), delimiter=delimiter)


def _first_record(dataset: str, file: Path, name: str) -> str:
    """The first line of a CSV file, longer when a quoted name holds a line break."""
    record = ""
    try:
        with file.open(encoding="utf-8-sig", newline=None) as stream:
            for line in stream:
                record += line
                if record.strip() and record.count('"') % 2 == 0:
                    return record.strip("\n")
                if len(record) > 1_000_000:
                    raise Unreadable(dataset=dataset, file=name, problem="its first line does not end")
    except UnicodeDecodeError as error:
        problem, guess = encoding_problem(file) or ("its first line cannot be decoded", "WINDOWS-1252")
        raise WrongEncoding(dataset=dataset, file=name, problem=problem, guess=guess) from error
    if record.strip():
        raise Unreadable(dataset=dataset, file=name, problem="a quote in its first line is never closed")
    raise NoRows(dataset=dataset, files=f"{name} is empty: no column names,", path=name)


def _delimiter(line: str) -> str:
    """The separator that occurs most often outside quotes; a comma when none does."""
    plain = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=plain.count)


def _fields(line: str, delimiter: str) -> list[str]:
    record = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, skipinitialspace=True))
    return [field.strip() for field in record]


def _plausible(dataset: str, name: str, columns: list[str], fields: list[str]) -> None:
    if all(_is_number(field) for field in fields):
        problem = f"its first line must hold the names of its columns, and holds {', '.join(fields[:4])}"
        raise Unreadable(dataset=dataset, file=name, problem=problem)
    seen: set[str] = set()
    for column in columns:
        if column.lower() in seen:
            raise Unreadable(dataset=dataset, file=name, problem=f"two of its columns are named {column}")
        seen.add(column.lower())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet_columns(
    dataset: str, file: Path, name: str, connection: duckdb.DuckDBPyConnection
) -> tuple[dict[str, str], dict[str, str]]:
    """Column -> type as which it is read, and as which it is stored."""
    import duckdb

    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, size - 4))
        end = stream.read(4)
    if start != b"PAR1":
        problem = "it does not begin like one"
        raise TruncatedParquet(dataset=dataset, file=name, size=f"{size:,}", problem=problem)
    if end != b"PAR1" or size < 12:
        raise TruncatedParquet(dataset=dataset, file=name, size=f"{size:,}", problem="its end is missing")
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({path_list([file])})").fetchall()
    except duckdb.Error as error:
        raise Unreadable(dataset=dataset, file=name, problem=first_line(error)) from error
    columns, types = {}, {}
    for column, stored, *_ in described:
        type = engine_type(str(stored))
        if type is None:
            raise UnsupportedType(dataset=dataset, file=name, column=column, type=stored)
        columns[str(column)], types[str(column)] = type, str(stored)
    return columns, types


def _same_names(dataset: str, first: str, expected: list[str], file: str, found: list[str]) -> None:
    missing = [column for column in expected if column not in found]
    extra = [column for column in found if column not in expected]
    if not missing and not extra:
        return
    parts = []
    if missing:
        parts.append(f"it lacks {', '.join(missing)}")
    if extra:
        parts.append(f"{'and' if missing else 'it'} has {', '.join(extra)} besides")
    raise SchemaDiffers(dataset=dataset, first=first, file=file, problem=" ".join(parts))


def first_line(error: Exception) -> str:
    """The headline of a DuckDB error, without its prefix and its path."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return line.partition("Error: ")[2] or line
