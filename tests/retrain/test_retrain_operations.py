"""What people ask of retraining, and what it answers when it cannot be."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from tests.retrain.world import DRIFT, Watched

from plimsoll.data.entities import DataVersion
from plimsoll.data.operations import look_at_files
from plimsoll.data.store import insert_version
from plimsoll.edge.context import Denied, Role
from plimsoll.kernel.clock import SystemClock, to_text
from plimsoll.project.environments import UnknownEnvironment
from plimsoll.project.git import UnknownRef
from plimsoll.project.load import load_project
from plimsoll.retrain.errors import AlreadyEnded, NothingLive, NothingToJudge, RetrainingMissing
from plimsoll.retrain.observing import LOOK


def test_a_retraining_by_hand_names_who_asked_and_why(world: Watched):
    world.first_release()

    asked = world.ask("retrainings.create", why="prices changed")

    assert asked["environment"] == "production", "the last environment, after which no other comes"
    assert asked["standing"] == "waiting"
    assert asked["because"] == f"{world.admin.name} asked: prices changed"
    assert world.ask("retrainings.show", retraining=asked["id"])["turns"] == asked["turns"]


def test_what_cannot_be_retrained_is_said_at_once(world: Watched):
    with pytest.raises(NothingLive):
        world.ask("retrainings.create")
    with pytest.raises(UnknownEnvironment):
        world.ask("retrainings.create", environment="prodution")
    with pytest.raises(UnknownRef):
        world.ask("retrainings.create", ref="no-such-branch")
    page = world.workspace.project_file
    page.write_text(page.read_text().replace("  - {metric: accuracy, min: 0.5}", "").replace("gates:", ""))
    with pytest.raises(NothingToJudge, match="has no gates"):
        world.ask("retrainings.create")
    with pytest.raises(RetrainingMissing, match="yet"):
        world.ask("retrainings.show")
    with pytest.raises(RetrainingMissing):
        world.ask("retrainings.cancel", retraining="retraining-1")


def test_only_operators_ask_for_runs_and_call_them_off(world: Watched):
    world.first_release()
    viewer = world.add("vic", Role.VIEWER)
    with pytest.raises(Denied):
        world.ask("retrainings.create", caller=viewer)
    asked = world.ask("retrainings.create", caller=world.add("otto", Role.OPERATOR))
    with pytest.raises(Denied):
        world.ask("retrainings.cancel", caller=viewer, retraining=asked["id"])
    assert world.ask("retrainings.list", caller=viewer)[0]["id"] == asked["id"]


def test_what_waits_is_called_off_and_its_alerts_do_not_fire_again(world: Watched):
    live = world.first_release()
    world.drift(live)
    world.deploy(world.release(2), "staging")
    world.write("  - {on: drift, environment: staging}")
    world.drift(live, environment="staging")
    world.watch()

    cancelled = world.ask("retrainings.cancel", why="known since yesterday")

    assert (cancelled["standing"], cancelled["sentence"]) == (
        "cancelled",
        f"{world.admin.name} called it off: known since yesterday.",
    )
    world.rollback("staging")
    world.finish("staging")
    world.watch()
    assert len(world.retrainings()) == 1
    assert world.hands.sent == []
    with pytest.raises(AlreadyEnded):
        world.ask("retrainings.cancel")


def test_work_on_what_was_called_off_ends(world: Watched):
    world.first_release()
    world.hands.does = "wait"
    world.ask("retrainings.create")
    world.watch()
    (running,) = world.open()
    mine = world.hands.take_on(running)
    assert world.hands.let_go_of[-1] == {running.id}

    world.ask("retrainings.cancel")
    world.watch()

    assert world.hands.let_go_of[-1] == frozenset()
    world.hands.give_back(mine)
    assert world.latest_retraining()["standing"] == "cancelled"


def test_a_release_whose_deployment_was_called_off_stays_a_candidate(world: Watched):
    world.write(DRIFT, staging=", auto_deploy: true, approvals: [{role: approver, not: null}]")
    bob = world.add("bob", Role.APPROVER)
    live = world.release(1)
    world.ask("approvals.create", caller=bob, release=live.name, environment="staging")
    world.make_live(live, "staging")
    world.ask("retrainings.create", environment="staging")
    world.both(2)
    world.ask("retrainings.cancel")
    world.ask("approvals.create", caller=bob, release="fraud@2", environment="staging")
    world.both(5)

    assert world.live("staging") == "fraud@1"
    assert world.latest_retraining()["release"] == "fraud@2"


def test_the_triggers_are_told_with_what_is_due_and_whether_anybody_looks(world: Watched):
    world.write(DRIFT, '  - {schedule: "30 4 1 * *", environment: staging, ref: main}')

    told = world.ask("triggers.list")

    assert [(one["trigger"], one["environment"], one["ref"], one["next_due"]) for one in told["triggers"]] == [
        ("drift", "production", "", ""),
        ("schedule", "staging", "main", "2026-12-01T04:30:00.000000Z"),
    ]
    assert (told["per_day"], told["begun_lately"], told["rests_until"], told["watched"]) == (4, 0, "", False)
    world.trigger_lease(since=SystemClock().now())
    assert world.ask("triggers.list")["watched"]


def test_new_data_fires_once_it_has_come_to_rest_and_only_once_for_each_state(world: Watched):
    clock = world.clock
    file = world.workspace.root / "orders.csv"
    file.write_text("price\n1\n")
    world.write("  - {on: new_data, dataset: orders, environment: staging}")
    version = keep_version(world)
    live = world.release(1, data={"orders": version})
    world.make_live(live, "staging")
    world.hands.does = "fail"

    def look() -> int:
        clock.advance(LOOK + timedelta(seconds=1))
        world.watch()
        return len(world.hands.sent)

    assert look() == 0
    os.utime(file)
    assert look() == 0, "touched, and the same"

    file.write_text("price\n1\n2\n")
    assert look() == 0, "it may be half written"
    assert look() == 1
    (fired,) = world.retrainings()
    assert fired["because"] == "orders has a new or changed file since fraud@1 was made"
    assert fired["reasons"][0]["evidence"]["version"] == version
    clock.advance(timedelta(days=2))
    assert look() == 1, "the same new data was retrained on"

    file.write_text("price\n1\n2\n3\n")
    assert look() == 1
    assert look() == 2


def test_data_that_is_as_it_was_again_is_no_reason_any_more(world: Watched):
    clock = world.clock
    file = world.workspace.root / "orders.csv"
    file.write_text("price\n1\n")
    world.write("  - {on: new_data, dataset: orders, environment: staging}")
    live = world.release(1, data={"orders": keep_version(world)})
    world.make_live(live, "staging")
    world.deploy(world.release(2), "staging")
    file.write_text("price\n1\n2\n")
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        world.watch()
    assert world.latest_retraining()["standing"] == "waiting"

    file.write_text("price\n1\n")
    clock.advance(timedelta(minutes=1))
    world.watch()

    assert world.latest_retraining()["standing"] == "dropped"
    assert "fraud@1 is made from orders as it is" in world.latest_retraining()["sentence"]

    file.write_text("price\n1\n2\n")
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        world.watch()
    assert world.latest_retraining()["standing"] == "waiting", "what was dropped and came again is new again"


def test_a_dataset_that_cannot_be_read_is_told_as_the_triggers_trouble(world: Watched):
    file = world.workspace.root / "orders.csv"
    file.write_text("price\n1\n")
    world.write("  - {on: new_data, dataset: orders, environment: staging}")
    live = world.release(1, data={"orders": keep_version(world)})
    world.make_live(live, "staging")
    file.unlink()
    world.clock.advance(timedelta(minutes=1))

    world.watch()

    assert "data.no_file" in world.ask("triggers.list")["triggers"][0]["note"]
    file.write_text("price\n1\n")
    world.clock.advance(timedelta(minutes=1))
    world.watch()
    assert world.ask("triggers.list")["triggers"][0]["note"] == ""


def keep_version(world: Watched) -> str:
    """The digest of a version of the orders as their file is now, in the ledger."""
    context = world.context()
    project = load_project(world.workspace.project_file)
    files = look_at_files(context, "orders", project.data["orders"], root=world.workspace.root)
    version = DataVersion(
        dataset="orders", digest=files.entries[0].digest, files=files.entries, rows=1, columns=(), format="csv"
    )
    with world.database.write() as transaction:
        insert_version(transaction, version, project="fraud", recorded_by="ann", recorded_at=to_text(world.clock.now()))
    return version.digest
