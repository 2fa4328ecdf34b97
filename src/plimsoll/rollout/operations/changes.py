"""How rollouts begin, go on and end in the ledger: the decision, its audit event, and what the target must be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plimsoll.edge.context import Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.ids import new_id
from plimsoll.ledger.engine import Transaction
from plimsoll.release.entities import Release
from plimsoll.rollout import store
from plimsoll.rollout.decide import begin, end_early
from plimsoll.rollout.decisions import Decision, Rule
from plimsoll.rollout.effects import arrangement_of
from plimsoll.rollout.entities import Deployment, DeploymentChange, Effects, Rollout, Told
from plimsoll.rollout.looks import worth_recording
from plimsoll.rollout.observing import next_revision
from plimsoll.rollout.operations.place import Place
from plimsoll.rollout.rollouts import Promoted, ReleaseRef, RolledBack, Strategy
from plimsoll.rollout.standing import standing


def begin_rollout(
    context: Context,
    transaction: Transaction,
    release: Release,
    place: Place,
    *,
    strategy: Strategy | None,
    why: str = "",
    way_back: bool = False,
) -> None:
    """Write a rollout that begins now. One whose candidate is live already ends, to make room."""
    now = context.clock.now()
    if place.rollout is not None:
        end_rollout(context, transaction, place.rollout, why=f"{release.name} follows it.")
    spec = place.spec(ReleaseRef(name=release.name, digest=release.digest), strategy=strategy, way_back=way_back)
    decision = begin(spec, now, by=context.caller.name, why=why)
    rollout = Rollout(
        id=new_id("rollout", at=now),
        project=context.project,
        environment=place.name,
        spec=spec,
        latest=decision,
        version=1,
        doors=place.settings.doors,
        started_by=context.caller.name,
        started_at=to_text(now),
        ended_at="",
    )
    store.add_rollout(transaction, rollout)
    store.add_decision(transaction, rollout.id, decision, is_turn=True)
    store.save(transaction, _deployment(context, place))
    detail = {
        "rollout": rollout.id,
        "environment": place.name,
        "digest": release.digest,
        "champion": spec.champion.digest if spec.champion else "",
        "strategy": str(spec.strategy),
    }
    if why:
        detail["why"] = why
    record(context, transaction, action=Action.ROLLOUT_STARTED, subject=release.name, detail=detail)
    _tell(context, transaction, rollout, decision)


def end_rollout(context: Context, transaction: Transaction, rollout: Rollout, *, why: str) -> None:
    """End a rollout for a reason outside of it."""
    state = rollout.latest.state
    assert not isinstance(state, Promoted | RolledBack), "a rollout under way has not ended"
    weighed = rollout.latest.because.evidence
    decision = end_early(rollout.spec, state, context.clock.now(), why=why, evidence=weighed)
    write_decision(context, transaction, rollout, decision)


def write_decision(
    context: Context, transaction: Transaction, rollout: Rollout, decision: Decision, *, by: str = ""
) -> bool:
    """Write what a look decided and what follows from it; False when somebody decided since the rollout was read.

    by: whose order it follows, if it follows one.
    """
    ended = isinstance(decision.state, Promoted | RolledBack)
    saved = replace(
        rollout, latest=decision, version=rollout.version + 1, ended_at=to_text(decision.at) if ended else ""
    )
    if not store.save_rollout(transaction, saved):
        return False
    if ended:
        store.close_orders(transaction, rollout.id, at=to_text(decision.at))
    last = store.last_decision(transaction, rollout.id)
    is_turn = decision.state != rollout.latest.state or decision.because.rule is Rule.NOT_FOLLOWED
    if is_turn or worth_recording(last, decision, begun=from_text(rollout.started_at)):
        store.add_decision(transaction, rollout.id, decision, is_turn=is_turn)
    if is_turn:
        _record_change(context, transaction, rollout, decision)
    if decision.effects != rollout.latest.effects:
        _follow(context, transaction, rollout, decision, by=by or context.caller.name)
        _tell(context, transaction, rollout, decision)
    return True


def tell(
    context: Context, transaction: Transaction, environment: str, told: Told, *, because: str, above: int = 0
) -> Effects:
    """Put into the outbox what the environment's target must be told. above: a revision that the target knows."""
    now = context.clock.now()
    last = store.latest_effects(transaction, project=context.project, environment=environment)
    effects = Effects(
        project=context.project,
        environment=environment,
        revision=next_revision(now, last=last.revision if last else 0, above=above),
        told=told,
        because=because,
        created_at=to_text(now),
        performed_at="",
    )
    store.add_effects(transaction, effects)
    return effects


