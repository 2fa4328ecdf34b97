"""Alerts: listed, acknowledged and resolved by people; opened, followed and ended by the monitor."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, Transaction
from plimsoll.monitor import store
from plimsoll.monitor.alerting import acknowledge, resolve
from plimsoll.monitor.entities import Alert, AlertState
from plimsoll.monitor.errors import AlertMissing, AlertOver
from plimsoll.monitor.requests import AlertAnswer, AlertName, AlertsRequest

_STATES = {
    "": (AlertState.OPEN, AlertState.ACKNOWLEDGED),
    "open": (AlertState.OPEN,),
    "acknowledged": (AlertState.ACKNOWLEDGED,),
    "resolved": (AlertState.RESOLVED,),
    "all": tuple(AlertState),
}
_ACTIONS = {
    AlertState.OPEN: Action.ALERT_OPENED,
    AlertState.ACKNOWLEDGED: Action.ALERT_ACKNOWLEDGED,
    AlertState.RESOLVED: Action.ALERT_RESOLVED,
}


class LedgerAlerts:
    """The alerts as the ledger knows them, for those who act on them."""

    def __init__(self, _workspace: Workspace, database: Database) -> None:
        self._database = database

    def open(self, *, project: str, environment: str) -> tuple[Alert, ...]:
        """The environment's alerts that are not resolved, the latest first."""
        with self._database.read() as transaction:
            return store.open_alerts(transaction, {"project": project, "environment": environment})


@operation("alerts.list", "GET", "/alerts", role=Role.VIEWER, request=AlertsRequest, response=tuple[Alert, ...])
def list_alerts(context: Context, request: AlertsRequest) -> tuple[Alert, ...]:
    """Alerts, the latest first; those that are not resolved unless told otherwise."""
    with context.database.read() as transaction:
        return store.list_alerts(
            transaction,
            project=context.project,
            environment=request.environment,
            states=_STATES[request.state],
            limit=request.limit,
        )


@operation("alerts.show", "GET", "/alerts/{alert}", role=Role.VIEWER, request=AlertName, response=Alert)
def show_alert(context: Context, request: AlertName) -> Alert:
    """An alert with its evidence."""
    with context.database.read() as transaction:
        return _find(context, transaction, request.alert)


@operation(
    "alerts.acknowledge", "POST", "/alerts/{alert}/acknowledge", role=Role.VIEWER, request=AlertAnswer, response=Alert
)
def acknowledge_alert(context: Context, request: AlertAnswer) -> Alert:
    """Say that you know of an alert and see to it; it stays until it is no longer seen."""
    with context.database.write() as transaction:
        alert = _under_way(context, transaction, request.alert)
        _require_operator(context, alert)
        at = to_text(context.clock.now())
        changed = acknowledge(alert, by=context.caller.name, at=at, why=request.why)
        write_alerts(context, transaction, [changed])
        return changed


@operation("alerts.resolve", "POST", "/alerts/{alert}/resolve", role=Role.VIEWER, request=AlertAnswer, response=Alert)
def resolve_alert(context: Context, request: AlertAnswer) -> Alert:
    """Say that an alert is over; it is opened anew when it is seen again."""
    with context.database.write() as transaction:
        alert = _under_way(context, transaction, request.alert)
        _require_operator(context, alert)
        at = to_text(context.clock.now())
        changed = resolve(alert, by=context.caller.name, at=at, why=request.why or "no reason given")
        write_alerts(context, transaction, [changed])
        return changed


def write_alerts(context: Context, transaction: Transaction, alerts: Sequence[Alert]) -> None:
    """Save alerts; whose state is new gets its audit event, and those are told who want to be."""
    for alert in alerts:
        before = store.find_alert(transaction, project=context.project, alert=alert.id)
        store.save_alert(transaction, alert)
        if before is not None and before.state is alert.state:
            continue
        detail = {
            "alert": alert.id,
            "environment": alert.environment,
            "digest": alert.digest,
            "concern": str(alert.concern),
            "subject": alert.subject,
            "sentence": alert.sentence,
            **({"why": alert.why} if alert.why else {}),
        }
        record(context, transaction, action=_ACTIONS[alert.state], subject=alert.release, detail=detail)
        if alert.state is not AlertState.ACKNOWLEDGED:
            store.add_notice(transaction, alert=alert.id, event=str(alert.state), at=to_text(context.clock.now()))


def _under_way(context: Context, transaction: Transaction, alert: str) -> Alert:
    """An alert that is not over. Raises AlertMissing, AlertOver."""
    found = _find(context, transaction, alert)
    if found.state is AlertState.RESOLVED:
        raise AlertOver(alert=alert, by=found.resolved_by, at=found.resolved_at)
    return found


def _require_operator(context: Context, alert: Alert) -> None:
    """Raises Denied: whose word counts depends on the alert's environment, which its id does not say."""
    operation = f"an answer to {alert.id}"
    context.caller.require(Role.OPERATOR, operation=operation, project=alert.project, environment=alert.environment)


def _find(context: Context, transaction: Transaction, alert: str) -> Alert:
    found = store.find_alert(transaction, project=context.project, alert=alert)
    if found is None:
        raise AlertMissing(alert=alert, project=context.project)
    return found
