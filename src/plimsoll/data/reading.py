"""How cells become values: the SQL that reads the files of a dataset, column by column, the same way everywhere.

A CSV cell is text first: surrounding blanks are dropped, an empty field and the dataset's `missing` texts are
null, and the rest must be written as its column's type says. Nothing is sniffed here; pure text in, SQL out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from plimsoll.data.engine import name_literal, path_list, text_literal
from plimsoll.data.entities import Format

TYPES = {
    "int": "BIGINT",
    "float": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
}
"""A column type of the project file -> the type it is read as."""

_DATE = r"\d{4}-\d{2}-\d{2}"
_PATTERNS = {
    "BIGINT": r"[+-]?\d+(\.0*)?",
    "DOUBLE": r"[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?)|[nN][aA][nN]",
    "BOOLEAN": r"(?i)true|false|t|f|yes|no|y|n|1|0",
    "DATE": rf"{_DATE}([ T]00:00(:00(\.0*)?)?)?",
    "TIMESTAMP": rf"{_DATE}([ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d{{1,9}})?)?( ?(Z|[+-]\d{{2}}(:?\d{{2}})?))?)?",
}
_NARROW = {
    "BIGINT": r"[+-]?(0|[1-9]\d*)",
    "DOUBLE": r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|(?i:nan)",
    "BOOLEAN": r"(?i)true|false",
    "DATE": _DATE,
    "TIMESTAMP": _PATTERNS["TIMESTAMP"],
}
"""What a text must look like before a column nobody declared is taken for that type: 007 stays text, so does `yes`."""

GUESSES = ("BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP")
"""Types to try for an undeclared CSV column, in this order; else it is text."""


def source(format: Format, files: Sequence[Path], *, columns: Sequence[str], delimiter: str) -> str:
    """A table function over the files, every column as stored."""
    paths = path_list(list(files))
    if format == "parquet":
        return f"read_parquet({paths}, union_by_name = true, hive_partitioning = false)"
    names = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({paths}, auto_detect = false, header = true, columns = {{{names}}}, delim = {text_literal(delimiter)}, "
        "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, null_padding = false, "
        f"hive_partitioning = false, encoding = 'utf-8')"
    )


def cell(name: str, *, format: Format, missing: Sequence[str]) -> str:
    """A column as stored, with blanks dropped (CSV) and `missing` texts as null."""
    column = name_literal(name)
    if format == "csv":
        column = f"nullif(trim({column}, ' ' || chr(9)), '')"
    if not missing:
        return column
    texts = ", ".join(text_literal(text.strip()) for text in missing)
    return f"CASE WHEN CAST({column} AS VARCHAR) IN ({texts}) THEN NULL ELSE {column} END"


def value(expression: str, type: str, *, text: bool) -> str:
    """The expression's value as `type`, null where it is not one. text: whether the expression is text."""
    if type == "VARCHAR":
        return expression if text else f"CAST({expression} AS VARCHAR)"
    if type == "TIMESTAMP":  # through a moment with a zone: a plain cast drops the zone that a text carries
        cast = f"CAST(TRY_CAST({expression} AS TIMESTAMPTZ) AS TIMESTAMP)"
    else:
        cast = f"TRY_CAST({expression} AS {type})"
    if type == "DOUBLE":
        cast = f"CASE WHEN NOT isnan({cast}) THEN {cast} END"
    if text:
        cast = f"CASE WHEN {_matches(expression, _PATTERNS[type])} THEN {cast} END"
    return cast


def looks_like(expression: str, type: str) -> str:
    """Whether a text that is not null could stand in an undeclared column of that type."""
    return f"({_matches(expression, _NARROW[type])} AND TRY_CAST({expression} AS {type}) IS NOT NULL)"


def relation(
    format: Format,
    files: Sequence[Path],
    *,
    columns: Sequence[tuple[str, str]],
    delimiter: str,
    missing: Sequence[str],
) -> str:
    """The files as a typed relation, `(SELECT …)`, for a FROM clause on a connection of `engine()`."""
    names = [name for name, _ in columns]
    table = source(format, files, columns=names, delimiter=delimiter)
    values = ", ".join(
        f"{value(cell(name, format=format, missing=missing), type, text=format == 'csv')} AS {name_literal(name)}"
        for name, type in columns
    )
    return f"(SELECT {values} FROM {table})"


def _matches(expression: str, pattern: str) -> str:
    return f"regexp_full_match({expression}, {text_literal(pattern)})"
