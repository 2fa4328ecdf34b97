"""How does a rollout begin, go on and end?

Pure rules. Its evidence is weighed in `judge.py`, people's orders are followed in `orders.py`, what its states mean for
the world is in `effects.py`, and when it is looked at in `looks.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from plimsoll.rollout import wording
from plimsoll.rollout.decisions import Because, Decision, Evidence, Rule
from plimsoll.rollout.effects import effects_of
from plimsoll.rollout.orders import follow
from plimsoll.rollout.rollouts import (
    Held,
    Order,
    Paused,
    Promoted,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    Stage,
    Starting,
    UnderWay,
    Unready,
)
from plimsoll.rollout.seen import Health, Readiness, Seen
from plimsoll.rollout.steps import Step, live, rolled_back


def begin(spec: RolloutSpec, now: datetime, *, by: str, why: str) -> Decision:
    """The first decision of a rollout: the candidate is loaded and answers nobody yet."""
    return _decision(spec, Step(Starting(since=now), Rule.STARTING, wording.begun(spec, by=by, why=why)), None, now)


def end_early(
    spec: RolloutSpec, state: UnderWay, now: datetime, *, why: str, evidence: Evidence | None = None
) -> Decision:
    """End a rollout for a reason outside of it: a candidate that is live stays live, any other is taken back.

    evidence: what was weighed last, so that what the rollout cost is still told.
    """
    was = state.was if isinstance(state, Unready | Paused) else state
    if isinstance(was, Settling):
        return _decision(spec, Step(Promoted(since=now), Rule.ORDERED, why), evidence, now)
    return _decision(spec, rolled_back(Rule.ORDERED, why, now), evidence, now)


def decide(spec: RolloutSpec, state: RolloutState, seen: Seen, now: datetime, order: Order | None = None) -> Decision:
    """One look at a rollout: at most one step, from all that was seen and at most one order of a person.

    Depends on nothing but its arguments: a look that was not recorded is simply taken again. What comes first wins:
    an ended rollout stays ended; proven harm takes the candidate back whatever else is asked; a person's order; then
    the course of things.
    """
    if isinstance(state, Promoted | RolledBack):
        step = Step(state, Rule.ENDED, wording.ended(state, order=order))
        return _decision(spec, step, None, now)
    evidence = _weigh(spec, seen, stage=_index(state))
    return _decision(spec, _step(spec, state, seen, now, evidence=evidence, order=order), evidence, now)


def decide_uncounted(
    spec: RolloutSpec, latest: Decision, health: Health, now: datetime, order: Order | None = None
) -> Decision:
    """One look while what the doors counted is not known: time, readiness and orders have their say all the same.

    latest: the rollout's last decision, which has not ended it; what was weighed then stays the evidence. No stage is
    passed, none proves harm, and none begins: callers are given to no candidate that nobody can watch.
    """
    state, seen = latest.state, Seen(health=health)
    assert not isinstance(state, Promoted | RolledBack), "a rollout that has ended is not looked at"
    nothing = _weigh(spec, seen, stage=None)
    step = _step(spec, state, seen, now, evidence=nothing, order=order)
    if isinstance(state, Starting) and isinstance(step.state, Stage):
        step = Step(state, Rule.STARTING, wording.uncounted(spec))
    return _decision(spec, step, latest.because.evidence, now)


def _weigh(spec: RolloutSpec, seen: Seen, *, stage: int | None) -> Evidence:
    from plimsoll.rollout.judge import weigh  # brings SciPy, which most commands do not need

    return weigh(spec, seen, stage=stage)


def _step(
    spec: RolloutSpec, state: UnderWay, seen: Seen, now: datetime, *, evidence: Evidence, order: Order | None
) -> Step:
    return (
        _take_back(spec, seen, evidence, now, order=order)
        or follow(spec, state, seen, now, order=order)
        or _go_on(spec, state, seen, now, evidence=evidence)
    )


def _decision(spec: RolloutSpec, step: Step, evidence: Evidence | None, now: datetime) -> Decision:
    return Decision(
        at=now,
        state=step.state,
        effects=effects_of(spec, step.state),
        wake_at=_wake_at(spec, step.state, now),
        because=Because(rule=step.rule, sentence=step.sentence, evidence=evidence),
    )


def _take_back(spec: RolloutSpec, seen: Seen, evidence: Evidence, now: datetime, *, order: Order | None) -> Step | None:
    """Back to the champion when harm is proven by evidence that counts, or the candidate does not stay alive."""
    harm = evidence.harmful
    if harm is None or evidence.void:
        crashed = seen.health.deaths >= spec.crashes
        return rolled_back(Rule.CRASHED, wording.crashed(spec, seen.health), now) if crashed else None
    return rolled_back(Rule.HARM, wording.harm(spec, harm, evidence.cost, order=order), now)


def _go_on(
    spec: RolloutSpec,
    state: UnderWay,
    seen: Seen,
    now: datetime,
    *,
    evidence: Evidence,
) -> Step:
    """The course of things, when nobody orders anything and no harm is proven."""
    match state:
        case Starting():
            return _await_first_answer(spec, state, seen, now)
        case Stage():
            return _judge_stage(spec, state, seen, now, evidence=evidence)
        case Settling():
            return _settle(spec, state, seen, now)
        case Unready():
            return _await_return(spec, state, seen, now)
        case Held():
            return Step(state, Rule.HELD, wording.held(state))
        case Paused():
            return Step(state, Rule.PAUSED, wording.paused(state))
        case _:
            assert_never(state)


def _await_first_answer(spec: RolloutSpec, state: Starting, seen: Seen, now: datetime) -> Step:
    if seen.health.readiness is Readiness.READY:
        if spec.shares:
            return Step(Stage(index=0, since=now), Rule.READY, wording.ready(spec))
        return Step(live(spec, now), Rule.READY, wording.ready(spec))
    if seen.health.readiness is Readiness.REFUSED:
        return rolled_back(Rule.REFUSED, wording.refused(spec, seen.health), now)
    if _elapsed_s(state.since, now) >= spec.ready_s:
        return rolled_back(Rule.NEVER_READY, wording.never_ready(spec, seen.health), now)
    return Step(state, Rule.STARTING, wording.starting(spec, seen.health))


def _judge_stage(spec: RolloutSpec, state: Stage, seen: Seen, now: datetime, *, evidence: Evidence) -> Step:
    """The ends of a stage other than harm: void, enough seen, inconclusive; none of them: go on watching."""
    if evidence.void:
        why = wording.void(spec, evidence)
        return Step(Held(was=state, since=now, because=why), Rule.VOID, why)
    if seen.health.down:
        return Step(Unready(was=state, since=now), Rule.NOT_READY, wording.not_ready(spec, seen.health))
    elapsed_s = _elapsed_s(state.since, now)
    ready = seen.health.readiness is Readiness.READY
    exposure = evidence.exposure
    if exposure is not None and exposure.enough and ready and elapsed_s >= spec.hold_s:
        return Step(_next(spec, state, now), Rule.ENOUGH, wording.enough(spec, state, exposure))
    if elapsed_s >= spec.deadline_s:
        why = wording.inconclusive(spec, state, exposure, ready=ready)
        if spec.on_inconclusive == "rollback":
            return rolled_back(Rule.INCONCLUSIVE, why, now)
        return Step(Held(was=state, since=now, because=why), Rule.INCONCLUSIVE, why)
    return Step(state, Rule.WATCHING, wording.watching(spec, state, evidence, elapsed_s=elapsed_s))


def _settle(spec: RolloutSpec, state: Settling, seen: Seen, now: datetime) -> Step:
    if seen.health.down:
        return Step(Unready(was=state, since=now), Rule.NOT_READY, wording.not_ready(spec, seen.health))
    if _elapsed_s(state.since, now) >= spec.warm_s:
        return Step(Promoted(since=now), Rule.SETTLED, wording.settled(spec))
    return Step(state, Rule.SETTLING, wording.settling(spec))


def _await_return(spec: RolloutSpec, state: Unready, seen: Seen, now: datetime) -> Step:
    if seen.health.readiness is Readiness.READY:
        return Step(state.was, Rule.READY, wording.ready_again(spec))
    if seen.health.down and _elapsed_s(state.since, now) >= spec.ready_s:
        return rolled_back(Rule.NEVER_READY, wording.never_ready(spec, seen.health), now)
    return Step(state, Rule.NOT_READY, wording.not_ready(spec, seen.health))


def _next(spec: RolloutSpec, state: Stage, now: datetime) -> RolloutState:
    following = state.index + 1
    return Stage(index=following, since=now) if following < len(spec.shares) else live(spec, now)


def _index(state: RolloutState) -> int | None:
    match state:
        case Stage():
            return state.index
        case Held() | Paused() | Unready():
            return _index(state.was)
        case Starting() | Settling() | Promoted() | RolledBack():
            return None
        case _:
            assert_never(state)


def _wake_at(spec: RolloutSpec, state: RolloutState, now: datetime) -> datetime | None:
    """The next moment at which time alone changes something, or the next look at the counts."""
    lasting: tuple[float, ...]
    match state:
        case Starting() | Unready():
            lasting = (spec.ready_s,)
        case Stage():
            lasting = (spec.hold_s, spec.deadline_s)
        case Settling():
            lasting = (spec.warm_s,)
        case Held() | Paused():
            lasting = ()
        case Promoted() | RolledBack():
            return None
        case _:
            assert_never(state)
    turns = [state.since + timedelta(seconds=seconds) for seconds in lasting]
    return min([turn for turn in turns if turn > now] + [now + timedelta(seconds=spec.look_s)])


def _elapsed_s(since: datetime, now: datetime) -> float:
    """Seconds, never below 0: a clock that was set back only makes it take longer."""
    return max((now - since).total_seconds(), 0.0)
