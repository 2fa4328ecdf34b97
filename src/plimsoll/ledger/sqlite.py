"""The ledger on SQLite, through the standard library."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from plimsoll.ledger.transaction import LedgerUnavailable, Transaction, no_transaction_inside

_PATIENCE_S = 30.0
_WRITE = "BEGIN IMMEDIATE"
_READ = "BEGIN DEFERRED"


class SqliteDatabase:
    """SQLite in WAL mode; writers queue at BEGIN IMMEDIATE for up to 30 seconds.

    A transaction has a connection of its own, taken from those that lie idle. Connections belong to no thread, so
    threads that come and go leave none behind.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = Path(url.removeprefix("sqlite:///"))
        self._busy = threading.local()
        self._idle: list[sqlite3.Connection] = []

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        yield from self._transaction(_WRITE)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield from self._transaction(_READ)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _transaction(self, begin: str) -> Iterator[Transaction]:
        with no_transaction_inside(self._busy):
            try:
                connection = self._take()
                try:
                    connection.execute(f"PRAGMA query_only = {begin == _READ:d}")
                    connection.execute(begin)
                    with closing(connection.cursor()) as cursor:
                        transaction = Transaction(cursor, _unchanged)
                        yield transaction
                    connection.execute("COMMIT")
                finally:
                    self._give_back(connection)
            except sqlite3.Error as error:
                if not _is_trouble(error, writing=begin == _WRITE):
                    raise
                raise LedgerUnavailable(url=self.url, problem=str(error)) from error
        transaction.run_after_commit()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next transaction; one that cannot be cleaned up is dropped."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
        else:
            self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnavailable(url=self.url, problem=str(error)) from error
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for its busy timeout here, so several first openers must try again."""
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _is_trouble(error: sqlite3.Error, *, writing: bool) -> bool:
    """Whether the database or its disk is at fault, rather than the statement."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of an extended code only says where
    return code in _TROUBLE or (writing and code == sqlite3.SQLITE_READONLY)


_TROUBLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}


def _unchanged(sql: str) -> str:
    return sql
