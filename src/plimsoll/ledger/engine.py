"""Transactions over SQLite (WAL) or PostgreSQL, in one subset of SQL both understand.

Parameters are named (`:name`), rows are dicts, time is text (see kernel.clock), JSON is text, truth is 0 or 1.
Areas' stores write the SQL; this module knows no table of theirs.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plimsoll.kernel.errors import Kind, PlimsollError

Row = dict[str, Any]


class LedgerUnavailable(PlimsollError):
    """The database cannot be reached, is locked for too long, or its disk is full."""

    code = "ledger.unavailable"
    kind = Kind.UNAVAILABLE
    text = "The ledger at {url} cannot be used: {problem}."
    hint = "Nothing was changed. Check that the database runs and that its disk has room, then try again."


class LedgerUnknown(PlimsollError):
    """A ledger URL that names no database we know."""

    code = "ledger.unknown_url"
    kind = Kind.INVALID
    text = "{url!r} is not a ledger URL."
    hint = "Use sqlite:///path/to/ledger.sqlite or postgresql://user@host/database."


class Transaction:
    """One unit of work: all of it happens or none of it does."""

    def __init__(self, cursor: Any, translate: Callable[[str], str]) -> None:
        self._cursor = cursor
        self._translate = translate
        self._after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, **parameters: Any) -> int:
        """Run a statement; returns how many rows it touched."""
        self._cursor.execute(self._translate(sql), parameters)
        return int(self._cursor.rowcount)

    def all(self, sql: str, **parameters: Any) -> list[Row]:
        """Every row the query returns."""
        self._cursor.execute(self._translate(sql), parameters)
        return [dict(row) for row in self._cursor.fetchall()]

    def one(self, sql: str, **parameters: Any) -> Row | None:
        """The first row the query returns, or None."""
        self._cursor.execute(self._translate(sql), parameters)
        row = self._cursor.fetchone()
        return None if row is None else dict(row)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something once this transaction is durable; it is forgotten when the transaction rolls back."""
        self._after_commit.append(action)

    def run_after_commit(self) -> None:
        for action in self._after_commit:
            action()


class Database(Protocol):
    """What stores and operations need of a database."""

    url: str

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that may write; one writer at a time on SQLite."""
        yield  # type: ignore[misc]

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view that writes nothing."""
        yield  # type: ignore[misc]

    def close(self) -> None: ...


def connect(url: str) -> Database:
    """The database behind a ledger URL, opened and not yet migrated. Raises LedgerUnknown, LedgerUnavailable."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url)
    if url.startswith(("postgresql://", "postgres://")):
        from plimsoll.ledger.postgres import PostgresDatabase

        return PostgresDatabase(url)
    raise LedgerUnknown(url=url)


class SqliteDatabase:
    """SQLite in WAL mode, one connection a thread; writers queue at BEGIN IMMEDIATE for up to 30 seconds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = Path(url.removeprefix("sqlite:///"))
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        yield from self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield from self._transaction("BEGIN DEFERRED")

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _transaction(self, begin: str) -> Iterator[Transaction]:
        try:
            connection = self._connection()
            if connection.in_transaction:
                message = "a transaction is already open in this thread"
                raise RuntimeError(message)
            connection.execute(begin)
            cursor = connection.cursor()
            transaction = Transaction(cursor, _unchanged)
            try:
                yield transaction
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                cursor.close()
        except sqlite3.OperationalError as error:
            raise LedgerUnavailable(url=self.url, problem=str(error)) from error
        transaction.run_after_commit()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
            self._opened.append(connection)
        return connection


def _unchanged(sql: str) -> str:
    return sql


_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def to_pyformat(sql: str) -> str:
    """`:name` parameters written as psycopg wants them, with literal percent signs doubled."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))
