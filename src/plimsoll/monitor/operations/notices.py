"""Telling people of alerts: what the controller does after it has written them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from plimsoll.edge.context import Context
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease
from plimsoll.monitor import store
from plimsoll.monitor.ports import Notifier
from plimsoll.monitor.telling import pause_s, tell_all


def tell_people(context: Context, lease: Lease, urls: Sequence[str]) -> None:
    """Tell every notice that is due. A killed server tells one twice rather than not at all. Raises LeaseLost.

    Nobody is told of a replay's alerts: they are of another time.
    """
    now = context.clock.now()
    with context.database.read() as transaction:
        due = store.due_notices(transaction, project=context.project, now=to_text(now))
    is_replay = context.workspace.clock.exists()
    notifier: Notifier | None = context.plugin("notifier", "apprise") if due and urls and not is_replay else None
    for notice in due:
        told, problem = (notice, "") if notifier is None else tell_all(notice, urls, notifier)
        pause = pause_s(told)
        with context.database.write() as transaction:
            leases.require(transaction, lease)
            store.note_told(
                transaction,
                told,
                at=to_text(now) if pause is None else "",
                due_at=to_text(now if pause is None else now + timedelta(seconds=pause)),
                problem=problem,
            )