def change_live(
    context: Context, transaction: Transaction, deployment: Deployment, *, rollout: str = "", why: str = ""
) -> None:
    """Write which release is live from now on, or that nothing runs, and why when somebody said.

    rollout: the id of the one that made it so.
    """
    history = store.history(transaction, project=deployment.project, environment=deployment.environment)
    if history and deployment.changed_at <= history[-1].changed_at:  # a clock was set back: the order is kept
        later = from_text(history[-1].changed_at) + timedelta(microseconds=1)
        deployment = replace(deployment, changed_at=to_text(later))
    store.save(transaction, deployment)
    change = DeploymentChange(
        id=new_id("change", at=context.clock.now()),
        project=deployment.project,
        environment=deployment.environment,
        release=deployment.release,
        digest=deployment.digest,
        wanted=deployment.wanted,
        changed_by=deployment.changed_by,
        changed_at=deployment.changed_at,
    )
    store.add_change(transaction, change)
    detail = {
        "environment": deployment.environment,
        "digest": deployment.digest,
        "wanted": deployment.wanted,
        "by": deployment.changed_by,
        "rollout": rollout,
        **({"why": why} if why else {}),
    }
    record(context, transaction, action=Action.DEPLOYMENT_CHANGED, subject=deployment.release, detail=detail)


def _follow(context: Context, transaction: Transaction, rollout: Rollout, decision: Decision, *, by: str) -> None:
    """Let the deployment follow a decision: another live release, or none when a first one was taken back."""
    live = arrangement_of(rollout.spec, decision.effects).live
    deployment = store.find(transaction, project=rollout.project, environment=rollout.environment)
    assert deployment is not None, "a rollout begins with its deployment"
    if live is None and isinstance(decision.state, RolledBack):
        store.save(transaction, replace(deployment, wanted="stopped"))
        return
    history = store.history(transaction, project=rollout.project, environment=rollout.environment)
    if live is None or (history and (history[-1].digest, history[-1].wanted) == (live, "running")):
        return
    ref = next(ref for ref in (rollout.spec.candidate, rollout.spec.champion) if ref and ref.digest == live)
    forward = live == rollout.spec.candidate.digest
    changed = replace(
        deployment,
        release=ref.name,
        digest=ref.digest,
        wanted="running",
        problem="",
        changed_by=rollout.started_by if forward else by,
        changed_at=to_text(decision.at),
    )
    change_live(context, transaction, changed, rollout=rollout.id)


def _tell(context: Context, transaction: Transaction, rollout: Rollout, decision: Decision) -> None:
    wanted = arrangement_of(rollout.spec, decision.effects)
    told = Told(
        wanted=wanted if wanted.releases else None,
        rollout=rollout.id,
        candidate=rollout.spec.candidate.digest,
        stick_to=rollout.spec.stick_to,
        deadline_s=rollout.spec.candidate_deadline_s,
        doors=rollout.doors,
    )
    tell(context, transaction, rollout.environment, told, because=decision.because.sentence)


def _record_change(context: Context, transaction: Transaction, rollout: Rollout, decision: Decision) -> None:
    detail = {
        "rollout": rollout.id,
        "environment": rollout.environment,
        "standing": standing(decision.state),
        "rule": str(decision.because.rule),
        "because": decision.because.sentence,
    }
    record(context, transaction, action=Action.ROLLOUT_CHANGED, subject=rollout.spec.candidate.name, detail=detail)


def _deployment(context: Context, place: Place) -> Deployment:
    """The place's deployment as a rollout begins: what is live stays so, what was stopped is wanted again."""
    settings, found = place.settings, place.deployment
    if found is None:
        return Deployment(
            project=context.project,
            environment=place.name,
            target=settings.target,
            release="",
            digest="",
            host=settings.host,
            port=settings.port,
            wanted="running",
            problem="",
            changed_by=context.caller.name,
            changed_at=to_text(context.clock.now()),
        )
    return replace(
        found, target=settings.target, host=settings.host, port=settings.port or found.port, wanted="running",
        problem="",
    )  # fmt: skip
