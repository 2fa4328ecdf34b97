"""The ledger on SQLite, through the standard library."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.ledger.transaction import LedgerUnavailable, Transaction


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
