"""What people ask of a rollout: how it stands, how it went, and their orders."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.capture.reader import read_fallbacks
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import Transaction
from plimsoll.rollout import store
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.errors import NoRollout
from plimsoll.rollout.failures import Failure, failures_of
from plimsoll.rollout.operations.place import require_known
from plimsoll.rollout.plots import rollout_plots
from plimsoll.rollout.report import conclusion
from plimsoll.rollout.requests import (
    EnvironmentName,
    FailureView,
    OrderRequest,
    PlotView,
    Report,
    ReportRequest,
    RolloutName,
    RolloutPlots,
    RolloutView,
)
from plimsoll.rollout.rollouts import Abort, Order, Pause, Promote, Resume
from plimsoll.rollout.views import report_of, rollout_view

MOST_LISTED = 50
_ORDERS: dict[str, type[Order]] = {"pause": Pause, "resume": Resume, "promote": Promote, "abort": Abort}


@operation(
    "rollouts.order", "POST", "/rollouts/{environment}/orders", role=Role.OPERATOR, request=OrderRequest,
    response=RolloutView,
)  # fmt: skip
def order(context: Context, request: OrderRequest) -> RolloutView:
    """Pause, resume, promote or abort the rollout under way; the next look follows it or says why not."""
    now = context.clock.now()
    ordered = _ORDERS[request.order](by=context.caller.name, why=request.why or "no reason given")
    with context.database.write() as transaction:
        rollout = store.rollout_under_way(transaction, project=context.project, environment=request.environment)
        if rollout is None:
            require_known(context, request.environment)
            raise NoRollout(environment=request.environment, what="under way")
        store.add_order(transaction, new_id("order", at=now), rollout.id, ordered, at=to_text(now))
        detail = {"rollout": rollout.id, "environment": rollout.environment, "order": request.order, "why": ordered.why}
        name = rollout.spec.candidate.name
        record(context, transaction, action=Action.ROLLOUT_ORDERED, subject=name, detail=detail)
        return _view(transaction, rollout, turns=store.turns(transaction, rollout.id))


@operation(
    "rollouts.show", "GET", "/rollouts/{environment}", role=Role.VIEWER, request=RolloutName, response=RolloutView
)
def show_rollout(context: Context, request: RolloutName) -> RolloutView:
    """A rollout as it stands: the latest of an environment, or one by its id."""
    with context.database.read() as transaction:
        rollout = _find(context, transaction, request.environment, request.rollout)
        return _view(transaction, rollout, turns=store.turns(transaction, rollout.id))


@operation(
    "rollouts.list", "GET", "/rollouts/{environment}/all", role=Role.VIEWER, request=EnvironmentName,
    response=tuple[RolloutView, ...],
)  # fmt: skip
def list_rollouts(context: Context, request: EnvironmentName) -> tuple[RolloutView, ...]:
    """The latest rollouts of an environment, newest first."""
    place = {"project": context.project, "environment": request.environment}
    with context.database.read() as transaction:
        found = store.rollouts(transaction, **place, most=MOST_LISTED)
        if not found:
            require_known(context, request.environment)
        return tuple(_view(transaction, one) for one in found)


@operation(
    "rollouts.report", "GET", "/rollouts/{environment}/report", role=Role.VIEWER, request=ReportRequest,
    response=Report,
)  # fmt: skip
def report(context: Context, request: ReportRequest) -> Report:
    """A rollout's report from its recorded decisions: why it went as it did, what it cost, its evidence over time."""
    with context.database.read() as transaction:
        rollout = _find(context, transaction, request.environment, request.rollout)
        decisions = store.decisions(transaction, rollout.id)
    text = report_of(rollout, decisions, failures=_failures(context, rollout), format=request.format)
    return Report(rollout=rollout.id, text=text)


@operation(
    "rollouts.plots", "GET", "/rollouts/{environment}/plots", role=Role.VIEWER, request=RolloutName,
    response=RolloutPlots,
)  # fmt: skip
def plots(context: Context, request: RolloutName) -> RolloutPlots:
    """A rollout's charts and failures, as its report has them, in pieces for a page."""
    with context.database.read() as transaction:
        rollout = _find(context, transaction, request.environment, request.rollout)
        decisions = store.decisions(transaction, rollout.id)
    told = decisions[: decisions.index(conclusion(decisions)) + 1] if decisions else ()
    return RolloutPlots(
        rollout=rollout.id,
        plots=tuple(
            PlotView(heading=plot.heading, remark=plot.remark, svg=plot.svg)
            for plot in (rollout_plots(rollout.spec, told) if told else ())
        ),
        failures=tuple(
            FailureView(times=failure.times, because=failure.because) for failure in _failures(context, rollout)
        ),
    )


def _failures(context: Context, rollout: Rollout) -> Sequence[Failure]:
    until = from_text(rollout.ended_at) if rollout.ended_at else context.clock.now()
    capture = context.workspace.capture(rollout.environment)
    return failures_of(read_fallbacks(capture, rollout.id, since=from_text(rollout.started_at), until=until))


def _find(context: Context, transaction: Transaction, environment: str, identifier: str) -> Rollout:
    """A rollout of the environment by its id, or the latest. Raises NoRollout, UnknownEnvironment."""
    found = (
        store.find_rollout(transaction, identifier)
        if identifier
        else next(iter(store.rollouts(transaction, project=context.project, environment=environment, most=1)), None)
    )
    if found is None or (found.project, found.environment) != (context.project, environment):
        require_known(context, environment)
        raise NoRollout(environment=environment, what=identifier or "yet")
    return found


def _view(transaction: Transaction, rollout: Rollout, *, turns: Sequence[Decision] = ()) -> RolloutView:
    return rollout_view(rollout, orders=len(store.open_orders(transaction, rollout.id)), turns=turns)
