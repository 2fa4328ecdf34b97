"""What becomes of a retraining's release: where it goes, what it waits for, and what takes its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.retrain.world import DRIFT, Watched

from plimsoll.edge.context import Role
from plimsoll.governance.errors import OwnWork

HOUR = timedelta(hours=1)
AUTO = ", auto_deploy: true"


def test_a_release_goes_through_the_environments_that_take_it_by_themselves(world: Watched):
    world.write(DRIFT, staging=AUTO, production=f"{AUTO}, bake: 1m")
    live = world.first_release("staging")
    world.clock.advance(HOUR)
    world.make_live(live, "production")
    world.drift(live)
    world.both(4)

    waiting = world.latest_retraining()
    assert world.live("staging") == "fraud@2"
    assert (waiting["standing"], waiting["deployed"]) == ("deploying", ["staging"])
    assert "deployment.not_baked: fraud@2 must have been live in staging for 1 min before" in waiting["waiting_for"]

    world.both(20)
    done = world.latest_retraining()
    assert world.live("production") == "fraud@2"
    assert (done["standing"], done["deployed"]) == ("deployed", ["staging", "production"])
    rollout = world.latest("production")
    assert rollout.started_by == "plimsoll:retrain"
    assert "drift of amount" in world.ask("rollouts.report", environment="production")["text"]
    assert world.history("production").count(("fraud@2", "running")) == 1


def test_an_approval_that_lacks_is_waited_for_and_the_owner_cannot_give_it(world: Watched):
    world.write(DRIFT, staging=f"{AUTO}, approvals: [{{role: approver}}]")
    bob = world.add("bob", Role.APPROVER)
    live = world.release(1)
    world.ask("approvals.create", caller=bob, release=live.name, environment="staging")
    world.make_live(live, "staging")
    world.make_live(live, "production")
    world.drift(live)
    world.both(2)

    waiting = world.latest_retraining()
    assert waiting["waiting_for"].startswith("release.not_approved: fraud@2 may not live in staging yet")
    assert waiting["owners"] == ["ann"], "who made the live release"
    ann = world.add("ann", Role.ADMIN)
    with pytest.raises(OwnWork):
        world.ask("approvals.create", caller=ann, release="fraud@2", environment="staging")
    world.ask("approvals.create", caller=bob, release="fraud@2", environment="staging")
    world.both(5)
    assert world.live("staging") == "fraud@2"


def test_a_newer_retraining_supersedes_one_that_waits(world: Watched):
    world.write(DRIFT, staging=f"{AUTO}, approvals: [{{role: approver}}]")
    bob = world.add("bob", Role.APPROVER)
    live = world.release(1)
    world.ask("approvals.create", caller=bob, release=live.name, environment="staging")
    world.make_live(live, "staging")
    world.ask("retrainings.create", environment="staging")
    world.both(2)
    world.ask("retrainings.create", environment="staging")
    world.both(2)

    second, first = world.retrainings()
    assert first["standing"] == "superseded"
    assert second["id"] in first["sentence"]
    assert second["waiting_for"].startswith("release.not_approved")


def test_an_older_release_does_not_take_the_place_of_a_newer_one_by_itself(world: Watched):
    world.write(DRIFT, staging=f"{AUTO}, approvals: [{{role: approver, not: null}}]")
    bob = world.add("bob", Role.APPROVER)
    live = world.release(1)
    world.ask("approvals.create", caller=bob, release=live.name, environment="staging")
    world.make_live(live, "staging")
    world.ask("retrainings.create", environment="staging")
    world.both(2)
    by_hand = world.release(3)
    world.ask("approvals.create", caller=bob, release=by_hand.name, environment="staging")
    world.make_live(by_hand, "staging")
    world.both(2)

    assert world.latest_retraining()["standing"] == "superseded"
    assert world.latest_retraining()["sentence"] == "fraud@3 came before fraud@2 was in staging."


def test_a_release_that_its_rollout_takes_back_is_refused(world: Watched):
    world.write(DRIFT, staging=AUTO)
    world.first_release()
    world.ask("retrainings.create", environment="staging")
    world.watch()
    world.turn()
    world.order("abort", "staging", why="not now")
    world.both(5)

    assert world.latest_retraining()["standing"] == "refused"
    assert "taken back from staging" in world.latest_retraining()["sentence"]


def test_a_deployment_that_was_begun_is_found_again_and_not_begun_twice(world: Watched, monkeypatch):
    world.write(DRIFT, staging=AUTO)
    world.first_release()
    world.ask("retrainings.create", environment="staging")

    def killed(*_arguments: object, **_facts: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("plimsoll.retrain.controller.course_of", killed)
        with pytest.raises(KeyboardInterrupt):
            world.watch()
    assert world.latest_retraining()["rollout"] == "", "the deployment is begun, and that is not yet known"
    world.both(5)

    assert world.latest_retraining()["standing"] == "deployed"
    assert [view["candidate"] for view in world.ask("rollouts.list", environment="staging")] == ["fraud@2", "fraud@1"]
