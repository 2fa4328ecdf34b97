"""What an environment is told to run, what it runs, and what follows from the difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plimsoll.rollout.admission import has_lived_there
from plimsoll.rollout.entities import Deployment, DeploymentChange, Observed
from plimsoll.rollout.observing import differs, next_revision, state_of

NOW = "2026-01-01T00:00:00.000000Z"


def a_deployment(**changes: object) -> Deployment:
    deployment = Deployment(
        project="fraud",
        environment="production",
        target="process",
        release="fraud@2",
        digest="d2",
        host="127.0.0.1",
        port=8600,
        wanted="running",
        problem="",
        changed_by="ada",
        changed_at=NOW,
    )
    return replace(deployment, **changes)


def seen(**changes: object) -> Observed:
    observed = Observed(
        revision=1, settled=True, ready=True, live="d2", host="127.0.0.1", port=8600, processes=(("door", 42),)
    )
    return replace(observed, **changes)


@pytest.mark.parametrize(
    ("deployment", "observed", "state"),
    [
        (a_deployment(), seen(), "live"),
        (a_deployment(), None, "starting"),
        (a_deployment(), seen(ready=False), "starting"),
        (a_deployment(), seen(live="d1"), "starting"),
        (a_deployment(problem="the port is taken"), seen(ready=False), "unavailable"),
        (a_deployment(wanted="stopped"), seen(), "stopping"),
        (a_deployment(wanted="stopped"), seen(processes=()), "stopped"),
        (a_deployment(wanted="stopped"), None, "stopped"),
    ],
)
def test_state_is_what_wanted_and_observed_say_together(deployment: Deployment, observed: Observed | None, state: str):
    assert state_of(deployment, observed) == state
    assert differs(deployment, observed) == (state not in ("live", "stopped"))


def test_a_release_that_lived_there_may_come_back():
    change = DeploymentChange(
        id="c", project="fraud", environment="production", release="fraud@1", digest="d1", wanted="running",
        changed_by="ada", changed_at=NOW,
    )  # fmt: skip

    assert has_lived_there("d1", [change])
    assert not has_lived_there("d2", [change])


def test_a_revision_is_above_every_other_and_grows_with_time():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = next_revision(now, last=0)

    assert next_revision(now, last=first) == first + 1, "twice in one millisecond"
    assert next_revision(now, last=first, above=first + 10) == first + 11, "the target knows of more than the ledger"
    assert next_revision(now - timedelta(hours=1), last=first) == first + 1, "the clock was set back"
    assert next_revision(now + timedelta(seconds=5), last=first - 100) == first + 5000, (
        "a ledger restored from a backup"
    )
