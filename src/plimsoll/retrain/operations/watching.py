"""What is configured to start runs by itself, when it is next due and what it waits for."""

from __future__ import annotations

from datetime import datetime, timedelta

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Transaction
from plimsoll.project.load import load_project
from plimsoll.retrain import store
from plimsoll.retrain.decide import DAY
from plimsoll.retrain.entities import Watch
from plimsoll.retrain.requests import TriggersView, TriggerView
from plimsoll.retrain.views import view
from plimsoll.retrain.watches import limits_of, next_due, watches_of


@operation("triggers.list", "GET", "/triggers", role=Role.VIEWER, request=Everything, response=TriggersView)
def list_triggers(context: Context, _asked: Everything) -> TriggersView:
    """What starts runs by itself: when each is next due, and what it waits for."""
    project = load_project(context.workspace.project_file)
    limits, now = limits_of(project), context.clock.now()
    with context.database.read() as transaction:
        last = store.last_run_ended(transaction, project=context.project)
        rested = last + timedelta(seconds=limits.cooldown_s) if last else None
        return TriggersView(
            triggers=tuple(_trigger(context, transaction, watch, now) for watch in watches_of(project)),
            cooldown_s=limits.cooldown_s,
            per_day=limits.per_day,
            begun_lately=len(store.begun_since(transaction, project=context.project, since=now - DAY)),
            rests_until=to_text(rested) if rested and rested > now else "",
            watched=leases.is_held(transaction, f"triggers/{context.project}", now=context.machine.now()),
        )


def _trigger(context: Context, transaction: Transaction, watch: Watch, now: datetime) -> TriggerView:
    mark = store.mark(transaction, project=context.project, watch=watch.name)
    waiting = store.waiting(transaction, project=context.project, environment=watch.environment, ref=watch.ref)
    asks = waiting is not None and any(firing.trigger is watch.trigger for firing in waiting.holding)
    due = next_due(watch.schedule, now) if watch.schedule else None
    return TriggerView(
        trigger=str(watch.trigger),
        environment=watch.environment,
        ref=watch.ref,
        schedule=watch.schedule,
        dataset=watch.dataset,
        next_due=to_text(due) if due else "",
        waits_for=view(waiting).waiting_for if waiting and asks else "",
        retraining=waiting.id if waiting and asks else "",
        note=mark.note if mark else "",
        looked_at=to_text(mark.seen_until) if mark else "",
    )
