"""Deploy, roll back, order, stop: what each does to an environment, through real turns over a real ledger."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from tests.rollout.controlled import PRODUCTION, Controlled

from plimsoll.edge.context import Denied, Role
from plimsoll.gates.entities import Champion, Finding
from plimsoll.governance.errors import NotApproved
from plimsoll.kernel.errors import PlimsollError
from plimsoll.project.environments import UnknownEnvironment
from plimsoll.release.errors import VerdictFailed, VerdictStale
from plimsoll.rollout import store
from plimsoll.rollout.decisions import Rule
from plimsoll.rollout.errors import (
    CannotBeRolledOut,
    NeverLived,
    NoRollout,
    NotBaked,
    NothingBefore,
    NothingDeployed,
    RolloutUnderWay,
)

CANARY = "canary"


def start_canary(world: Controlled):
    """A canary in its first stage: the first release is live, the second is the candidate."""
    first, second = world.release(1), world.release(2)
    world.make_live(first, CANARY)
    world.deploy(second, CANARY)
    world.until(lambda: world.states(CANARY)[-1] == "Stage 0")
    return first, second


def settle(world: Controlled, environment: str = PRODUCTION):
    """An environment whose second release is live while the first is still warm."""
    first, second = world.release(1), world.release(2)
    world.make_live(first, environment)
    world.deploy(second, environment, strategy="all-at-once")
    world.until(lambda: world.states(environment)[-1] == "Settling", step_s=1)
    return first, second


class TestFirstDeployment:
    def test_it_is_live_as_soon_as_it_is_ready(self, world):
        release = world.release(1)
        view = world.deploy(release)
        assert (view["release"], view["state"], view["rollout"]["standing"]) == ("", "starting", "starting")
        assert world.history() == []
        world.finish()
        view = world.show()
        assert (view["release"], view["digest"], view["state"]) == (release.name, release.digest, "live")
        assert view["address"] == "http://127.0.0.1:8600"
        assert view["changed_by"] == world.admin.name
        assert world.states() == ["Starting", "Promoted"]
        assert world.history() == [("fraud@1", "running")]
        assert [(item.live, [one.name for one in item.releases]) for item in world.told()] == [
            (None, ["fraud@1"]),
            (release.digest, ["fraud@1"]),
        ]
        assert world.actions()[-3:] == ["rollout_started", "rollout_changed", "deployment_changed"]

    def test_its_bundle_lies_unpacked_where_the_target_is_told(self, world):
        world.make_live(world.release(1))
        (told,) = world.told()[-1].releases
        assert (told.bundle / "scorer" / "model.txt").read_text() == "the model of release 1"

    def test_one_that_is_refused_leaves_nothing_running(self, world):
        release = world.release(1)
        world.target.refuses[release.digest] = "bundle.broken: it cannot be read"
        world.deploy(release)
        world.turns(3)
        assert world.states() == ["Starting", "RolledBack"]
        assert world.latest().latest.because.rule is Rule.REFUSED
        assert "it cannot be read" in world.latest().latest.because.sentence
        assert (world.show()["state"], world.history(), len(world.target.stops)) == ("stopped", [], 1)

    def test_one_that_is_never_ready_is_taken_back_in_the_end(self, world):
        release = world.release(1)
        world.target.dead.add(release.digest)
        world.deploy(release)
        world.turns(12, step_s=10)
        assert world.under_way() is not None
        world.turns(3, step_s=10)
        assert world.latest().latest.because.rule is Rule.NEVER_READY
        assert world.show()["state"] == "stopped"

    def test_a_release_whose_bundle_was_changed_is_not_deployed(self, world):
        release = world.release(1)
        folder = world.workspace.environment(PRODUCTION) / "releases" / release.digest
        world.make_live(release, "staging")
        folder.mkdir(parents=True)
        (folder / "release.json").write_text("{}")
        with pytest.raises(PlimsollError):
            world.deploy(release)
        assert world.under_way() is None

    def test_only_an_operator_may(self, world):
        with pytest.raises(Denied):
            world.ask(
                "deployments.create", caller=world.add("eve", Role.VIEWER), release="fraud@1", environment=PRODUCTION
            )


class TestCanary:
    def test_it_goes_through_its_stages_on_what_they_show(self, world):
        first, second = start_canary(world)
        for requests, state in ((300, "Stage 1"), (300, "Settling")):
            world.turns(3)
            world.serve(requests)
            world.until(lambda state=state: world.states(CANARY)[-1] == state)
        assert (world.live(CANARY), world.loaded(CANARY)) == (second.name, [second.name, first.name])
        world.finish(CANARY)
        assert world.states(CANARY) == ["Starting", "Stage 0", "Stage 1", "Settling", "Promoted"]
        assert world.history(CANARY) == [("fraud@1", "running"), ("fraud@2", "running")]
        assert world.loaded(CANARY) == [second.name], "the champion is stopped after it was kept warm"
        assert [(item.traffic.candidate_pct, item.live) for item in world.told(CANARY) if item.traffic] == [
            (10.0, first.digest),
            (50.0, first.digest),
        ]

    def test_without_traffic_no_stage_ends_and_a_person_is_asked_in_the_end(self, world):
        start_canary(world)
        world.turns(30, step_s=60)
        assert world.states(CANARY) == ["Starting", "Stage 0"]
        world.until(lambda: world.states(CANARY)[-1].startswith("Held"), step_s=600)
        assert world.latest(CANARY).latest.because.rule is Rule.INCONCLUSIVE
        assert world.live(CANARY) == "fraud@1"

    def test_harm_takes_it_back_and_the_live_release_never_changed(self, world):
        first, _ = start_canary(world)
        world.serve(300, errors=60, champion_errors=3)
        world.turns(3)
        assert world.states(CANARY) == ["Starting", "Stage 0", "RolledBack"]
        assert world.latest(CANARY).latest.because.rule is Rule.HARM
        assert (world.live(CANARY), world.loaded(CANARY)) == (first.name, [first.name])
        assert world.history(CANARY) == [("fraud@1", "running")]
        assert {item.live for item in world.told(CANARY)[1:]} == {first.digest}

    def test_a_refused_candidate_is_taken_back_at_once(self, world):
        first, second = world.release(1), world.release(2)
        world.make_live(first, CANARY)
        world.target.refuses[second.digest] = "model.bad: no"
        world.deploy(second, CANARY)
        world.turns(2)
        assert world.states(CANARY) == ["Starting", "RolledBack"]
        assert (world.live(CANARY), world.loaded(CANARY)) == (first.name, [first.name])

    def test_a_candidate_that_dies_in_its_stage_may_come_back(self, world):
        _, second = start_canary(world)
        world.target.dead.add(second.digest)
        world.turns(2)
        assert world.states(CANARY)[-1] == "Unready"
        world.target.dead.clear()
        world.turns(2)
        assert world.states(CANARY)[-1] == "Stage 0"


class TestOrders:
    def test_a_pause_holds_the_course_and_resuming_goes_on(self, world):
        start_canary(world)
        world.serve(300)
        world.order("pause", CANARY, why="lunch")
        world.turns(10, step_s=60)
        assert world.states(CANARY)[-1] == "Paused"
        assert world.ask("rollouts.show", environment=CANARY)["standing"] == "paused"
        world.order("resume", CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 1")
        assert world.actions().count("rollout_ordered") == 2

    def test_promoting_makes_it_live_without_the_evidence(self, world):
        _, second = start_canary(world)
        assert world.order("promote", CANARY)["orders"] == 1
        world.turn()
        assert (world.states(CANARY)[-1], world.live(CANARY)) == ("Settling", second.name)
        assert world.ask("rollouts.show", environment=CANARY)["orders"] == 0

    def test_an_order_that_cannot_be_followed_says_why_and_changes_nothing(self, world):
        start_canary(world)
        world.order("resume", CANARY)
        world.turns(1)
        latest = world.latest(CANARY).latest
        assert latest.because.rule is Rule.NOT_FOLLOWED
        assert "neither paused nor held" in latest.because.sentence
        assert Rule.NOT_FOLLOWED in [decision.because.rule for decision in world.decisions(CANARY)]
        assert world.states(CANARY)[-1] == "Stage 0"
        world.clock.advance(timedelta(seconds=5))
        world.turn()
        assert world.latest(CANARY).latest.because.rule is Rule.WATCHING, "it is said once"

    def test_the_turns_tell_an_order_that_was_followed_from_one_that_was_not(self, world):
        start_canary(world)
        for order in ("resume", "pause"):
            told = len(world.order(order, CANARY)["turns"])
            world.turn()
            (turn,) = world.ask("rollouts.show", environment=CANARY)["turns"][told:]
            assert turn["rule"] == {"resume": Rule.NOT_FOLLOWED, "pause": Rule.ORDERED}[order]

    def test_a_name_that_the_project_does_not_have_is_no_quiet_place(self, world):
        for operation, more in (
            ("rollouts.list", {}),
            ("rollouts.show", {}),
            ("rollouts.report", {}),
            ("rollouts.order", {"order": "pause"}),
            ("deployments.show", {}),
            ("deployments.stop", {}),
        ):
            with pytest.raises(UnknownEnvironment, match="production"):
                world.ask(operation, environment="prodution", **more)

    def test_orders_are_taken_one_a_look_in_the_order_in_which_they_came(self, world):
        start_canary(world)
        for order in ("pause", "resume", "pause"):
            world.order(order, CANARY)
            world.clock.advance(timedelta(milliseconds=5))
        world.turn()
        assert world.states(CANARY)[-1] == "Paused"
        world.turn()
        assert world.states(CANARY)[-1] == "Stage 0"
        world.turn()
        assert world.states(CANARY)[-1] == "Paused"

    def test_aborting_takes_it_back(self, world):
        first, _ = start_canary(world)
        world.order("abort", CANARY, why="a hunch")
        world.turn()
        assert (world.states(CANARY)[-1], world.live(CANARY)) == ("RolledBack", first.name)
        assert "a hunch" in world.latest(CANARY).latest.because.sentence
        assert world.loaded(CANARY) == [first.name]

    def test_orders_that_come_too_late_do_not_stay_open(self, world):
        start_canary(world)
        world.order("abort", CANARY)
        world.clock.advance(timedelta(milliseconds=5))
        world.order("pause", CANARY)
        world.turn()
        assert world.states(CANARY)[-1] == "RolledBack"
        assert world.ask("rollouts.show", environment=CANARY)["orders"] == 0

    def test_where_nothing_is_under_way_nothing_can_be_ordered(self, world):
        world.make_live(world.release(1))
        with pytest.raises(NoRollout):
            world.order("abort")


class TestRollback:
    def test_with_nothing_under_way_it_goes_to_the_release_before_at_once(self, world):
        first, second = world.release(1), world.release(2)
        world.make_live(first, CANARY)
        world.make_live(second, CANARY)
        view = world.rollback(CANARY, why="complaints")
        assert view["rollout"]["candidate"] == first.name
        assert "complaints" in world.decisions(CANARY)[0].because.sentence
        world.finish(CANARY)
        assert world.states(CANARY) == ["Starting", "Settling", "Promoted"]
        assert world.history(CANARY) == [("fraud@1", "running"), ("fraud@2", "running"), ("fraud@1", "running")]

    def test_while_a_candidate_is_on_its_way_it_is_taken_back(self, world):
        first, _ = start_canary(world)
        world.rollback(CANARY)
        world.turn()
        assert (world.states(CANARY)[-1], world.live(CANARY)) == ("RolledBack", first.name)

    def test_while_the_way_back_is_kept_open_it_is_instant(self, world):
        first, second = settle(world)
        assert world.live() == second.name
        world.rollback()
        world.turn()
        assert world.states() == ["Starting", "Settling", "RolledBack"]
        assert (world.live(), world.loaded()) == (first.name, [first.name])
        assert world.history() == [("fraud@1", "running"), ("fraud@2", "running"), ("fraud@1", "running")]

    def test_whoever_asked_for_it_is_who_changed_what_is_live(self, world):
        settle(world)
        grace = world.add("grace", Role.OPERATOR)
        world.ask("deployments.rollback", caller=grace, environment=PRODUCTION)
        world.turn()
        assert world.show()["changed_by"] == "grace"

    def test_naming_the_release_before_while_it_is_warm_is_as_instant(self, world):
        first, _ = settle(world)
        world.rollback(release=first.name)
        world.turn()
        assert (world.states()[-1], world.live()) == ("RolledBack", first.name)

    def test_going_back_again_goes_further_back_and_not_to_what_was_left(self, world):
        for number in (1, 2, 3):
            world.make_live(world.release(number))
        world.rollback()
        world.finish()
        assert world.live() == "fraud@2"
        world.rollback()
        world.finish()
        assert world.live() == "fraud@1"
        with pytest.raises(NothingBefore):
            world.rollback()

    def test_asked_again_while_what_was_left_is_still_warm_it_goes_further_back(self, world):
        for number in (1, 2, 3):
            world.make_live(world.release(number))
        world.rollback()
        world.turns(2)
        assert (world.states()[-1], world.live()) == ("Settling", "fraud@2")
        world.rollback()
        world.turns(2)
        assert (world.states()[-1], world.live()) == ("Settling", "fraud@1")
        with pytest.raises(NothingBefore):
            world.rollback()
        world.turns(2)
        assert world.live() == "fraud@1"

    def test_asked_twice_before_it_has_arrived_it_arrives(self, world):
        for number in (1, 2, 3):
            world.make_live(world.release(number))
        world.rollback()
        world.rollback()
        world.turns(2)
        assert (world.states()[-1], world.live()) == ("Settling", "fraud@2")

    def test_what_was_left_is_named_to_undo_a_way_back(self, world):
        for number in (1, 2):
            world.make_live(world.release(number))
        world.rollback()
        world.turns(2)
        world.rollback(release="fraud@2")
        world.turns(2)
        assert (world.states()[-1], world.live()) == ("RolledBack", "fraud@2")

    def test_an_earlier_release_may_be_named(self, world):
        for number in (1, 2, 3):
            world.make_live(world.release(number))
        world.rollback(release="fraud@1")
        world.finish()
        assert world.live() == "fraud@1"
        assert world.latest().spec.champion.name == "fraud@3"

    def test_a_named_release_while_another_is_on_its_way_is_refused(self, world):
        first, second, third = (world.release(number) for number in (1, 2, 3))
        world.make_live(first, CANARY)
        world.make_live(second, CANARY)
        world.deploy(third, CANARY)
        with pytest.raises(RolloutUnderWay):
            world.rollback(CANARY, release=first.name)

    def test_the_live_release_is_no_way_back_and_changes_nothing(self, world):
        world.make_live(world.release(1))
        before = len(world.target.told)
        world.rollback(release="fraud@1")
        world.turns(2)
        assert len(world.target.told) == before

    def test_one_that_never_lived_there_is_refused(self, world):
        world.make_live(world.release(1))
        world.make_live(world.release(2), "staging")
        with pytest.raises(NeverLived):
            world.rollback(release="fraud@2")

    def test_where_nothing_was_before_it_says_so(self, world):
        with pytest.raises(NothingDeployed):
            world.rollback()
        world.make_live(world.release(1))
        with pytest.raises(NothingBefore):
            world.rollback()

    def test_a_stopped_environment_goes_back_to_the_release_before(self, world):
        world.make_live(world.release(1))
        world.make_live(world.release(2))
        world.stop()
        world.turn()
        world.rollback()
        world.finish()
        assert world.live() == "fraud@1"


class TestOneAtATime:
    def test_a_second_release_is_refused_while_the_first_is_on_its_way(self, world):
        start_canary(world)
        with pytest.raises(RolloutUnderWay, match=r"fraud@2 is being rolled out in canary"):
            world.deploy(world.release(3), CANARY)

    def test_the_same_release_again_changes_nothing(self, world):
        _, second = start_canary(world)
        before = world.latest(CANARY)
        world.deploy(second, CANARY)
        assert world.latest(CANARY) == before
        world.order("promote", CANARY)
        world.finish(CANARY)
        ended = world.latest(CANARY)
        world.deploy(second, CANARY)
        assert world.latest(CANARY) == ended

    def test_while_the_way_back_is_kept_open_the_next_release_takes_over(self, world):
        _, second = settle(world)
        settling = world.latest()
        third = world.release(3)
        world.deploy(third)
        with world.database.read() as transaction:
            ended = store.find_rollout(transaction, settling.id)
        assert ended.ended_at
        assert type(ended.latest.state).__name__ == "Promoted"
        assert world.latest().spec.champion.name == second.name
        world.finish()
        assert (world.live(), world.loaded()) == (third.name, [third.name])
        assert [name for name, _ in world.history()] == ["fraud@1", "fraud@2", "fraud@3"]

    def test_the_live_release_again_while_the_one_before_is_warm_changes_nothing(self, world):
        _, second = settle(world)
        before = world.latest()
        world.deploy(second)
        assert world.latest() == before

    def test_the_release_before_may_be_deployed_again_while_it_is_warm(self, world):
        first, second = settle(world)
        world.deploy(first)
        world.finish()
        assert (world.live(), world.latest().spec.champion.name) == (first.name, second.name)


class TestStop:
    def test_nothing_runs_and_the_history_stays(self, world):
        release = world.release(1)
        world.make_live(release)
        world.stop()
        world.turn()
        assert (world.show()["state"], world.live()) == ("stopped", "")
        assert world.history() == [("fraud@1", "running"), ("fraud@1", "stopped")]
        world.stop()
        world.turn()
        assert len(world.target.stops) == 1
        world.deploy(release)
        world.finish()
        assert (world.show()["state"], world.live()) == ("live", release.name)

    def test_its_reason_is_on_record(self, world):
        world.make_live(world.release(1))
        world.ask("deployments.stop", environment=PRODUCTION, why="the contract ended")
        newest = world.ask("audit.list", limit=1)[0]
        assert (newest["action"], newest["detail"]["why"]) == ("deployment_changed", "the contract ended")

    def test_in_mid_rollout_the_rollout_ends_with_it(self, world):
        first, _ = start_canary(world)
        world.stop(CANARY)
        world.turns(3)
        assert world.states(CANARY)[-1] == "RolledBack"
        assert (world.show(CANARY)["state"], len(world.target.stops)) == ("stopped", 1)
        assert world.history(CANARY) == [(first.name, "running"), (first.name, "stopped")]
        world.clock.advance(timedelta(hours=1))
        world.turns(2)
        assert world.show(CANARY)["state"] == "stopped"

    def test_during_the_first_deployment_nothing_was_ever_live(self, world):
        world.deploy(world.release(1))
        world.turn()
        world.stop()
        world.turns(2)
        assert (world.show()["state"], world.history()) == ("stopped", [])

    def test_while_the_release_before_is_warm_the_new_one_stays_the_last_that_lived(self, world):
        settle(world)
        world.stop()
        world.turns(2)
        assert world.states()[-1] == "Promoted"
        assert world.history()[-1] == ("fraud@2", "stopped")
        assert world.show()["state"] == "stopped"

    def test_what_was_never_deployed_cannot_be_stopped(self, world):
        with pytest.raises(NothingDeployed):
            world.stop()


class TestShown:
    def test_a_rollout_shows_its_stages_its_share_and_its_charts(self, world):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0", step_s=1)
        view = world.ask("rollouts.show", environment=CANARY)
        assert (view["shares"], view["candidate_pct"]) == ([10.0, 50.0], 10.0)
        drawn = world.ask("rollouts.plots", environment=CANARY, rollout=view["id"])
        assert [plot["heading"] for plot in drawn["plots"]][:2] == ["Evidence", "Traffic"]
        assert all(plot["svg"].startswith('<div class="chart">') for plot in drawn["plots"])
        assert (drawn["rollout"], drawn["failures"]) == (view["id"], [])

    def test_every_environment_is_listed_with_its_policy_and_what_a_release_lacks_there(self, world):
        listed = {one["name"]: one for one in world.ask("environments.list")}
        assert list(listed) == ["staging", "production", "canary", "guarded", "later"]
        assert (listed["canary"]["strategy"], listed["canary"]["stages"]) == ("canary", [10.0, 50.0])
        assert (listed["later"]["after"], listed["later"]["bake"]) == ("staging", "2h")
        release = world.release(1)
        standings = {one["environment"]: one for one in world.ask("approvals.list", release=release.name)}
        assert standings["guarded"]["lacking"] == ["it lacks 1 approval from role approver other than its authors"]
        assert standings["staging"]["wanted"] == standings["staging"]["lacking"] == []


class TestPolicy:
    def test_without_its_approvals_it_is_refused(self, world):
        release = world.release(1)
        with pytest.raises(NotApproved):
            world.deploy(release, "guarded")
        assert world.under_way("guarded") is None
        bob = world.add("bob", Role.APPROVER)
        world.ask("approvals.create", caller=bob, release=release.name, environment="guarded")
        world.deploy(release, "guarded")
        world.finish("guarded")
        assert world.live("guarded") == release.name

    def test_a_verdict_that_failed_is_no_ground(self, world):
        with pytest.raises(VerdictFailed):
            world.deploy(world.release(1, finding=Finding.FAIL))

    def test_a_verdict_against_another_champion_is_stale(self, world):
        nothing = Champion(environment=PRODUCTION, release=None, digest=None, baseline="majority class")
        first, second = world.release(1, against=(nothing,)), world.release(2, against=(nothing,))
        world.make_live(first)
        with pytest.raises(VerdictStale):
            world.deploy(second)
        world.make_live(world.release(3))
        world.rollback()
        world.finish()
        assert world.live() == first.name, "a release that lived there needs no fresh verdict"

    def test_settings_that_another_strategy_needs_are_asked_for(self, world):
        project = world.workspace.project_file
        project.write_text(
            project.read_text().replace("strategy: all-at-once, warm", "strategy: shadow-then-canary, stages: [], warm")
        )
        world.make_live(world.release(1))
        with pytest.raises(CannotBeRolledOut, match=r"by canary .* it needs that a canary has at least one stage"):
            world.deploy(world.release(2), strategy="canary")
        assert world.under_way(PRODUCTION) is None

    def test_a_release_must_have_been_live_before_elsewhere_for_its_time(self, world):
        release = world.release(1)
        with pytest.raises(NotBaked, match="it was never live"):
            world.deploy(release, "later")
        world.make_live(release, "staging")
        world.clock.advance(timedelta(hours=1))
        with pytest.raises(NotBaked, match=r"it was live for 1\.0"):
            world.deploy(release, "later")
        world.make_live(world.release(2), "staging")
        world.clock.advance(timedelta(hours=3))
        with pytest.raises(NotBaked):
            world.deploy(release, "later")
        world.make_live(release, "staging")
        world.clock.advance(timedelta(hours=2))
        world.deploy(release, "later")
        world.finish("later")
        assert world.live("later") == release.name

    def test_of_two_judged_releases_that_race_one_is_deployed(self, world):
        """Both verdicts are fresh when the race begins; the one that comes second is judged against the past."""
        nothing = Champion(environment=PRODUCTION, release=None, digest=None, baseline="majority class")
        contenders = [world.release(number, against=(nothing,)) for number in (1, 2)]
        for turn_meanwhile in (False, True, False, True):
            refusals = race(world, contenders, turn_meanwhile=turn_meanwhile)
            assert len(refusals) == 1
            assert refusals[0] in ("release.stale_verdict", "rollout.under_way")
            world.finish()
            assert world.live() in {release.name for release in contenders}
            assert len(world.history()) == 1
            loser = next(release for release in contenders if release.name != world.live())
            with pytest.raises(VerdictStale):
                world.deploy(loser)
            world.check()
            world.wipe()


def race(world: Controlled, contenders, *, turn_meanwhile: bool) -> list[str]:
    """Deploy all at the same moment; the codes of those that were refused."""
    refusals: list[str] = []
    start = threading.Barrier(len(contenders))

    def deploy(release) -> None:
        start.wait(20)
        try:
            world.deploy(release)
        except PlimsollError as error:
            refusals.append(error.code)

    threads = [threading.Thread(target=deploy, args=(release,)) for release in contenders]
    for thread in threads:
        thread.start()
    if turn_meanwhile:
        world.turns(3)
    for thread in threads:
        thread.join()
    return refusals
