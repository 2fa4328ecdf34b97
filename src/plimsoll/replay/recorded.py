"""The recorded rows: taken once into a Parquet file of the replay's own, in the order of time, and read from there.

So a replay that goes on later finds the same rows in the same order, whatever became of the files.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.data.engine import engine, name_literal, text_literal
from plimsoll.data.entities import Format
from plimsoll.data.headers import first_line, read_header
from plimsoll.data.reading import GUESSES, cell, looks_like, relation, source, value
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.nearest import nearest
from plimsoll.replay.entities import Rows, Span, Tensor
from plimsoll.replay.errors import BadRows, LacksColumns, NoRows, NoTime

if TYPE_CHECKING:
    import duckdb

AT, NUMBER = "_replayed_at", "_replayed_row"
_CHUNK = 8192
_CAST = {"BOOL": "BOOLEAN", "BYTES": "VARCHAR"}

Columns = tuple[tuple[str, str], ...]


def find_recorded(pattern: str) -> list[Path]:
    """The files that a path or glob names, sorted. Raises NoRows."""
    path = Path(pattern)
    files = [path] if path.is_file() else sorted(Path(found) for found in glob.glob(pattern) if Path(found).is_file())  # noqa: PTH207 - patterns may be absolute
    if not files:
        raise NoRows(files=pattern)
    return files


def columns_of(pattern: str, *, missing: Sequence[str] = ()) -> Columns:
    """The columns of the recorded rows with their types; those of CSV files are what all their values look like."""
    files = find_recorded(pattern)
    with engine() as connection:
        return _columns(connection, files, missing)[0]


def time_column(columns: Columns, wanted: str, *, known: Sequence[str], files: str) -> str:
    """The column that holds the time: the wanted one, else the one of which a dataset says so. Raises NoTime, BadRows."""
    names = [name for name, _ in columns]
    if wanted:
        if wanted not in names:
            near = nearest(wanted, names)
            advice = f"Did you mean {near}?" if near else f"Its columns are {', '.join(names)}."
            raise BadRows(files=files, problem=f"there is no column {wanted}", advice=advice)
        return wanted
    there = list(dict.fromkeys(name for name in known if name in names))
    if len(there) != 1:
        raise NoTime(files=files, columns=", ".join(names))
    return there[0]


def take(pattern: str, to: Path, *, time: str, missing: Sequence[str] = ()) -> Span:
    """Write all rows, numbered in the order of time, into a Parquet file; what they span.

    Rows of one moment keep the order of the files. Raises NoRows, BadRows, and what reading raises.
    """
    import duckdb

    files = find_recorded(pattern)
    with engine() as connection:
        columns, format, delimiter = _columns(connection, files, missing)
        rows = relation(format, files, columns=columns, delimiter=delimiter, missing=missing)
        kind = dict(columns)[time]
        at = value(name_literal(time), "TIMESTAMP", text=kind == "VARCHAR")
        new = to.with_name(f"{to.name}.new")
        try:
            connection.execute(
                f"""
                COPY (
                    SELECT * EXCLUDE (_order), row_number() OVER (ORDER BY {AT}, _order) - 1 AS {NUMBER}
                    FROM (SELECT *, {at} AS {AT}, row_number() OVER () AS _order FROM {rows})
                    ORDER BY {NUMBER}
                ) TO {text_literal(str(new))} (FORMAT parquet, ROW_GROUP_SIZE 20480)
                """
            )
            span = _span(connection, new)
        except duckdb.Error as error:
            new.unlink(missing_ok=True)
            advice = "Is every file whole, and of the same columns?"
            raise BadRows(files=pattern, problem=first_line(error), advice=advice) from error
    if span is None:
        new.unlink()
        advice = "Write it as ISO 8601, such as 1997-05-02T13:30:00Z, in every row."
        raise BadRows(
            files=pattern, problem=f"the column {time} does not hold a time since 1970 in each row", advice=advice
        )
    new.replace(to)
    return span


def span_of(rows: Path) -> Span:
    """What taken rows span."""
    with engine() as connection:
        found = _span(connection, rows)
    assert found is not None, "rows without a time are not taken"
    return found


def read_rows(
    rows: Path, tensors: Sequence[Tensor], *, label: str, first: int, batch: int, release: str
) -> Iterator[Rows]:
    """Requests from a row's number on: at most `batch` rows of one moment each. Raises LacksColumns.

    label: the column that holds the truth; empty for none.
    """
    with engine() as connection:
        names = _names(connection, rows)
        lacking = [tensor.name for tensor in tensors if tensor.name not in names]
        if lacking:
            raise LacksColumns(files=rows.name, release=release, columns=", ".join(lacking))
        selected = ", ".join(_as_sent(tensor) for tensor in tensors)
        truth = name_literal(label) if label else "NULL"
        query = f"""
            SELECT epoch_us({AT}), {NUMBER}, {truth}, {selected} FROM read_parquet({text_literal(str(rows))})
            WHERE {NUMBER} >= ? AND {NUMBER} < ? ORDER BY {NUMBER}
        """
        together: list[tuple[Any, ...]] = []
        while found := connection.execute(query, [first, first + _CHUNK]).fetchall():
            first += len(found)
            for row in found:
                if together and (together[0][0] != row[0] or len(together) == batch):
                    yield _rows(together)
                    together = []
                together.append(row)
        if together:
            yield _rows(together)


def read_labels(rows: Path, label: str, *, after: datetime, until: datetime) -> list[tuple[int, datetime, Any]]:
    """Number, moment and label of the rows after one moment and until another; those without a label are left out."""
    with engine() as connection:
        found = connection.execute(
            f"""
            SELECT {NUMBER}, epoch_us({AT}), {name_literal(label)} FROM read_parquet({text_literal(str(rows))})
            WHERE {AT} > ? AND {AT} <= ? AND {name_literal(label)} IS NOT NULL ORDER BY {NUMBER}
            """,
            [_naive(after), _naive(until)],
        ).fetchall()
    return [(number, _moment(at_us), label) for number, at_us, label in found]


def copy_between(rows: Path, to: Path, *, after: datetime, until: datetime, csv: bool) -> int:
    """Write the rows after one moment and until another as a file of their own columns; how many; none leave no file."""
    new = to.with_name(f".{to.name}.new")
    form = "FORMAT csv, HEADER true" if csv else "FORMAT parquet"
    with engine() as connection:
        where = f"FROM read_parquet({text_literal(str(rows))}) WHERE {AT} > ? AND {AT} <= ?"
        span = [_naive(after), _naive(until)]
        (count,) = connection.execute(f"SELECT count(*) {where}", span).fetchall()[0]
        if count:
            chosen = f"SELECT * EXCLUDE ({AT}, {NUMBER}) {where} ORDER BY {NUMBER}"
            connection.execute(f"COPY ({chosen}) TO {text_literal(str(new))} ({form})", span)
            new.replace(to)
    return int(count)


def _columns(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], missing: Sequence[str]
) -> tuple[Columns, Format, str]:
    format: Format = "parquet" if files[0].suffix.lower() in (".parquet", ".pq") else "csv"
    names = [file.name for file in files]
    header = read_header("FILE", format, files=files, names=names, connection=connection)
    if format == "parquet":
        return header.columns, format, header.delimiter
    table = source(format, files, columns=[name for name, _ in header.columns], delimiter=header.delimiter)
    cells = [cell(name, format=format, missing=missing) for name, _ in header.columns]
    asked = ", ".join(f"bool_and({looks_like(text, guess)})" for text in cells for guess in GUESSES)
    answers = connection.execute(f"SELECT {asked} FROM {table}").fetchall()[0]
    types = []
    for place, (name, _) in enumerate(header.columns):
        fits = answers[place * len(GUESSES) : (place + 1) * len(GUESSES)]
        types.append((name, next((guess for guess, fit in zip(GUESSES, fits, strict=True) if fit), "VARCHAR")))
    return tuple(types), format, header.delimiter


def _span(connection: duckdb.DuckDBPyConnection, rows: Path) -> Span | None:
    """What the rows span; None when one has no moment that a clock can show."""
    count, known, begin, end = connection.execute(
        f"SELECT count(*), count({AT}), epoch_us(min({AT})), epoch_us(max({AT})) "
        f"FROM read_parquet({text_literal(str(rows))})"
    ).fetchall()[0]
    if count == 0:
        raise NoRows(files=rows.name.removesuffix(".new"))
    if known < count or begin < 0:
        return None
    return Span(rows=count, begin=_moment(begin), end=_moment(end))


def _names(connection: duckdb.DuckDBPyConnection, rows: Path) -> set[str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({text_literal(str(rows))})").fetchall()
    return {str(name) for name, *_ in described}


def _as_sent(tensor: Tensor) -> str:
    """The column as its datatype is sent; NaN, which JSON cannot say, as null."""
    name = name_literal(tensor.name)
    if tensor.datatype.startswith("FP"):
        return f"CASE WHEN NOT isnan(CAST({name} AS DOUBLE)) THEN CAST({name} AS DOUBLE) END"
    return f"CAST({name} AS {_CAST.get(tensor.datatype, 'BIGINT')})"


def _rows(together: Sequence[tuple[Any, ...]]) -> Rows:
    at_us, number, *_ = together[0]
    return Rows(
        at=_moment(at_us),
        first=number,
        values=tuple(row[3:] for row in together),
        labels=tuple(row[2] for row in together),
    )


def _moment(microseconds: int) -> datetime:
    return from_microseconds(microseconds)


def _naive(moment: datetime) -> datetime:
    """As DuckDB's timestamps are written: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
