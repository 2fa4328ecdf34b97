"""Triggers fire and retrainings go on to their end, turn by turn, on a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.retrain.world import DRIFT, Watched

from plimsoll.kernel.clock import to_text
from plimsoll.ledger.leases import LeaseLost
from plimsoll.monitor.entities import Concern
from plimsoll.retrain.decide import TRIES
from plimsoll.retrain.entities import Running

HOUR = timedelta(hours=1)
AUTO = ", auto_deploy: true"


def test_a_storm_of_1000_alerts_in_a_minute_starts_one_run(world: Watched):
    live = world.first_release()
    for _ in range(10):
        for _ in range(100):
            world.drift(live)
        world.watch()
        world.clock.advance(timedelta(seconds=6))

    assert len(world.hands.sent) == 1
    first, *others = world.retrainings()[::-1]
    assert first["standing"] == "candidate"
    assert len(first["reasons"]) == 100, "what came before the run began"
    assert [(one["standing"], len(one["reasons"])) for one in others] == [("waiting", 900)], "what came after, in one"
    assert others[0]["waiting_for"] == "the cooldown after the last run"


def test_alerts_that_wait_for_one_rollout_become_one_run_with_all_their_reasons(world: Watched):
    live = world.first_release()
    other = world.release(2)
    world.deploy(other, "staging")
    world.write("  - {on: drift, environment: staging}")
    for _ in range(100):
        world.drift(live, environment="staging")
        world.watch()

    waiting = world.latest_retraining()
    assert waiting["waiting_for"] == "the end of the rollout of fraud@2"
    assert len(waiting["reasons"]) == 100
    assert world.hands.sent == []


def test_the_same_alert_never_fires_twice_and_a_new_one_does_after_the_cooldown(world: Watched):
    live = world.first_release()
    alert = world.drift(live)
    world.hands.does = "fail"
    world.watch()
    world.alerts.acknowledge(alert)
    for _ in range(30):
        world.clock.advance(HOUR)
        world.watch()
    assert len(world.hands.sent) == 1, "the drift goes on, and was retrained for"

    world.drift(live)
    world.watch()
    assert len(world.hands.sent) == 2


def test_a_trigger_in_a_rollout_waits_for_its_end_and_is_dropped_when_its_alert_was_resolved(world: Watched):
    live = world.first_release()
    alert = world.drift(live)
    candidate = world.release(2)
    world.deploy(candidate, "staging")
    world.finish("staging")
    world.deploy(candidate, "production")
    world.watch()
    assert world.latest_retraining()["waiting_for"] == "the end of the rollout of fraud@2"

    world.alerts.resolve(alert)
    world.finish("production")
    world.watch()

    dropped = world.latest_retraining()
    assert dropped["standing"] == "dropped"
    assert dropped["reasons"][0]["note"] == f"{alert.id} (drift of amount 1) was resolved"
    assert world.hands.sent == []


def test_an_alert_about_a_release_that_is_live_no_more_is_dropped(world: Watched):
    live = world.first_release()
    world.drift(live)
    candidate = world.release(2)
    world.make_live(candidate, "staging")
    world.deploy(candidate, "production")
    world.watch()
    world.finish("production")
    world.watch()

    assert world.latest_retraining()["standing"] == "dropped"
    assert "fraud@2 is live" in world.latest_retraining()["sentence"]


def test_a_trigger_after_the_rollout_fires_when_its_alert_still_holds(world: Watched):
    live = world.first_release()
    world.drift(live)
    candidate = world.release(2)
    world.make_live(candidate, "staging")
    world.deploy(candidate, "production")
    world.watch()
    world.rollback("production")
    world.finish("production")
    world.watch()

    assert world.latest_retraining()["standing"] == "candidate"


def test_each_trigger_listens_to_its_own_concerns(world: Watched):
    live = world.first_release()
    world.drift(live, concern=Concern.DECAY)
    world.drift(live, concern=Concern.COLUMN)
    world.watch()
    assert world.retrainings() == []

    world.write("  - {on: decay}")
    world.watch()
    (fired,) = world.retrainings()
    assert [reason["trigger"] for reason in fired["reasons"]] == ["decay"]
    world.write(DRIFT)
    world.drift(live, concern=Concern.PREDICTION_DRIFT)
    world.watch()
    assert world.latest_retraining()["reasons"][0]["trigger"] == "drift"


def test_a_schedule_fires_when_it_is_due_and_once_for_all_that_was_slept_through(world: Watched):
    world.first_release()
    world.write('  - {schedule: "0 3 * * *"}')
    world.watch()
    assert world.retrainings() == [], "nothing fires for what was before"
    assert world.ask("triggers.list")["triggers"][0]["next_due"] == "2026-11-03T03:00:00.000000Z"

    world.clock.advance(datetime(2026, 11, 3, 2, 59, tzinfo=UTC) - world.clock.now())
    world.watch()
    assert world.retrainings() == []
    world.clock.advance(timedelta(minutes=2))
    world.watch()
    world.watch()
    (first,) = world.retrainings()
    assert first["because"] == "the schedule 0 3 * * * was due at 2026-11-03 03:00"

    world.clock.advance(timedelta(days=9))
    world.watch()
    world.watch()
    assert len(world.retrainings()) == 2


def test_the_cooldown_and_the_daily_limit_hold_over_all_triggers(world: Watched):
    live = world.first_release()
    world.hands.does = "fail"
    begun = []
    for hour in range(60):
        world.drift(live)
        before = len(world.hands.sent)
        world.watch()
        begun += [hour] * (len(world.hands.sent) - before)
        world.clock.advance(HOUR)

    assert begun == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]

    world.workspace.project_file.write_text(
        world.workspace.project_file.read_text().replace("cooldown: 6h, per_day: 4", "cooldown: 0s, per_day: 2")
    )
    world.drift(live)
    world.watch()
    waiting = world.latest_retraining()
    assert waiting["waiting_for"] == "the limit of 2 runs a day"
    assert waiting["until"].startswith("2026-11-05T09:0"), "24 hours after the run before the last one"
    listed = world.ask("triggers.list")
    assert listed["triggers"][0]["waits_for"] == waiting["waiting_for"]
    assert listed["triggers"][0]["retraining"] == waiting["id"]
    assert listed["begun_lately"] == 3


def test_people_wait_for_no_limit_and_join_what_waits(world: Watched):
    live = world.first_release()
    world.drift(live)
    world.watch()
    world.drift(live)
    world.watch()
    assert world.latest_retraining()["waiting_for"] == "the cooldown after the last run"

    asked = world.ask("retrainings.create", why="the price list changed")
    assert asked["id"] == world.latest_retraining()["id"]
    assert len(asked["reasons"]) == 2
    world.watch()

    assert world.latest_retraining()["standing"] == "candidate"
    assert world.latest_retraining()["owners"] == [world.admin.name]


def test_by_hand_waits_for_a_run_under_way_and_is_next(world: Watched):
    world.first_release()
    world.hands.does = "wait"
    first = world.ask("retrainings.create")
    world.watch()
    second, third = world.ask("retrainings.create"), world.ask("retrainings.create")
    world.watch()

    assert second["id"] == third["id"] != first["id"]
    waiting = world.latest_retraining()
    assert waiting["waiting_for"] == f"the run of {first['id']}, which is under way"
    world.hands.does = "fail"
    world.hands.sent.clear()
    world.watch()
    world.watch()
    assert [one["standing"] for one in world.retrainings()] == ["refused", "refused"]


def test_by_hand_waits_for_a_rollout_unless_told_not_to(world: Watched):
    world.first_release()
    world.deploy(world.release(2), "staging")
    world.ask("retrainings.create", environment="staging")
    world.watch()
    assert world.latest_retraining()["standing"] == "waiting"

    world.ask("retrainings.create", environment="staging", now=True)
    world.watch()
    assert world.latest_retraining()["standing"] == "candidate"


@pytest.mark.parametrize("how", ["die", "vanish"])
def test_a_worker_that_ends_without_a_word_is_followed_by_another_one_three_times_in_all(world: Watched, how: str):
    world.first_release()
    world.hands.does = how
    world.ask("retrainings.create")
    for _ in range(10):
        world.watch()

    assert [attempt for _, attempt in world.hands.sent] == [1, 2, 3] == list(range(1, TRIES + 1))
    assert world.latest_retraining()["standing"] == "failed"
    assert world.latest_retraining()["run"] != ""


def test_a_worker_that_gave_its_work_back_loses_no_try(world: Watched):
    world.first_release()
    world.hands.does = "wait"
    world.ask("retrainings.create")
    world.watch()
    (running,) = world.open()
    mine = world.hands.take_on(running)
    world.watch()
    world.hands.give_back(mine)
    world.hands.sent.clear()  # another server
    world.hands.does = "pass"
    world.watch()

    assert [attempt for _, attempt in world.hands.sent] == [1]
    assert world.latest_retraining()["standing"] == "candidate"


def test_a_run_is_bound_before_anybody_works_on_it_and_a_late_worker_finds_nothing_to_do(world: Watched):
    world.first_release()
    world.hands.does = "wait"
    world.ask("retrainings.create")
    world.watch()
    (running,) = world.open()
    assert isinstance(running.state, Running)
    assert running.run == running.state.run != ""

    world.hands.take_on(running)
    with pytest.raises(AssertionError):
        world.hands.take_on(running)


def test_whoever_lost_the_lease_changes_nothing(world: Watched):
    live = world.first_release()
    world.drift(live)
    old = world.trigger_lease()
    world.trigger_lease()

    with pytest.raises(LeaseLost):
        world.watch(old)
    assert world.retrainings() == []


def test_what_was_refused_or_failed_says_why(world: Watched):
    world.first_release()
    for how, standing in (("fail", "refused"), ("inconclusive", "refused"), ("error", "failed")):
        world.hands.does = how
        world.ask("retrainings.create")
        world.watch()
        assert world.latest_retraining()["standing"] == standing
    assert [one["finding"] for one in world.retrainings()] == ["", "inconclusive", "fail"]
    assert world.retrainings()[0]["sentence"] == "pipeline.step_failed: no"


def test_a_broken_trigger_is_told_and_hinders_no_other(world: Watched):
    live = world.first_release()
    world.write("  - {on: new_data, dataset: orders}", DRIFT)
    world.release(2, data={"orders": "d" * 64})
    world.drift(live)
    world.watch()

    assert world.latest_retraining()["standing"] == "candidate"


def test_everything_is_on_the_record(world: Watched):
    world.write(DRIFT, staging=AUTO)
    live = world.first_release()
    world.drift(live)
    world.both(3)

    events = [event for event in reversed(world.ask("audit.list", limit=1000)) if event["actor"] == "plimsoll:retrain"]
    told = [(event["action"], event["detail"].get("standing", "")) for event in events]
    assert told == [
        ("retraining_requested", ""),
        ("retraining_started", "running"),
        ("retraining_changed", "judged"),
        ("retraining_changed", "released"),
        ("retraining_changed", "deploying"),
        ("rollout_started", ""),
        ("retraining_ended", "deployed"),
    ]
    assert events[1]["detail"]["owners"] == ["ann"]
    assert events[5]["detail"]["why"] == "drift of amount 1"


def test_who_finds_the_verdict_stale_lets_go_and_each_attempt_is_taken_on_once(world: Watched):
    live = world.first_release()
    world.hands.does = "stale"
    world.drift(live)
    for _ in range(3):
        world.watch()
    retraining = world.latest_retraining()
    assert retraining["standing"] == "candidate"
    assert [attempt for _, attempt in world.hands.sent] == [1, 2]


def test_a_watch_that_sees_nothing_says_at_least_each_minute_that_it_looks(world: Watched):
    world.first_release()
    world.watch()
    world.clock.advance(timedelta(minutes=5))
    world.watch()
    (trigger,) = world.ask("triggers.list")["triggers"]
    assert trigger["looked_at"] == to_text(world.clock.now())
