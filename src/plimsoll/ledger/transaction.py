"""What stores and operations see of a database: transactions of named parameters in, dict rows out.

Time is text (see kernel.clock), JSON is text, truth is 0 or 1. How SQLite and PostgreSQL provide it lies beside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from plimsoll.kernel.errors import Kind, PlimsollError

Row = dict[str, Any]


class LedgerUnavailable(PlimsollError):
    """The database cannot be reached, is locked for too long, or its disk is full."""

    code = "ledger.unavailable"
    kind = Kind.UNAVAILABLE
    text = "The ledger at {url} cannot be used: {problem}."
    hint = (
        "Check that the database runs, that you may write to it and that its disk has room, then try again: what was "
        "recorded before is kept. A damaged file needs its latest backup."
    )


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

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that may write. One writer at a time: what it reads stays true until it commits."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view that writes nothing."""

    def close(self) -> None: ...


@contextmanager
def no_transaction_inside(busy: threading.local) -> Iterator[None]:
    """Refuse a transaction inside another one in the same thread: it would wait for itself."""
    if getattr(busy, "busy", False):
        message = "a transaction is already open in this thread"
        raise RuntimeError(message)
    busy.busy = True
    try:
        yield
    finally:
        busy.busy = False
