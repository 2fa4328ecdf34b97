"""What the controller reads before it decides about a retraining, and writes after it. Its writes stand on its lease."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.edge.context import Context
from plimsoll.kernel.ids import new_id
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Transaction
from plimsoll.ledger.leases import Lease
from plimsoll.pipeline.entities import RunState
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import get_run
from plimsoll.pipeline.processes import is_dead
from plimsoll.project.entities import Project
from plimsoll.release.operations.releases import get_release
from plimsoll.retrain import store
from plimsoll.retrain.decide import DAY, owners_of
from plimsoll.retrain.entities import Deploying, Judged, Released, Retraining, Running, Waiting
from plimsoll.retrain.operations.changes import advance
from plimsoll.retrain.seen import Course, Seen, Step
from plimsoll.retrain.watches import deploy_order, limits_of
from plimsoll.rollout.operations import live_digest, rollout_in_the_way, rollout_of
from plimsoll.rollout.rollouts import Promoted, RolledBack


def open_retrainings(context: Context) -> tuple[Retraining, ...]:
    """Everything that has not ended, oldest first."""
    with context.database.read() as transaction:
        return store.open_ones(transaction, project=context.project)


def reread(context: Context, retraining: Retraining) -> Retraining:
    """As it stands after somebody worked on it."""
    with context.database.read() as transaction:
        found = store.find(transaction, project=context.project, retraining=retraining.id)
    assert found is not None, "a retraining is never removed"
    return found


def surroundings(context: Context, project: Project, retraining: Retraining) -> Seen:
    """The world around a retraining, as far as its state asks about it."""
    match retraining.state:
        case Waiting():
            return _before_the_run(context, project, retraining)
        case Running() | Judged():
            return _at_work(context, retraining)
        case Released() | Deploying():
            return _after_the_release(context, project, retraining)
        case _:
            return Seen()


def record_step(context: Context, lease: Lease, retraining: Retraining, step: Step) -> Retraining:
    """Write what was decided; as it was when somebody changed it meanwhile. Raises LeaseLost."""
    owners: tuple[str, ...] = ()
    if isinstance(retraining.state, Waiting) and isinstance(step.state, Running):
        digest = live_digest(context, retraining.environment)
        owners = owners_of(retraining, makers=_makers(context, digest))
        step = replace(step, state=replace(step.state, of=digest))
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        return advance(context, transaction, retraining, step, owners=owners) or retraining


def _before_the_run(context: Context, project: Project, retraining: Retraining) -> Seen:
    now = context.clock.now()
    digest = live_digest(context, retraining.environment)
    live = retraining.ref or (get_release(context, digest).name if digest else "")
    rollout = rollout_in_the_way(context, retraining.environment)
    with context.database.read() as transaction:
        return Seen(
            limits=limits_of(project),
            live=live,
            other_run=_other_run(transaction, retraining),
            rollout=rollout.spec.candidate.name if rollout else "",
            last_ended=store.last_run_ended(transaction, project=context.project),
            begun=store.begun_since(transaction, project=context.project, since=now - DAY),
            new_run=new_id("run", at=now),
        )


def _other_run(transaction: Transaction, retraining: Retraining) -> str:
    found = store.open_ones(transaction, project=retraining.project)
    return next((one.id for one in found if one.id != retraining.id and isinstance(one.state, Running | Judged)), "")


def _at_work(context: Context, retraining: Retraining) -> Seen:
    return Seen(
        worker_gone=retraining.worker != "" and is_dead(retraining.worker),
        run_is_lost=_is_cut_short(context, retraining),
        new_run=new_id("run", at=context.clock.now()),
    )


def _is_cut_short(context: Context, retraining: Retraining) -> bool:
    """Whether the run was begun and is carried on by nobody."""
    if retraining.worker and not is_dead(retraining.worker):
        return False
    try:
        return get_run(context, retraining.run).state in (RunState.RUNNING, RunState.INTERRUPTED)
    except RunMissing:
        return False


def _after_the_release(context: Context, project: Project, retraining: Retraining) -> Seen:
    state = retraining.state
    place = state.environment if isinstance(state, Deploying) else ""
    with context.database.read() as transaction:
        newer = store.newer_release(transaction, retraining)
    return Seen(
        order=deploy_order(project),
        newer=newer or (_newer_live(context, retraining.release, place) if place else ""),
        course=course_of(context, state) if isinstance(state, Deploying) else None,
    )


def _newer_live(context: Context, release: str, environment: str) -> str:
    """A release of a higher number that is live there: an older one does not take its place by itself."""
    digest = live_digest(context, environment)
    live = get_release(context, digest) if digest else None
    return live.name if live and live.number > get_release(context, release).number else ""


def course_of(context: Context, state: Deploying) -> Course | None:
    """How the rollout of its release in the present environment stands; None before it began."""
    rollout = rollout_of(context, environment=state.environment, digest=state.digest, known=state.rollout)
    if rollout is None:
        return None
    arrived = live_digest(context, state.environment) == state.digest
    stands = rollout.latest.state
    return Course(
        rollout=rollout.id,
        is_over=arrived or isinstance(stands, Promoted | RolledBack),
        is_live=arrived or isinstance(stands, Promoted),
        sentence=rollout.latest.because.sentence,
    )


def _makers(context: Context, digest: str) -> tuple[str, ...]:
    """Who made the release whose code runs; of one that a trigger made, on whose behalf."""
    if not digest:
        return ()
    release = get_release(context, digest)
    owners = get_run(context, release.run).owners
    return owners or (release.created_by,)
