"""Observe, decide, act: lets triggers fire and brings retrainings to their end. Called by the loop; each turn stands alone.

A turn may end anywhere: what was decided is in the ledger, what was not is decided again. A run is bound to its
retraining before it begins, and a deployment that was begun is found again by its rollout.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plimsoll.edge.context import Context
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.project.load import load_project
from plimsoll.release.operations.releases import get_release
from plimsoll.retrain.crew import crew_of
from plimsoll.retrain.decide import decide
from plimsoll.retrain.entities import (
    OPEN,
    Deploying,
    Judged,
    Mark,
    Released,
    Retraining,
    Running,
    State,
    Trigger,
    Waiting,
    Watch,
)
from plimsoll.retrain.observing import (
    Senses,
    firing_of_schedule,
    firings_of_alerts,
    firings_of_data,
    notes_of,
)
from plimsoll.retrain.operations import (
    course_of,
    mark_of,
    note_look,
    note_reasons,
    open_retrainings,
    record_firings,
    record_step,
    reread,
    surroundings,
    unfired,
)
from plimsoll.retrain.ports import Hands
from plimsoll.retrain.seen import Refusal, Seen
from plimsoll.retrain.watches import due_since, watches_of
from plimsoll.retrain.wording import reasons
from plimsoll.rollout.operations import deploy, refusal_of
from plimsoll.rollout.requests import DeployRequest

IDLE_S = 1.0
"""Between two turns when all there is waits for time or for people."""
TURN_S = 0.5
"""Between two turns while something is."""
STEPS = 12
"""The most steps of one retraining in one turn; there is no more than a dozen between a request and its end."""
SEEN_EVERY = timedelta(minutes=1)
"""So often at least it is written down that a watch looks."""
PASSING = frozenset({"release.not_approved", "deployment.not_baked", "rollout.under_way"})
"""Refusals that waiting may cure."""


def reconcile(context: Context, lease: Lease, *, hands: Hands | None = None) -> float:
    """One turn: what fires is recorded, every open retraining goes on; seconds until the next turn is due.

    hands: who carries runs out; a process of its own by default. Raises LeaseLost.
    """
    hands = hands or crew_of(context.workspace)
    project = load_project(context.workspace.project_file)
    senses = Senses(context=context, project=project)
    for watch in watches_of(project):
        _look(senses, lease, watch)
    found = open_retrainings(context)
    left = [_go_on(senses, lease, retraining, hands) for retraining in found]
    hands.let_go(frozenset(one.id for one in left if isinstance(one.state, Running | Judged)))
    return TURN_S if any(_moves(one.state) for one in left) else IDLE_S


def _moves(state: State) -> bool:
    """Whether something may come of it at any moment; what waits for time or for people does not."""
    return isinstance(state, Running | Judged | Released) or (isinstance(state, Deploying) and bool(state.rollout))


def _look(senses: Senses, lease: Lease, watch: Watch) -> None:
    """Let one watch fire; what keeps it from looking is noted, and the others look all the same."""
    context = senses.context
    mark = mark_of(context, watch)
    try:
        if watch.trigger is Trigger.SCHEDULE:
            _look_at_schedule(senses, lease, watch, mark)
            return
        alerts = watch.trigger is not Trigger.NEW_DATA
        firings = firings_of_alerts(senses, watch) if alerts else firings_of_data(senses, watch)
        fresh = unfired(context, firings)
        note = ""
    except (LeaseLost, LedgerUnavailable):
        raise
    except PlimsollError as error:
        fresh, note = (), f"{error.code}: {error}"
    seen = Mark(seen_until=context.clock.now(), note=note)
    if fresh:
        record_firings(context, lease, watch, fresh, mark=seen)
    elif mark is None or mark.note != note or seen.seen_until - mark.seen_until > SEEN_EVERY:
        note_look(context, lease, watch, seen)


def _look_at_schedule(senses: Senses, lease: Lease, watch: Watch, mark: Mark | None) -> None:
    """A schedule counts from when it was first seen, and nothing fires for what was before."""
    context, now = senses.context, senses.context.clock.now()
    if mark is None:
        note_look(context, lease, watch, Mark(seen_until=now))
        return
    due = due_since(watch.schedule, mark.seen_until, now)
    if due is not None:
        firing = firing_of_schedule(senses, watch, due)
        record_firings(context, lease, watch, (firing,), mark=Mark(seen_until=now))


def _go_on(senses: Senses, lease: Lease, retraining: Retraining, hands: Hands) -> Retraining:
    """Step after step, until it stays as it is."""
    for _ in range(STEPS):
        before = retraining
        if isinstance(retraining.state, Waiting):
            retraining = note_reasons(senses.context, lease, retraining, notes_of(senses, retraining))
        retraining = _step(senses, lease, retraining, hands)
        if retraining.version == before.version or not isinstance(retraining.state, OPEN):
            break
    return retraining


def _step(senses: Senses, lease: Lease, retraining: Retraining, hands: Hands) -> Retraining:
    context = senses.context
    seen = surroundings(context, senses.project, retraining)
    if isinstance(retraining.state, Deploying):
        seen = _deploy(senses, retraining, retraining.state, seen)
    step = decide(retraining, seen, context.clock.now())
    if step is None and isinstance(retraining.state, Running | Judged) and not retraining.worker:
        if hands.see_to(retraining):
            return reread(context, retraining)
        step = decide(retraining, replace(seen, worker_gone=True), context.clock.now())
    return record_step(context, lease, retraining, step) if step is not None else retraining


def _deploy(senses: Senses, retraining: Retraining, state: Deploying, seen: Seen) -> Seen:
    """Begin the rollout if the environment admits it and nothing newer came; what is seen then.

    A rollout that was begun is not begun again, whoever began it and whenever this process ended.
    """
    if seen.course is not None or seen.newer or state.environment not in seen.order:
        return seen
    context, settings = senses.context, senses.project.environments[state.environment]
    try:
        refusal = refusal_of(context, get_release(context, state.digest), state.environment, settings)
        if refusal is None:
            why = reasons(retraining.holding)
            deploy(context, DeployRequest(release=state.digest, environment=state.environment, why=why))
            return replace(seen, course=course_of(context, state))
    except (LeaseLost, LedgerUnavailable):
        raise
    except PlimsollError as error:
        refusal = error
    passes = refusal.code in PASSING or refusal.kind is Kind.UNAVAILABLE
    return replace(seen, refusal=Refusal(code=refusal.code, text=str(refusal), passes=passes))
