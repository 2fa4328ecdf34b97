"""What people ask of retraining: begin one, call one off, show what there is."""

from __future__ import annotations

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import Transaction
from plimsoll.project.entities import Project
from plimsoll.project.environments import find_environment
from plimsoll.project.git import find_ref
from plimsoll.project.load import load_project
from plimsoll.retrain import store
from plimsoll.retrain.entities import OPEN, Cancelled, Firing, Retraining, Trigger
from plimsoll.retrain.errors import AlreadyEnded, NothingLive, NothingToJudge, RetrainingMissing
from plimsoll.retrain.operations.changes import advance, request
from plimsoll.retrain.requests import CancelRequest, RetrainingList, RetrainingName, RetrainingView, RetrainRequest
from plimsoll.retrain.seen import Step
from plimsoll.retrain.views import view
from plimsoll.retrain.watches import default_environment
from plimsoll.rollout.operations import live_digest


@operation(
    "retrainings.create", "POST", "/retrainings", role=Role.OPERATOR, request=RetrainRequest, response=RetrainingView
)
def create(context: Context, asked: RetrainRequest) -> RetrainingView:
    """Ask for a run on fresh data that is judged, released and deployed as far as policy goes; returns at once."""
    project = load_project(context.workspace.project_file)
    environment = asked.environment or default_environment(project)
    _require_possible(context, project, environment, ref=asked.ref)
    now = context.clock.now()
    identifier = new_id("firing", at=now)
    firing = Firing(
        id=identifier,
        trigger=Trigger.HAND,
        key=identifier,
        because=f"{context.caller.name} asked{f': {asked.why}' if asked.why else ''}",
        evidence={},
        fired_at=to_text(now),
        asked_by=context.caller.name,
        at_once=asked.now,
    )
    with context.database.write() as transaction:
        joined = request(context, transaction, (firing,), environment=environment, ref=asked.ref)
        return view(joined, turns=store.turns(transaction, joined.id))


@operation(
    "retrainings.list", "GET", "/retrainings", role=Role.VIEWER, request=RetrainingList,
    response=tuple[RetrainingView, ...],
)  # fmt: skip
def list_retrainings(context: Context, asked: RetrainingList) -> tuple[RetrainingView, ...]:
    """The project's retrainings, latest first."""
    with context.database.read() as transaction:
        found = store.newest(transaction, project=context.project, most=asked.limit)
    return tuple(view(one) for one in found)


@operation(
    "retrainings.show", "GET", "/retrainings/{retraining}", role=Role.VIEWER, request=RetrainingName,
    response=RetrainingView,
)  # fmt: skip
def show(context: Context, asked: RetrainingName) -> RetrainingView:
    """A retraining with its reasons and its record."""
    with context.database.read() as transaction:
        found = _find(context, transaction, asked.retraining)
        return view(found, turns=store.turns(transaction, found.id))


@operation(
    "retrainings.follow", "GET", "/retrainings/{retraining}/course", role=Role.OPERATOR, request=RetrainingName,
    response=RetrainingView,
)  # fmt: skip
def follow(context: Context, asked: RetrainingName) -> RetrainingView:
    """As `show`, for whoever waits for its end: without a server their own process goes on with it."""
    return show(context, asked)


@operation(
    "retrainings.cancel", "POST", "/retrainings/{retraining}/cancel", role=Role.OPERATOR, request=CancelRequest,
    response=RetrainingView,
)  # fmt: skip
def cancel(context: Context, asked: CancelRequest) -> RetrainingView:
    """Call a retraining off: its run ends, nothing further is deployed; what was deployed and its rollout go on."""
    by, why = context.caller.name, asked.why or "no reason given"
    with context.database.write() as transaction:
        found = _find(context, transaction, asked.retraining)
        if not isinstance(found.state, OPEN):
            raise AlreadyEnded(retraining=found.id, sentence=found.sentence)
        step = Step(state=Cancelled(by=by, why=why), sentence=f"{by} called it off: {why}.")
        cancelled = advance(context, transaction, found, step)
        assert cancelled is not None, "one writer at a time"
        return view(cancelled, turns=store.turns(transaction, cancelled.id))


def _require_possible(context: Context, project: Project, environment: str, *, ref: str) -> None:
    """Raises UnknownEnvironment, NothingToJudge, UnknownRef, NothingLive."""
    find_environment(project, environment)
    if project.model is None or not project.gates:
        raise NothingToJudge(project=project.project, what="gates" if project.model else "model")
    if ref:
        find_ref(context.workspace.root, ref)
    elif not live_digest(context, environment):
        raise NothingLive(environment=environment)


def _find(context: Context, transaction: Transaction, retraining: str) -> Retraining:
    if retraining == "latest":
        found = next(iter(store.newest(transaction, project=context.project, most=1)), None)
    else:
        found = store.find(transaction, project=context.project, retraining=retraining)
    if found is None:
        told = retraining if retraining != "latest" else "yet"
        raise RetrainingMissing(project=context.project, retraining=told)
    return found
