"""Random lives of a project's retrainings: whatever fires, dies, rolls out and is set back, some things never happen.

PLIMSOLL_TEST_LIVES says how many lives are lived; the default is quick, 10000 is the proof.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.retrain.builders import START, a_firing, a_retraining, by_hand

from plimsoll.retrain.decide import DAY, TRIES, decide
from plimsoll.retrain.entities import (
    OPEN,
    Cancelled,
    Deploying,
    Done,
    Failed,
    Judged,
    Limits,
    Refused,
    Released,
    Retraining,
    Running,
    Waiting,
)
from plimsoll.retrain.seen import Course, Refusal, Seen

LIVES = int(os.environ.get("PLIMSOLL_TEST_LIVES", "200"))
PLACES = st.sampled_from(["staging", "production"])

pytestmark = pytest.mark.timeout(max(120, LIVES))


@dataclass(frozen=True)
class Begun:
    """One run as it began."""

    at: datetime
    by_hand: bool
    at_once: bool
    rollout: bool


class Lives(RuleBasedStateMachine):
    """The world: retrainings, what is under way in each environment, and a clock that people may set."""

    @initialize(
        cooldown_s=st.sampled_from([0.0, 3600.0, 21_600.0]),
        per_day=st.integers(1, 4),
        order=st.sampled_from([(), ("staging",), ("staging", "production")]),
    )
    def begin(self, cooldown_s: float, per_day: int, order: tuple[str, ...]) -> None:
        self.limits = Limits(cooldown_s=cooldown_s, per_day=per_day)
        self.order = order
        self.now = START
        self.numbers = itertools.count(1)
        self.all: dict[str, Retraining] = {}
        self.rollouts: dict[str, tuple[str, str]] = {}
        """Environment -> release under way, and `going`, `live` or `back`."""
        self.arrived: dict[str, list[str]] = {"staging": [], "production": []}
        self.begun: list[Begun] = []
        self.ended: datetime | None = None
        self.ends: list[datetime] = []
        self.deaths: dict[str, int] = {}
        self.refused = False

    # What the world does.

    @rule(place=PLACES, hand=st.booleans(), at_once=st.booleans())
    def fire(self, place: str, hand: bool, at_once: bool) -> None:
        number = next(self.numbers)
        firing = by_hand(number, at_once=at_once) if hand else a_firing(number)
        waiting = [one for one in self.all.values() if isinstance(one.state, Waiting) and one.environment == place]
        if waiting:
            self.save(replace(waiting[0], firings=(*waiting[0].firings, firing)))
        else:
            self.save(replace(a_retraining(firing, environment=place), id=f"retraining-{number:06}"))

    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        for one in [one for one in self.all.values() if isinstance(one.state, Waiting)]:
            kept = [
                replace(firing, note="resolved") if not firing.asked_by and data.draw(st.booleans()) else firing
                for firing in one.firings
            ]
            self.save(replace(one, firings=tuple(kept)))

    @rule(hours=st.sampled_from([0.0, 0.01, 0.5, 1.0, 7.0, 25.0]))
    def pass_time(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule(place=PLACES)
    def somebody_deploys(self, place: str) -> None:
        self.rollouts.setdefault(place, (f"fraud@{next(self.numbers)}", "going"))

    @rule(place=PLACES, end=st.sampled_from(["live", "back"]))
    def end_rollout(self, place: str, end: str) -> None:
        if place in self.rollouts and self.rollouts[place][1] == "going":
            self.rollouts[place] = (self.rollouts[place][0], end)

    @rule(place=PLACES)
    def forget_rollout(self, place: str) -> None:
        """A later one took its place in the record, unless a retraining follows it."""
        followed = [one for one in self.all.values() if isinstance(one.state, Deploying) and one.state.rollout]
        if self.rollouts.get(place, ("", "going"))[1] != "going" and not followed:
            del self.rollouts[place]

    @rule()
    def toggle_approval(self) -> None:
        self.refused = not self.refused

    @rule(how=st.sampled_from(["pass", "fail", "error"]))
    def worker_ends_well(self, how: str) -> None:
        for one in self.working():
            match one.state, how:
                case Running(run=run, attempt=attempt), "pass":
                    self.save(replace(one, state=Judged(run=run, verdict="v", attempt=attempt, since=self.now)))
                    self.run_ended()
                case Running(), "fail":
                    self.save(replace(one, state=Refused(because="", finding="fail")))
                    self.run_ended()
                case Judged(), "pass":
                    name = f"fraud@{next(self.numbers)}"
                    self.save(replace(one, state=Released(release=name, digest=name), release=name))
                case _, "error":
                    self.save(replace(one, state=Failed(because="")))
                    self.run_ended()

    @rule(lost=st.booleans())
    def worker_dies(self, lost: bool) -> None:
        for one in self.working():
            self.deaths[one.id] = self.deaths.get(one.id, 0) + 1
            step = decide(one, Seen(worker_gone=True, run_is_lost=lost, new_run=f"run-{next(self.numbers)}"), self.now)
            assert step is not None
            self.save(replace(one, state=step.state))
            if isinstance(step.state, Failed):
                event("given up")
                self.run_ended()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        found = [one for one in self.all.values() if isinstance(one.state, OPEN)]
        if found and data.draw(st.integers(0, 9)) == 0:
            one = data.draw(st.sampled_from(found))
            if isinstance(one.state, Running | Judged):
                self.run_ended()
            self.save(replace(one, state=Cancelled(by="ann", why="")))

    # What the controller does.

    @rule()
    def turn(self) -> None:
        for one in sorted(self.all.values(), key=lambda one: one.id):
            self.look(one)

    def look(self, one: Retraining) -> None:
        if isinstance(one.state, Deploying) and not one.state.rollout and self.may_deploy(one.state):
            assert not self.newer(one), "what is superseded is not deployed"
            self.rollouts[one.state.environment] = (one.state.release, "going")
        world = self.world(one)
        step = decide(one, world, self.now)
        if step is None:
            return
        if isinstance(one.state, Waiting) and isinstance(step.state, Running):
            hand = any(firing.asked_by for firing in one.holding)
            at_once = any(firing.at_once for firing in one.holding)
            self.begun.append(Begun(self.now, hand, at_once, bool(world.rollout)))
            if not hand:
                self.check_limits()
        if isinstance(one.state, Deploying) and isinstance(step.state, Deploying | Done):
            passed = step.state.passed if isinstance(step.state, Deploying) else step.state.deployed
            assert passed == self.order[: len(passed)], "in their order"
        event(f"{type(one.state).__name__} -> {type(step.state).__name__}")
        self.save(replace(one, state=step.state))

    def world(self, one: Retraining) -> Seen:
        place = one.state.environment if isinstance(one.state, Deploying) else one.environment
        under_way, how = self.rollouts.get(place, ("", ""))
        mine = isinstance(one.state, Deploying) and under_way == one.state.release
        return Seen(
            limits=self.limits,
            live="fraud@1",
            other_run=next((other.id for other in self.working() if other.id != one.id), ""),
            rollout=under_way if how == "going" else "",
            last_ended=self.ended,
            begun=tuple(run.at for run in self.begun if self.now < run.at + DAY),
            new_run=f"run-{next(self.numbers)}",
            order=self.order,
            newer=self.newer(one),
            course=Course(rollout="r", is_over=how != "going", is_live=how == "live", sentence="") if mine else None,
            refusal=Refusal(code="governance.not_approved", text="", passes=True) if self.refused else None,
        )

    def newer(self, one: Retraining) -> str:
        return next((other.id for other in self.all.values() if other.id > one.id and other.release), "")

    def may_deploy(self, state: Deploying) -> bool:
        free = self.rollouts.get(state.environment, ("", ""))[1] != "going"
        mine = self.rollouts.get(state.environment, ("", ""))[0] == state.release
        owner = next(one for one in self.all.values() if one.state == state)
        return free and not mine and not self.refused and not self.newer(owner) and state.environment in self.order

    # What never happens.

    def check_limits(self) -> None:
        last = self.begun[-1]
        assert not last.rollout, "a run that nobody asked for began in the middle of a rollout"
        if self.ended is not None:
            assert last.at >= self.ended + timedelta(seconds=self.limits.cooldown_s)
        lately = [run for run in self.begun if run.at > last.at - DAY]
        assert len(lately) <= self.limits.per_day or any(run.by_hand for run in lately)

    @invariant()
    def one_run_at_a_time(self) -> None:
        assert len(self.working()) <= 1

    @invariant()
    def only_who_asked_at_once_disturbs_a_rollout(self) -> None:
        assert all(run.at_once for run in getattr(self, "begun", ()) if run.rollout)

    @invariant()
    def no_more_tries_than_allowed(self) -> None:
        assert all(one.state.attempt <= TRIES for one in self.working())
        assert all(deaths <= TRIES for deaths in getattr(self, "deaths", {}).values())

    def save(self, one: Retraining) -> None:
        before = self.all.get(one.id)
        if before is not None:
            assert isinstance(before.state, OPEN), "what has ended stays as it is"
        self.all[one.id] = one

    def run_ended(self) -> None:
        self.ended = self.now

    def working(self) -> list[Retraining]:
        return [one for one in getattr(self, "all", {}).values() if isinstance(one.state, Running | Judged)]


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=LIVES, stateful_step_count=40, deadline=None)
