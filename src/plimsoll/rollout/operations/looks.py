"""What the controller reads before a look and writes after it. Its writes stand on its lease."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.edge.context import Context
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Transaction
from plimsoll.ledger.leases import Lease
from plimsoll.rollout import store
from plimsoll.rollout.decisions import Decision, Rule
from plimsoll.rollout.entities import Deployment, Desired, Effects, Observed, Rollout, Traffic
from plimsoll.rollout.looks import worth_writing
from plimsoll.rollout.operations.champions import desired_release
from plimsoll.rollout.operations.changes import tell, write_decision
from plimsoll.rollout.rollouts import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A rollout under way, and the oldest order that nobody has followed yet."""

    rollout: Rollout
    order: Order | None
    order_id: str


def wanted_deployments(context: Context) -> tuple[Deployment, ...]:
    """Every environment of the project that was ever deployed to."""
    with context.database.read() as transaction:
        return store.of_project(transaction, project=context.project)


def latest_effects(context: Context, environment: str) -> Effects | None:
    """What an environment's target must have been told; None before anything was decided."""
    with context.database.read() as transaction:
        return store.latest_effects(transaction, project=context.project, environment=environment)


def next_look(context: Context, environment: str) -> Look | None:
    """What to look at; None when nothing is under way."""
    with context.database.read() as transaction:
        rollout = store.rollout_under_way(transaction, project=context.project, environment=environment)
        if rollout is None:
            return None
        identifier, order = _oldest_order(transaction, rollout)
    return Look(rollout=rollout, order=order, order_id=identifier)


def record_decision(context: Context, lease: Lease, look: Look, decision: Decision) -> bool:
    """Write a look's decision with what follows from it, in one transaction; True when there is something to do now.

    A look that is not worth it is not written, nor is one in whose time somebody else decided or ordered something.
    Raises LeaseLost.
    """
    before = look.rollout.latest
    if not (look.order_id or worth_writing(before, decision)):
        return False
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        if _oldest_order(transaction, look.rollout)[0] != look.order_id:
            return False  # it would end a rollout over an order that nobody has looked at
        by = look.order.by if look.order and decision.because.rule is Rule.ORDERED else ""
        if not write_decision(context, transaction, look.rollout, decision, by=by):
            return False
        if look.order_id:
            store.take_order(transaction, look.order_id, at=to_text(decision.at))
    return decision.effects != before.effects


def mark_performed(context: Context, lease: Lease, effects: Effects) -> None:
    """Write down that the target was told. Raises LeaseLost."""
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        store.mark_performed(transaction, effects, at=to_text(context.clock.now()))


def overtake(context: Context, lease: Lease, environment: str, *, revision: int) -> Effects:
    """What a target that was told more than this ledger knows must be told: the same as before, by a newer revision.

    So a ledger that was restored from a backup is followed. Somebody may have written newer effects meanwhile; those
    are returned then, unchanged. Raises LeaseLost.
    """
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        last = store.latest_effects(transaction, project=context.project, environment=environment)
        assert last is not None, "an outbox is not emptied"
        if last.revision >= revision:
            return last
        return tell(context, transaction, environment, last.told, because=last.because, above=revision)


def note_outcome(
    context: Context, lease: Lease, deployment: Deployment, observed: Observed | None, *, problem: str
) -> None:
    """Write down which port the target chose and what it cannot do, unless that is known. Raises LeaseLost."""
    port = deployment.port or (observed.port if observed else 0)
    if (port, problem) == (deployment.port, deployment.problem):
        return
    with context.database.write() as transaction:
        leases.require(transaction, lease)
        place = {"project": deployment.project, "environment": deployment.environment}
        store.note_outcome(transaction, **place, port=port, problem=problem)


def desired_state(context: Context, effects: Effects) -> Desired:
    """What the target must be told, with the bundles unpacked. Raises bundle.tampered."""
    told = effects.told
    assert told.wanted is not None, "an environment that shall run nothing is stopped"
    with context.database.read() as transaction:  # now: who wrote the effects may have moved the environment, too
        deployment = store.find(transaction, project=effects.project, environment=effects.environment)
    assert deployment is not None, "effects are written with their deployment"
    return Desired(
        project=deployment.project,
        environment=deployment.environment,
        revision=effects.revision,
        host=deployment.host,
        port=deployment.port,
        live=told.wanted.live,
        releases=tuple(desired_release(context, ref, deployment.environment) for ref in told.wanted.releases),
        doors=told.doors,
        stick_to=told.stick_to,
        traffic=_traffic(effects),
    )


def _oldest_order(transaction: Transaction, rollout: Rollout) -> tuple[str, Order | None]:
    """The order that the next look takes, with its id."""
    orders = store.open_orders(transaction, rollout.id)
    return orders[0] if orders else ("", None)


def _traffic(effects: Effects) -> Traffic | None:
    told = effects.told
    split = told.wanted.traffic if told.wanted else None
    if split is None or split.stage is None:
        return None
    return Traffic(
        rollout=told.rollout,
        stage=split.stage,
        candidate=told.candidate,
        candidate_pct=split.candidate_pct,
        shadow_pct=split.shadow_pct,
        drawn_pct=split.drawn_pct,
        deadline_s=told.deadline_s,
    )
