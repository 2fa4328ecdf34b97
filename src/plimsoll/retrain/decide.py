"""What becomes of a retraining next? Pure rules over what is known of the world around it.

Each look takes at most one step, and a look that was not recorded is simply taken again: nothing here remembers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from plimsoll.retrain import wording
from plimsoll.retrain.entities import (
    Deploying,
    Done,
    Dropped,
    Failed,
    Judged,
    Refused,
    Released,
    Retraining,
    Running,
    Superseded,
    Waiting,
    Working,
)
from plimsoll.retrain.seen import Course, Seen, Step

TRIES = 3
"""How often a run is begun whose process ends without a word."""
DAY = timedelta(days=1)


def decide(retraining: Retraining, seen: Seen, now: datetime) -> Step | None:
    """The next step; None where it stays as it is."""
    state = retraining.state
    step: Step | None = None  # what has ended stays so
    match state:
        case Waiting():
            step = _begin(retraining, seen, now)
        case Running() | Judged():
            step = _go_on(retraining, state, now, seen)
        case Released():
            step = _deploy_next(Deploying(release=state.release, digest=state.digest, environment=""), seen)
        case Deploying():
            step = _go_on_deploying(state, seen)
    return None if step is None or step.state == state else step


def owners_of(retraining: Retraining, *, makers: tuple[str, ...]) -> tuple[str, ...]:
    """Whose run it is: whoever asked for it by hand, else who made the live release. makers: the latter."""
    asked = tuple(dict.fromkeys(firing.asked_by for firing in retraining.holding if firing.asked_by))
    return asked or makers


def _begin(retraining: Retraining, seen: Seen, now: datetime) -> Step:
    """A run, or what it is waited for. People who ask wait for no limit, only for what is under way."""
    holding = retraining.holding
    if not holding:
        return Step(state=Dropped(because=wording.dropped(retraining)), sentence=wording.dropped(retraining))
    by_hand = any(firing.asked_by for firing in holding)
    waiting = _under_way(seen, at_once=any(firing.at_once for firing in holding))
    if waiting is None and not by_hand:
        waiting = _limited(seen, now)
    if waiting is not None:
        return Step(state=waiting, sentence=wording.waiting(waiting))
    running = Running(run=seen.new_run, attempt=1, since=now)
    return Step(state=running, sentence=wording.begun(retraining, live=seen.live))


def _under_way(seen: Seen, *, at_once: bool) -> Waiting | None:
    if seen.other_run:
        return Waiting(what=f"the run of {seen.other_run}, which is under way")
    if seen.rollout and not at_once:
        return Waiting(what=f"the end of the rollout of {seen.rollout}")
    if not seen.live:
        return Waiting(what="a live release, whose code would run")
    return None


def _limited(seen: Seen, now: datetime) -> Waiting | None:
    if seen.last_ended is not None:
        rested = seen.last_ended + timedelta(seconds=seen.limits.cooldown_s)
        if now < rested:
            return Waiting(what="the cooldown after the last run", until=rested)
    lately = sorted(begun for begun in seen.begun if now < begun + DAY)
    if len(lately) >= seen.limits.per_day:
        return Waiting(
            what=f"the limit of {wording.runs(seen.limits.per_day)} a day", until=lately[-seen.limits.per_day] + DAY
        )
    return None


def _go_on(retraining: Retraining, state: Working, now: datetime, seen: Seen) -> Step | None:
    """Somebody else takes it on where a worker ended; one that gave it back, since the server ended, is no failure."""
    if seen.worker_gone:
        return _after_a_death(retraining, state, now, seen)
    if isinstance(state, Running) and seen.run_is_lost:
        return Step(state=replace(state, run=seen.new_run, since=now), sentence=wording.taken_up())
    return None


def judge_again(state: Judged, now: datetime, *, because: str) -> Step:
    """The champion that it was compared with is no longer the champion: the same run is judged anew, not for ever."""
    if state.attempt >= TRIES:
        return Step(state=Superseded(by="another champion"), sentence=because)
    running = Running(run=state.run, attempt=state.attempt + 1, since=now)
    return Step(state=running, sentence=wording.judged_anew(because))


def _after_a_death(retraining: Retraining, state: Working, now: datetime, seen: Seen) -> Step:
    """Go on where the process ended: with the same run unless that was cut short, and not for ever."""
    if state.attempt >= TRIES:
        told = wording.died(TRIES, retraining=retraining.id)
        return Step(state=Failed(because=told), sentence=told)
    attempt = state.attempt + 1
    sentence = wording.again(attempt, TRIES)
    match state:
        case Judged():
            return Step(state=replace(state, attempt=attempt, since=now), sentence=sentence)
        case Running():
            run = seen.new_run if seen.run_is_lost else state.run
            return Step(state=replace(state, run=run, attempt=attempt, since=now), sentence=sentence)
        case _:
            assert_never(state)


def _go_on_deploying(state: Deploying, seen: Seen) -> Step:
    if seen.course is not None:
        return _follow(state, seen, seen.course)
    if state.environment not in seen.order:
        return _deploy_next(state, seen)
    if seen.newer:
        return _superseded(state, seen)
    refusal = seen.refusal
    if refusal is None:
        return Step(state=state, sentence="")
    if refusal.code == "release.stale_verdict":
        return Step(state=Superseded(by="another champion"), sentence=refusal.text)
    if not refusal.passes:
        return Step(state=Failed(because=refusal.text), sentence=refusal.text)
    kept_out = Deploying(
        release=state.release,
        digest=state.digest,
        environment=state.environment,
        waiting_for=f"{refusal.code}: {refusal.text}",
        passed=state.passed,
    )
    return Step(state=kept_out, sentence=wording.kept_out(kept_out))


def _follow(state: Deploying, seen: Seen, course: Course) -> Step:
    """A rollout is judged by its own rules; what comes of it is followed."""
    if not course.is_over:
        going = Deploying(
            release=state.release,
            digest=state.digest,
            environment=state.environment,
            rollout=course.rollout,
            passed=state.passed,
        )
        return Step(state=going, sentence=wording.on_its_way(going))
    if course.is_live:
        arrived = Deploying(
            release=state.release,
            digest=state.digest,
            environment=state.environment,
            passed=(*state.passed, state.environment),
        )
        return _deploy_next(arrived, seen)
    taken_back = wording.taken_back(state, course)
    return Step(state=Refused(because=taken_back), sentence=taken_back)


def _deploy_next(state: Deploying, seen: Seen) -> Step:
    """To the next environment of the order, after the one it is in; at its end it is done."""
    left = [name for name in seen.order if name not in state.passed and name != state.environment]
    if not left:
        done = Done(release=state.release, deployed=state.passed)
        return Step(state=done, sentence=wording.done(done))
    following = Deploying(release=state.release, digest=state.digest, environment=left[0], passed=state.passed)
    return _superseded(following, seen) if seen.newer else Step(state=following, sentence=wording.next_place(following))


def _superseded(state: Deploying, seen: Seen) -> Step:
    return Step(state=Superseded(by=seen.newer), sentence=wording.superseded(state, by=seen.newer))
