"""The ledger on PostgreSQL, through psycopg. Imported only when a postgresql:// URL is used."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from plimsoll.ledger.transaction import LedgerUnavailable, Transaction, no_transaction_inside

_WRITERS = 7_318_349_394
"""The advisory lock that every writer holds: one at a time, as on SQLite."""
_PATIENCE = "30s"


class PostgresDatabase:
    """Writers queue for up to 30 seconds; a connection that was lost while idle is replaced without anyone noticing.

    A transaction has a connection of its own, taken from those that lie idle. Connections belong to no thread.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._busy = threading.local()
        self._idle: list[psycopg.Connection[dict[str, object]]] = []

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        yield from self._transaction(read_only=False)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield from self._transaction(read_only=True)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _transaction(self, *, read_only: bool) -> Iterator[Transaction]:
        with no_transaction_inside(self._busy):
            try:
                connection = self._begin(read_only=read_only)
                try:
                    with connection.cursor() as cursor:
                        transaction = Transaction(cursor, to_pyformat)
                        yield transaction
                    connection.execute("COMMIT")
                finally:
                    self._give_back(connection)
            except psycopg.OperationalError as error:
                raise LedgerUnavailable(url=_without_password(self.url), problem=str(error).strip()) from error
        transaction.run_after_commit()

    def _begin(self, *, read_only: bool) -> psycopg.Connection[dict[str, object]]:
        """A connection with a transaction begun on it: an idle one when it still lives, else a new one."""
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute(_begin_sql(read_only=read_only))
            except psycopg.OperationalError:
                connection.close()
            else:
                break
        else:
            connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
            connection.execute(_begin_sql(read_only=read_only))
        if not read_only:
            try:
                connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
                connection.execute(f"SELECT pg_advisory_xact_lock({_WRITERS})")
            except psycopg.Error:
                connection.close()
                raise
        return connection

    def _give_back(self, connection: psycopg.Connection[dict[str, object]]) -> None:
        """Keep a connection for the next transaction; one that is lost or cannot be cleaned up is dropped."""
        try:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
        if not connection.closed:
            self._idle.append(connection)


def _begin_sql(*, read_only: bool) -> str:
    """Reads see one snapshot; writers see what was committed before they got the lock."""
    return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only else "BEGIN ISOLATION LEVEL READ COMMITTED"


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    place = re.sub(r"(?<=[?&])(?:ssl)?password=[^&]*&?", "", place).rstrip("?&")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{place}"


_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def to_pyformat(sql: str) -> str:
    """`:name` parameters written as psycopg wants them, with literal percent signs doubled."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))
