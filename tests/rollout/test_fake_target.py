"""The fake target keeps what targets promise, and fails as tests tell it to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.rollout.fake_target import Away, FakeTarget
from tests.rollout.target_contract import ENVIRONMENT, TargetContract, desired

from plimsoll.rollout.entities import DesiredRelease, Observed


def a_release(digest: str) -> DesiredRelease:
    return DesiredRelease(name=f"fraud@{digest}", digest=digest, bundle=Path("/nowhere"))


@dataclass
class FakeRig:
    target: FakeTarget = field(default_factory=lambda: FakeTarget(loads_after=3, refuses={"bad": "bundle.bad: no"}))
    first: DesiredRelease = field(default_factory=lambda: a_release("d1"))
    second: DesiredRelease = field(default_factory=lambda: a_release("d2"))
    bad: DesiredRelease = field(default_factory=lambda: a_release("bad"))

    def settle(self, environment: str) -> Observed:
        for _ in range(10):
            seen = self.target.observe(environment)
            if seen is not None and seen.settled:
                return seen
        raise AssertionError("it never settles")


@pytest.fixture
def rig() -> FakeRig:
    return FakeRig()


class TestFakeTarget(TargetContract):
    """All of the contract."""


def test_a_release_is_ready_after_it_was_looked_at_often_enough(rig):
    rig.target.apply(desired(1, rig.first, live=rig.first))
    assert [rig.target.observe(ENVIRONMENT).ready for _ in range(4)] == [False, False, True, True]


def test_the_release_before_answers_until_the_next_one_is_ready(rig):
    rig.target.apply(desired(1, rig.first, live=rig.first))
    rig.settle(ENVIRONMENT)
    seen = rig.target.apply(desired(2, rig.first, rig.second, live=rig.second))
    assert (seen.live, seen.ready, seen.settled) == ("d1", False, False)
    assert rig.settle(ENVIRONMENT).live == "d2"


def test_what_died_is_not_ready_and_what_forgot_everything_is_unknown(rig):
    rig.target.apply(desired(1, rig.first, live=rig.first))
    rig.settle(ENVIRONMENT)
    rig.target.dead.add("d1")
    assert not rig.target.observe(ENVIRONMENT).ready
    rig.target.die(ENVIRONMENT)
    assert rig.target.observe(ENVIRONMENT) is None


def test_a_target_that_is_away_answers_nothing(rig):
    rig.target.away = True
    for ask in (
        lambda: rig.target.apply(desired(1, live=None)),
        lambda: rig.target.observe(ENVIRONMENT),
        lambda: rig.target.counts(ENVIRONMENT, "rollout"),
        lambda: rig.target.stop(ENVIRONMENT, revision=1),
    ):
        with pytest.raises(Away):
            ask()


def test_everything_new_that_it_is_told_is_kept(rig):
    wanted = [desired(number, rig.first, live=rig.first) for number in (1, 2)]
    for one in (wanted[0], wanted[0], wanted[1], wanted[1]):
        rig.target.apply(one)
    assert rig.target.told == wanted
