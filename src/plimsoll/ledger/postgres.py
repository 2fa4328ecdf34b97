"""The ledger on PostgreSQL, through psycopg. Imported only when a postgresql:// URL is used."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from plimsoll.ledger.transaction import LedgerUnavailable, Transaction


class PostgresDatabase:
    """One connection a thread; a connection that was lost is opened again for the next transaction."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._opened: list[psycopg.Connection[dict[str, object]]] = []

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        yield from self._transaction(read_only=False)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        yield from self._transaction(read_only=True)

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _transaction(self, *, read_only: bool) -> Iterator[Transaction]:
        try:
            connection = self._connection()
            connection.read_only = read_only
            with connection.transaction(), connection.cursor() as cursor:
                transaction = Transaction(cursor, to_pyformat)
                yield transaction
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(url=_without_password(self.url), problem=str(error).strip()) from error
        transaction.run_after_commit()

    def _connection(self) -> psycopg.Connection[dict[str, object]]:
        connection: psycopg.Connection[dict[str, object]] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed or connection.broken:
            connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
            self._local.connection = connection
            self._opened.append(connection)
        return connection


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{place}"


_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def to_pyformat(sql: str) -> str:
    """`:name` parameters written as psycopg wants them, with literal percent signs doubled."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))
