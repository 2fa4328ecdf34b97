"""The ledger on PostgreSQL, through psycopg. Imported only when a postgresql:// URL is used."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.types.string import StrDumper

from plimsoll.ledger.transaction import LedgerUnavailable, Transaction, no_transaction_inside

_WRITERS = 7_318_349_394
"""The advisory lock that every writer holds: one at a time, as on SQLite."""
_PATIENCE = "30s"
_LINK = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A host that says nothing any more is noticed within half a minute, not within the hours that TCP takes by itself."""


class PostgresDatabase:
    """Writers queue for up to 30 seconds; a connection that was lost while idle is replaced without anyone noticing.

    A transaction has a connection of its own, taken from those that lie idle. Connections belong to no thread.
    """

    def __init__(self, url: str) -> None:
        """Raises ValueError for a URL that PostgreSQL cannot read; nothing of it is quoted, it may hold a password."""
        self.url = url
        self._parts = _read(url)
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
                raise LedgerUnavailable(url=_without_password(self._parts), problem=_in_one_line(error)) from error
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
            connection = self._open()
            connection.execute(_begin_sql(read_only=read_only))
        if not read_only:
            try:
                connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
                connection.execute(f"SELECT pg_advisory_xact_lock({_WRITERS})")
            except psycopg.Error:
                connection.close()
                raise
        return connection

    def _open(self) -> psycopg.Connection[dict[str, object]]:
        """A new connection, without prepared statements: a pooler may stand between, and a migration ends their use."""
        connection = psycopg.connect(
            **(_LINK | self._parts), autocommit=True, row_factory=dict_row, prepare_threshold=None
        )
        connection.adapters.register_dumper(str, _Text)
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


class _Text(StrDumper):  # type: ignore[misc]  # mypy does not follow psycopg
    """Text as PostgreSQL can hold it: a NUL character, which it refuses, becomes the sign for what is unreadable."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def _read(url: str) -> dict[str, Any]:
    """The URL's parts under libpq's names. Raises ValueError that quotes nothing.

    A password with a bare @ or / spills into host, port or database, from where it would be told as such.
    """
    place = url.partition("://")[2].partition("?")[0]
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    spilled = place.count("@") > 1 or "@" in place.partition("/")[2]
    if not parts or spilled or not re.fullmatch(r"[\d,]*", str(parts.get("port", ""))):
        message = "PostgreSQL cannot read this URL"
        raise ValueError(message)
    return parts


def _without_password(parts: dict[str, Any]) -> str:
    """What is told of a ledger: user, host, port and database, and nothing else of its URL."""
    user = f"{parts['user']}@" if "user" in parts else ""
    host, port = parts.get("host", ""), f":{parts['port']}" if "port" in parts else ""
    socket = f"?host={host}" if host.startswith("/") else ""
    return f"postgresql://{user}{'' if socket else host}{port}/{parts.get('dbname', '')}{socket}"


def _in_one_line(error: psycopg.Error) -> str:
    """The driver's message without its advice, which is about starting servers."""
    lines = (line.strip() for line in str(error).splitlines())
    return "; ".join(line for line in lines if line and not line.endswith("?")).rstrip(".")


_NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")


def to_pyformat(sql: str) -> str:
    """`:name` parameters written as psycopg wants them, with literal percent signs doubled."""
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%"))
