"""Brings a ledger to this version's schema: numbered SQL files, applied once each, by one process at a time."""

from __future__ import annotations

from importlib.resources import files

from plimsoll.kernel.clock import Clock, to_text
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.ledger.engine import Database


class LedgerTooNew(PlimsollError):
    """The ledger was written by a later version than this one."""

    code = "ledger.too_new"
    kind = Kind.CONFLICT
    text = "The ledger has schema {found}, this version of Plimsoll knows up to {known}."
    hint = "Install the version of Plimsoll that last used this ledger, or a later one."


def migrate(database: Database, *, clock: Clock) -> int:
    """Apply every migration that the ledger lacks, in one transaction; returns how many were applied.

    Safe to call from many processes at once, since writers take turns. Raises LedgerTooNew.
    """
    steps = migrations()
    with database.write() as transaction:
        transaction.execute(
            "CREATE TABLE IF NOT EXISTS schema_history (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)"
        )
        row = transaction.one("SELECT COALESCE(MAX(number), 0) AS newest FROM schema_history")
        newest = int(row["newest"]) if row else 0
        if newest > len(steps):
            raise LedgerTooNew(found=newest, known=len(steps))
        missing = steps[newest:]
        for number, name, sql in missing:
            for statement in sql.split(";\n"):
                if statement.strip():
                    transaction.execute(statement)
            transaction.execute(
                "INSERT INTO schema_history (number, name, applied_at) VALUES (:number, :name, :applied_at)",
                number=number,
                name=name,
                applied_at=to_text(clock.now()),
            )
    return len(missing)


def migrations() -> list[tuple[int, str, str]]:
    """Number, name and SQL of each migration, in order; the numbers run from 1 without a gap."""
    folder = files("plimsoll.ledger") / "migrations"
    found = sorted((item.name, item.read_text()) for item in folder.iterdir() if item.name.endswith(".sql"))
    steps = [(int(name.partition("_")[0]), name.removesuffix(".sql"), sql) for name, sql in found]
    if [number for number, _, _ in steps] != list(range(1, len(steps) + 1)):
        message = f"migration numbers have a gap or a repeat: {[name for _, name, _ in steps]}"
        raise RuntimeError(message)
    return steps
