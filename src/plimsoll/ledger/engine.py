"""Opens the ledger behind a URL: SQLite (WAL) or PostgreSQL, in one subset of SQL both understand.

Areas' stores write the SQL; nothing here knows a table of theirs.
"""

from __future__ import annotations

import re

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.extras import EXTRAS, PackageMissing
from plimsoll.ledger.sqlite import SqliteDatabase
from plimsoll.ledger.transaction import Database, LedgerUnavailable, Row, Transaction

__all__ = ["Database", "LedgerUnavailable", "LedgerUnknown", "Row", "Transaction", "connect"]


class LedgerUnknown(PlimsollError):
    """A ledger URL that names no database we know."""

    code = "ledger.unknown_url"
    kind = Kind.INVALID
    text = "{url!r} is not a ledger URL."
    hint = (
        "Use sqlite:///path/to/ledger.sqlite or postgresql://user@host:port/database. In a password write % as %25, "
        "@ as %40, / as %2F, : as %3A."
    )


def connect(url: str) -> Database:
    """The database behind a ledger URL, opened and not yet migrated.

    Raises LedgerUnknown, LedgerUnavailable, PackageMissing.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url)
    if url.startswith(("postgresql://", "postgres://")):
        return _connect_postgres(url)
    raise LedgerUnknown(url=_guarded(url))


def _connect_postgres(url: str) -> Database:
    try:
        from plimsoll.ledger.postgres import PostgresDatabase
    except ImportError as error:  # psycopg is not there, or it is there without PostgreSQL's client library
        raise PackageMissing(package="psycopg", extra=EXTRAS["psycopg"]) from error
    try:
        return PostgresDatabase(url)
    except ValueError as error:
        raise LedgerUnknown(url=_guarded(url)) from error


def _guarded(url: str) -> str:
    """What can be shown of a URL that nobody can read: where its password begins and ends is not known."""
    if not re.search("[@=]", url):
        return url
    scheme, colon, _ = url.partition("://")
    return f"{scheme}://…" if colon else "…"
