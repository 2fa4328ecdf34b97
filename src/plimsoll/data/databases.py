"""Databases that answer a dataset's query: PostgreSQL, a file of SQLite, a file of DuckDB. All are only read.

Each gives the columns of its answer with Plimsoll's types, and the rows in batches as one transaction sees them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from plimsoll.data.errors import DatabaseUnreachable, QueryRefused, UnsupportedType
from plimsoll.project.source_rules import without_password

BATCH = 20_000
"""Rows that are held at once."""
RESULT = "the result of its query"
"""What people call it."""
Batch = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a database says to a query: each column's name and type, then rows."""

    columns: tuple[tuple[str, str], ...]
    """BIGINT, DOUBLE, BOOLEAN, VARCHAR, DATE, TIMESTAMP (in UTC)."""
    batches: Iterator[Batch]


def ask(dataset: str, *, query: str, url: str, root: Path) -> AbstractContextManager[Answer]:
    """The answer, to be read to its end inside. root: where relative paths of files begin.

    Raises DatabaseUnreachable, QueryRefused, UnsupportedType, PackageMissing; reading the batches does too.
    """
    query = query.strip().rstrip(";")
    scheme, _, rest = url.partition("://")
    if scheme == "postgresql":
        return _postgres(dataset, query, url)
    file = root / rest.removeprefix("/")
    return _sqlite(dataset, query, url, file) if scheme == "sqlite" else _duckdb(dataset, query, url, file)


_SQLITE_KINDS = ("integer", "real", "text", "blob")


