"""Leases: who may do a thing that only one may do at a time, for how long, and a token by which latecomers are known.

A lease ends by itself when its holder does not renew it. Each new holder gets a higher token; whoever writes on the
strength of a lease calls `require` in the same transaction, so that a holder who was thought dead cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.ledger.transaction import Row, Transaction


class LeaseLost(PlimsollError):
    """Somebody else holds the lease by now."""

    code = "ledger.lease_lost"
    kind = Kind.CONFLICT
    text = "The lease {name} was taken over by {holder}."
    hint = "Nothing was written. Whoever holds the lease goes on with the work."


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A held lease; the token says which holding of it."""

    name: str
    holder: str
    token: int
    expires_at: datetime


def take(
    transaction: Transaction,
    name: str,
    *,
    holder: str,
    now: datetime,
    lasting_s: float,
    is_gone: Callable[[str], bool] = lambda _holder: False,
) -> Lease | None:
    """Take or renew a lease; None while somebody else has it.

    The same holder keeps its token. is_gone: whether a holder is known to have ended, so that nobody need wait. Nor
    does anybody wait for a lease that ends later than twice its time from now: a clock has jumped since it was taken.
    """
    row = transaction.one("SELECT * FROM leases WHERE name = :name", name=name)
    mine = row is not None and row["holder"] == holder
    free = row is None or not _lasts(row, now, lasting_s=lasting_s) or is_gone(row["holder"])
    if not (mine or free):
        return None
    token = 1 if row is None else int(row["token"]) + (0 if mine else 1)
    expires_at = now + timedelta(seconds=lasting_s)
    transaction.execute(
        """
        INSERT INTO leases (name, holder, token, expires_at) VALUES (:name, :holder, :token, :expires_at)
        ON CONFLICT (name) DO UPDATE SET holder = :holder, token = :token, expires_at = :expires_at
        """,
        name=name,
        holder=holder,
        token=token,
        expires_at=to_text(expires_at),
    )
    return Lease(name=name, holder=holder, token=token, expires_at=expires_at)


def require(transaction: Transaction, lease: Lease) -> None:
    """Raises LeaseLost when the lease was taken over or given back. One that merely expired still counts: nobody
    missed it.
    """
    row = transaction.one("SELECT holder, token FROM leases WHERE name = :name", name=lease.name)
    if row is None or (row["holder"], int(row["token"])) != (lease.holder, lease.token):
        raise LeaseLost(name=lease.name, holder=(row and row["holder"]) or "nobody")


def is_held(transaction: Transaction, name: str, *, now: datetime) -> bool:
    """Whether somebody holds a lease, as far as the ledger knows."""
    row = transaction.one("SELECT holder, expires_at FROM leases WHERE name = :name", name=name)
    return row is not None and row["holder"] != "" and now < from_text(row["expires_at"])


def give_back(transaction: Transaction, lease: Lease) -> None:
    """End a lease before its time, so that the next one need not wait; the token stays used."""
    transaction.execute(
        "UPDATE leases SET holder = '', expires_at = :past WHERE name = :name AND token = :token",
        past=to_text(lease.expires_at - timedelta(days=36_500)),
        name=lease.name,
        token=lease.token,
    )


def _lasts(row: Row, now: datetime, *, lasting_s: float) -> bool:
    """Whether the lease has not ended. Once its time is spared for clocks of several machines that differ."""
    return now < from_text(row["expires_at"]) <= now + timedelta(seconds=2 * lasting_s)
