"""Opens the ledger behind a URL: SQLite (WAL) or PostgreSQL, in one subset of SQL both understand.

Areas' stores write the SQL; nothing here knows a table of theirs.
"""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.ledger.sqlite import SqliteDatabase
from plimsoll.ledger.transaction import Database, LedgerUnavailable, Row, Transaction

__all__ = ["Database", "LedgerUnavailable", "LedgerUnknown", "Row", "Transaction", "connect"]


class LedgerUnknown(PlimsollError):
    """A ledger URL that names no database we know."""

    code = "ledger.unknown_url"
    kind = Kind.INVALID
    text = "{url!r} is not a ledger URL."
    hint = "Use sqlite:///path/to/ledger.sqlite or postgresql://user@host/database."


def connect(url: str) -> Database:
    """The database behind a ledger URL, opened and not yet migrated. Raises LedgerUnknown, LedgerUnavailable."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url)
    if url.startswith(("postgresql://", "postgres://")):
        from plimsoll.ledger.postgres import PostgresDatabase

        return PostgresDatabase(url)
    raise LedgerUnknown(url=url)