@contextmanager
def _sqlite(dataset: str, query: str, url: str, file: Path) -> Iterator[Answer]:
    """A column's type is what its values are: SQLite itself declares none. So the query is asked twice."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, isolation_level=None, timeout=30)
    except sqlite3.Error as error:
        raise DatabaseUnreachable(dataset=dataset, url=url, problem=f"{error}") from error
    with closing(connection):
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            raise DatabaseUnreachable(dataset=dataset, url=url, problem=f"{error}") from error
        with _refusals(dataset, sqlite3.Error):
            cursor = connection.execute(query)
            if cursor.description is None:
                raise QueryRefused(dataset=dataset, problem="it selects no rows")
            names = _unique(dataset, [item[0] for item in cursor.description])
            seen = _kinds_seen(connection, query, len(names))
            columns = tuple((name, _sqlite_type(dataset, name, kinds)) for name, kinds in zip(names, seen, strict=True))
            yield Answer(columns=columns, batches=_fetched(cursor))


def _kinds_seen(connection: sqlite3.Connection, query: str, width: int) -> list[set[str]]:
    names = ", ".join(f"c{index}" for index in range(width))
    kinds = ", ".join(f"max(typeof(c{index}) = '{kind}')" for index in range(width) for kind in _SQLITE_KINDS)
    row = connection.execute(f"WITH asked({names}) AS (\n{query}\n) SELECT {kinds} FROM asked").fetchone()
    wide = len(_SQLITE_KINDS)
    return [
        {kind for kind, there in zip(_SQLITE_KINDS, row[index * wide : (index + 1) * wide], strict=True) if there}
        for index in range(width)
    ]


def _sqlite_type(dataset: str, name: str, kinds: set[str]) -> str:
    if kinds <= {"text"}:
        return "VARCHAR"
    if kinds <= {"integer"}:
        return "BIGINT"
    if kinds <= {"integer", "real"}:
        return "DOUBLE"
    raise UnsupportedType(dataset=dataset, file=RESULT, column=name, type=" and ".join(sorted(kinds)))


_DUCKDB_SIGNS = {"DATE": "date_diff('day', DATE '1970-01-01', {})", "TIMESTAMP": "epoch_us({})"}


@contextmanager
def _duckdb(dataset: str, query: str, url: str, file: Path) -> Iterator[Answer]:
    import duckdb

    from plimsoll.data.engine import name_literal
    from plimsoll.data.headers import engine_type

    if not file.is_file():
        raise DatabaseUnreachable(dataset=dataset, url=url, problem="there is no such file")
    config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    try:
        connection = duckdb.connect(str(file), read_only=True, config=config)
    except duckdb.Error as error:
        raise DatabaseUnreachable(dataset=dataset, url=url, problem=_first_line(error)) from error
    with closing(connection), _refusals(dataset, duckdb.Error):
        connection.execute("SET TimeZone = 'UTC'")
        described = connection.execute(f"DESCRIBE (\n{query}\n)").fetchall()
        names = _unique(dataset, [str(row[0]) for row in described])
        columns = []
        for name, row in zip(names, described, strict=True):
            type = engine_type(str(row[1]))
            if type is None:
                raise UnsupportedType(dataset=dataset, file=RESULT, column=name, type=row[1])
            columns.append((name, type))
        values = ", ".join(
            _DUCKDB_SIGNS.get(type, f"CAST({{}} AS {type})").format(name_literal(name)) for name, type in columns
        )
        cursor = connection.execute(f"SELECT {values} FROM (\n{query}\n)")
        yield Answer(columns=tuple(columns), batches=_fetched(cursor))


_POSTGRES_TYPES = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "BIGINT"),
    **dict.fromkeys(("float4", "float8", "numeric"), "DOUBLE"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid", "char"), "VARCHAR"),
    "bool": "BOOLEAN",
    "date": "DATE",
    **dict.fromkeys(("timestamp", "timestamptz"), "TIMESTAMP"),
}
_LINK = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


@contextmanager
def _postgres(dataset: str, query: str, url: str) -> Iterator[Answer]:
    """Through a cursor of the server's, in a transaction that is read-only and sees one state of the tables."""
    import psycopg

    shown, lost = without_password(url), (psycopg.OperationalError,)
    try:
        connection = psycopg.connect(url, autocommit=False, **_LINK)
    except psycopg.ProgrammingError as error:  # its words may hold the password
        raise DatabaseUnreachable(dataset=dataset, url=shown, problem="the URL cannot be read") from error
    except psycopg.Error as error:
        raise DatabaseUnreachable(dataset=dataset, url=shown, problem=_first_line(error)) from error
    with closing(connection):
        try:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("SET LOCAL TIME ZONE 'UTC'")
            with connection.cursor(name="plimsoll") as cursor, _refusals(dataset, psycopg.Error, but=lost):
                cursor.execute(query)
                described = cursor.description or []
                names = _unique(dataset, [item.name for item in described])
                columns = tuple(
                    (name, _postgres_type(dataset, connection, name, item.type_code))
                    for name, item in zip(names, described, strict=True)
                )
                yield Answer(columns=columns, batches=_fetched(cursor))
        except lost as error:
            raise DatabaseUnreachable(dataset=dataset, url=shown, problem=_first_line(error)) from error


def _postgres_type(dataset: str, connection: Any, column: str, oid: int) -> str:
    ((name, kind),) = connection.execute("SELECT typname, typtype FROM pg_type WHERE oid = %s", (oid,)).fetchall()
    type = "VARCHAR" if kind == "e" else _POSTGRES_TYPES.get(name)
    if type is None:
        raise UnsupportedType(dataset=dataset, file=RESULT, column=column, type=name)
    return type


def _fetched(cursor: Any) -> Iterator[Batch]:
    while batch := cursor.fetchmany(BATCH):
        yield batch


def _unique(dataset: str, names: list[str]) -> list[str]:
    """The names, when rows can be told by them; capitals do not count."""
    seen: set[str] = set()
    for name in names:
        if not name or name == "?column?":
            raise QueryRefused(dataset=dataset, problem="a column has no name; give it one with AS")
        if name.casefold() in seen:
            raise QueryRefused(dataset=dataset, problem=f"two columns are named {name}; give one another name with AS")
        seen.add(name.casefold())
    return names


@contextmanager
def _refusals(dataset: str, errors: type[Exception], *, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What the database says about the query, in its own words. but: errors that are not about it."""
    try:
        yield
    except but:
        raise
    except errors as error:
        raise QueryRefused(dataset=dataset, problem=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().partition("\n")[0].split()).rstrip(".") or type(error).__name__
