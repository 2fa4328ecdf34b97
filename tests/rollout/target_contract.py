"""What every target promises. A test class that inherits from it and has a fixture `rig` puts its target through it."""

from __future__ import annotations

from typing import Protocol

import pytest

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.rollout.entities import Desired, DesiredRelease, Observed, Traffic
from plimsoll.rollout.ports import Target

ENVIRONMENT = "production"
ROLLOUT = "rollout-1"


class Rig(Protocol):
    """A target with nothing applied, and releases that it can carry."""

    target: Target
    first: DesiredRelease
    second: DesiredRelease
    bad: DesiredRelease
    """Its bundle is there, but it cannot be loaded."""

    def settle(self, environment: str) -> Observed:
        """Wait until the newest revision is done or refused."""
        ...


def desired(
    revision: int,
    *releases: DesiredRelease,
    live: DesiredRelease | None,
    environment: str = ENVIRONMENT,
    traffic: Traffic | None = None,
) -> Desired:
    return Desired(
        project="fraud",
        environment=environment,
        revision=revision,
        host="127.0.0.1",
        port=0,
        live=live.digest if live else None,
        releases=releases,
        traffic=traffic,
    )


def split(candidate: DesiredRelease, *, pct: float = 10.0, stage: int = 0) -> Traffic:
    return Traffic(rollout=ROLLOUT, stage=stage, candidate=candidate.digest, candidate_pct=pct)


class TargetContract:
    """The promises, one a test."""

    def test_where_nothing_was_applied_nothing_is_seen_or_counted(self, rig: Rig) -> None:
        assert rig.target.observe(ENVIRONMENT) is None
        assert dict(rig.target.counts(ENVIRONMENT, ROLLOUT)) == {}

    def test_what_is_applied_is_known_at_once_and_becomes_so(self, rig: Rig) -> None:
        assert rig.target.apply(desired(1, rig.first, live=rig.first)).revision == 1
        seen = rig.settle(ENVIRONMENT)
        assert (seen.revision, seen.settled, seen.ready, seen.live) == (1, True, True, rig.first.digest)
        assert [(item.digest, item.ready, item.problem) for item in seen.releases] == [(rig.first.digest, True, "")]
        assert seen.port > 0
        assert seen.processes

    def test_the_same_again_changes_nothing(self, rig: Rig) -> None:
        wanted = desired(1, rig.first, live=rig.first)
        rig.target.apply(wanted)
        before = rig.settle(ENVIRONMENT)
        rig.target.apply(wanted)
        assert rig.settle(ENVIRONMENT) == before

    def test_an_older_revision_is_refused_and_changes_nothing(self, rig: Rig) -> None:
        rig.target.apply(desired(5, rig.first, live=rig.first))
        before = rig.settle(ENVIRONMENT)
        with pytest.raises(PlimsollError) as caught:
            rig.target.apply(desired(4, rig.second, live=rig.second))
        assert caught.value.kind is Kind.CONFLICT
        with pytest.raises(PlimsollError) as caught:
            rig.target.stop(ENVIRONMENT, revision=4)
        assert caught.value.kind is Kind.CONFLICT
        assert rig.settle(ENVIRONMENT) == before

    def test_a_release_that_shall_only_be_loaded_answers_nobody(self, rig: Rig) -> None:
        rig.target.apply(desired(1, rig.first, live=None))
        seen = rig.settle(ENVIRONMENT)
        found = seen.release(rig.first.digest)
        assert found is not None
        assert found.ready
        assert (seen.ready, seen.live) == (False, None)

    def test_a_candidate_is_loaded_beside_the_live_release_and_takes_its_place(self, rig: Rig) -> None:
        rig.target.apply(desired(1, rig.first, live=rig.first))
        port = rig.settle(ENVIRONMENT).port
        rig.target.apply(desired(2, rig.first, rig.second, live=rig.first, traffic=split(rig.second)))
        beside = rig.settle(ENVIRONMENT)
        assert beside.live == rig.first.digest
        assert {item.digest for item in beside.releases if item.ready} == {rig.first.digest, rig.second.digest}
        rig.target.apply(desired(3, rig.second, live=rig.second))
        after = rig.settle(ENVIRONMENT)
        assert (after.ready, after.live) == (True, rig.second.digest)
        assert after.release(rig.first.digest) is None, "what is not wanted is not kept"
        assert after.port == port, "a port that was chosen stays"

    def test_a_release_that_cannot_be_loaded_is_said_so_and_the_live_one_goes_on(self, rig: Rig) -> None:
        rig.target.apply(desired(1, rig.first, live=rig.first))
        rig.settle(ENVIRONMENT)
        rig.target.apply(desired(2, rig.first, rig.bad, live=rig.first))
        seen = rig.settle(ENVIRONMENT)
        found = seen.release(rig.bad.digest)
        assert found is not None
        assert not found.ready
        assert ": " in found.problem
        assert (seen.settled, seen.ready, seen.live) == (True, True, rig.first.digest)

    def test_what_was_stopped_has_no_processes_and_starts_again_when_told(self, rig: Rig) -> None:
        rig.target.apply(desired(1, rig.first, live=rig.first))
        port = rig.settle(ENVIRONMENT).port
        for _ in range(2):
            rig.target.stop(ENVIRONMENT, revision=2)
        seen = rig.target.observe(ENVIRONMENT)
        assert seen is None or (not seen.processes and not seen.ready and seen.live is None)
        rig.target.apply(desired(3, rig.first, live=rig.first))
        again = rig.settle(ENVIRONMENT)
        assert (again.ready, again.port) == (True, port)

    def test_environments_do_not_know_each_other(self, rig: Rig) -> None:
        rig.target.apply(desired(7, rig.first, live=rig.first))
        rig.target.apply(desired(1, rig.second, live=rig.second, environment="staging"))
        assert rig.settle(ENVIRONMENT).live == rig.first.digest
        assert rig.settle("staging").live == rig.second.digest
        rig.target.stop("staging", revision=2)
        assert rig.settle(ENVIRONMENT).ready
