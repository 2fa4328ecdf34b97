"""The controller's turns: told once and again when forgotten, killed anywhere, raced, cut off from its target."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest
from tests.rollout.controlled import PRODUCTION, Controlled
from tests.rollout.fake_target import Older

from plimsoll.ledger import leases
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.ledger.leases import LeaseLost
from plimsoll.rollout import controller, store
from plimsoll.rollout.controller import IDLE_S, TURN_S, reconcile
from plimsoll.rollout.entities import Effects
from plimsoll.server.wiring import CONTROLLER
from plimsoll.targets.process import ProcessTarget

CANARY = "canary"


def effects_of(world: Controlled, environment: str = PRODUCTION) -> Effects:
    with world.database.read() as transaction:
        found = store.latest_effects(transaction, project="fraud", environment=environment)
    assert found is not None
    return found


def just_before(monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], object]) -> None:
    """Somebody else does something once, right before the controller's next call of a function."""
    call = getattr(controller, name)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(controller, name, call)
        happens()
        return call(*arguments, **named)

    monkeypatch.setattr(controller, name, interrupted)


class TestOutbox:
    def test_what_was_decided_is_told_and_marked(self, world):
        world.deploy(world.release(1))
        assert effects_of(world).performed_at == ""
        world.turn()
        assert effects_of(world).performed_at != ""
        assert [desired.revision for desired in world.target.told] == [effects_of(world).revision]

    def test_what_is_known_there_is_not_told_again(self, world, monkeypatch):
        world.make_live(world.release(1))
        told = []
        monkeypatch.setattr(type(world.target), "apply", lambda self, desired: told.append(desired))
        world.turns(5)
        assert told == []

    @pytest.mark.parametrize("environment", [PRODUCTION, CANARY])
    def test_a_target_that_forgot_everything_is_told_again(self, world, environment):
        world.make_live(world.release(1), environment)
        wanted = world.told(environment)[-1]
        world.target.die(environment)
        world.turns(2)
        assert world.show(environment)["state"] == "live"
        assert world.told(environment)[-1] == wanted
        world.target.told.clear()  # it was told the same revision twice: it had forgotten the first time

    def test_a_target_that_knows_an_older_revision_only_is_told_the_newest(self, world):
        world.make_live(world.release(1))
        before = world.target.told[-1]
        world.make_live(world.release(2))
        world.target.die(PRODUCTION)
        world.target.apply(before)
        world.turns(2)
        assert (world.show()["state"], world.live()) == ("live", "fraud@2")
        assert world.target.shims[PRODUCTION].desired.revision == effects_of(world).revision
        world.target.told.clear()

    def test_what_runs_although_it_shall_not_is_stopped_again(self, world):
        world.make_live(world.release(1))
        wanted = world.target.told[-1]
        world.stop()
        world.turn()
        world.target.die(PRODUCTION)
        world.target.apply(wanted)
        world.turns(2)
        assert world.show()["state"] == "stopped"
        world.target.told.clear()

    def test_revisions_grow_even_when_the_clock_is_set_back(self, world):
        world.make_live(world.release(1))
        world.clock.advance(timedelta(days=-30))
        before = effects_of(world).revision
        world.make_live(world.release(2))
        assert effects_of(world).revision > before
        assert (world.live(), world.history()) == ("fraud@2", [("fraud@1", "running"), ("fraud@2", "running")])
        world.rollback()
        world.finish()
        assert (world.live(), world.latest().spec.candidate.name) == ("fraud@1", "fraud@1")

    def test_revisions_grow_with_time_so_that_a_restored_ledger_is_followed(self, world):
        world.make_live(world.release(1))
        told = world.target.told[-1].revision
        with world.database.write() as transaction:
            transaction.execute("DELETE FROM effects")
        world.clock.advance(timedelta(seconds=1))
        world.stop()
        world.turn()
        assert effects_of(world).revision > told
        assert world.show()["state"] == "stopped"

    @pytest.mark.parametrize("ahead", [1, 10**12])
    def test_a_target_that_is_ahead_of_a_restored_ledger_follows_it_without_a_new_order(self, world, ahead):
        world.make_live(world.release(1))
        wanted, known = world.told()[-1], world.target.shims[PRODUCTION].desired
        lost = replace(known, revision=known.revision + ahead, live="another", releases=())
        world.target.apply(lost)
        world.turns(2)
        revision = world.target.shims[PRODUCTION].desired.revision
        assert revision == effects_of(world).revision > lost.revision
        assert (world.told()[-1], world.show()["state"]) == (wanted, "live")
        told = len(world.target.told)
        world.turns(3)
        assert (len(world.target.told), effects_of(world).revision) == (told, revision)

    def test_what_a_restored_ledger_does_not_want_is_stopped_though_it_is_ahead(self, world):
        world.make_live(world.release(1))
        world.stop()
        world.turn()
        known = world.target.told[-1]
        world.target.apply(replace(known, revision=effects_of(world).revision + 5))
        world.turns(2)
        assert world.show()["state"] == "stopped"
        assert world.target.stops[-1] == (PRODUCTION, effects_of(world).revision)

    def test_a_target_that_is_ahead_of_what_somebody_orders_meanwhile_is_told_that(self, world, monkeypatch):
        world.make_live(world.release(1))
        known = world.target.told[-1]
        world.target.apply(replace(known, revision=known.revision + 1))

        def stop_later() -> None:
            world.clock.advance(timedelta(minutes=1))
            world.stop()

        just_before(monkeypatch, "overtake", stop_later)
        world.turn()
        assert world.target.stops == [(PRODUCTION, effects_of(world).revision)]

    def test_only_the_lease_tells_a_target_that_is_ahead(self, world):
        world.make_live(world.release(1))
        known = world.target.told[-1]
        world.target.apply(replace(known, revision=known.revision + 5))
        lost = world.lease()
        world.lease()
        before = everything(world)
        with pytest.raises(LeaseLost):
            reconcile(world.context(CONTROLLER), lost)
        assert everything(world) == before

    def test_the_port_that_a_target_chose_is_kept(self, world):
        project = world.workspace.project_file
        project.write_text(project.read_text().replace("port: 8600", "port: 0"))
        world.target.away = True
        world.deploy(world.release(1))
        world.turn()
        assert "fake.away" in world.show()["problem"]
        world.target.away = False
        world.finish()
        address = world.show()["address"]
        assert address == "http://127.0.0.1:40001"
        assert world.show()["problem"] == ""
        world.target.die(PRODUCTION)
        world.target.shims["another"] = None  # the next free port is another one
        world.turns(2)
        del world.target.shims["another"]
        assert world.show()["address"] == address
        world.target.told.clear()

    def test_a_port_in_the_project_file_moves_the_environment(self, world):
        world.make_live(world.release(1))
        project = world.workspace.project_file
        project.write_text(project.read_text().replace("port: 8600", "port: 8601"))
        world.make_live(world.release(2))
        assert world.show()["address"] == "http://127.0.0.1:8601"


class TestTurns:
    def test_a_turn_says_when_the_next_one_is_due(self, world):
        lease = world.lease()
        assert reconcile(world.context(CONTROLLER), lease) == IDLE_S
        world.deploy(world.release(1))
        assert reconcile(world.context(CONTROLLER), lease) == TURN_S < IDLE_S
        world.finish()
        world.deploy(world.release(2))
        world.until(lambda: world.states()[-1] == "Settling", step_s=1)
        assert reconcile(world.context(CONTROLLER), world.lease()) == TURN_S, "the way back is short"

    def test_a_look_that_finds_nothing_new_is_not_written(self, world):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0")
        world.turns(2)
        lines = len(world.decisions(CANARY))
        world.turns(50)
        assert len(world.decisions(CANARY)) == lines

    def test_after_a_look_that_found_nothing_new_the_next_is_due_later(self, world):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0")
        for _ in range(5):
            world.clock.advance(timedelta(seconds=6))
            world.turn()
            latest = world.latest(CANARY).latest
            assert latest.at == world.clock.now() < latest.wake_at

    def test_several_environments_are_cared_for_in_one_turn(self, world):
        releases = [world.release(1), world.release(2)]
        for release, environment in zip(releases, ("staging", PRODUCTION), strict=True):
            world.deploy(release, environment)
        world.turns(3)
        assert (world.live("staging"), world.live()) == ("fraud@1", "fraud@2")

    def test_decisions_are_the_controllers_and_starts_are_peoples(self, world):
        world.make_live(world.release(1))
        actors = {event["action"]: event["actor"] for event in world.ask("audit.list", limit=1000)}
        assert actors["rollout_started"] == world.admin.name
        assert actors["rollout_changed"] == CONTROLLER.name


class TestUnreachable:
    def test_a_target_that_is_away_is_told_when_it_is_back(self, world):
        world.target.away = True
        world.deploy(world.release(1))
        world.turns(5)
        view = world.show()
        assert (view["state"], "fake.away" in view["problem"]) == ("unavailable", True)
        assert effects_of(world).performed_at == ""
        world.target.away = False
        world.finish()
        assert (world.show()["state"], world.show()["problem"]) == ("live", "")

    def test_nothing_is_concluded_from_a_target_that_is_away_in_mid_rollout(self, world):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0")
        world.serve(300)
        world.turns(1)
        touched = world.latest(CANARY).latest.because.evidence.cost.touched
        world.target.away = True
        world.turns(20, step_s=60)
        assert world.states(CANARY)[-1] == "Stage 0"
        assert world.latest(CANARY).latest.because.evidence.cost.touched == touched == 300
        world.target.away = False
        world.until(lambda: world.states(CANARY)[-1] == "Stage 1", step_s=1)

    def test_orders_are_followed_while_it_is_away_and_told_when_it_is_back(self, world):
        first = world.release(1)
        world.make_live(first, CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0")
        world.target.away = True
        world.rollback(CANARY)
        world.turns(2)
        assert world.states(CANARY)[-1] == "RolledBack"
        world.target.away = False
        world.turn()
        assert world.loaded(CANARY) == [first.name]

    def test_one_environment_in_trouble_does_not_hold_up_the_others(self, world, monkeypatch):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        counts = type(world.target).counts

        def fails(self, environment, rollout):
            if environment == CANARY:
                raise Older(environment=environment, newest=0, revision=0)
            return counts(self, environment, rollout)

        monkeypatch.setattr(type(world.target), "counts", fails)
        world.deploy(world.release(3), PRODUCTION)
        world.turns(4)
        assert world.live() == "fraud@3"
        assert "fake.older" in world.show(CANARY)["problem"]


class TestNobodyLooked:
    """Between an order and the first look the controllers may be away for as long as they like."""

    @pytest.mark.parametrize("looks", [1, 3])
    def test_a_candidate_has_all_its_time_from_the_first_look_on(self, world, looks):
        world.make_live(world.release(1), CANARY)
        world.target.loads_after = looks
        world.deploy(world.release(2), CANARY)
        world.clock.advance(timedelta(minutes=3))
        world.until(lambda: world.states(CANARY)[-1] != "Starting", step_s=30)
        assert world.states(CANARY) == ["Starting", "Stage 0"]
        assert len(world.ask("rollouts.show", environment=CANARY)["turns"]) == 2, "the first look is no turning point"
        assert "is starting" not in world.ask("rollouts.report", environment=CANARY)["text"]

    def test_and_no_more_than_that(self, world):
        world.make_live(world.release(1), CANARY)
        world.target.loads_after = 1000
        world.deploy(world.release(2), CANARY)
        world.clock.advance(timedelta(minutes=3))
        world.turns(12, step_s=10)
        assert world.states(CANARY) == ["Starting"]
        world.turns(1)
        assert world.states(CANARY) == ["Starting", "RolledBack"]

    def test_nor_does_time_pass_while_the_target_cannot_be_told(self, world):
        world.make_live(world.release(1), CANARY)
        world.target.loads_after = 3
        world.target.away = True
        world.deploy(world.release(2), CANARY)
        world.turns(10, step_s=60)
        assert world.latest(CANARY).version == 1
        world.target.away = False
        world.until(lambda: world.states(CANARY)[-1] != "Starting", step_s=30)
        assert world.states(CANARY) == ["Starting", "Stage 0"]


class TestUncounted:
    """Nothing can be counted: the rest goes on, and no zeros are taken for evidence."""

    @pytest.fixture
    def blind(self, world, monkeypatch):
        """In the first stage, with evidence; then a journal cannot be read, as the real target tells it."""
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0", step_s=1)
        world.serve(100)
        world.clock.advance(timedelta(seconds=5))
        world.turn()
        blind_to(world, monkeypatch)
        return world

    def test_a_look_is_not_written(self, blind):
        before = (blind.latest(CANARY), len(blind.decisions(CANARY)))
        blind.turns(20, step_s=60)
        assert (blind.latest(CANARY), len(blind.decisions(CANARY))) == before
        assert "serving.counts_unreadable" in blind.show(CANARY)["problem"]

    def test_a_stage_ends_at_its_deadline_with_what_was_weighed_last(self, blind):
        blind.turns(70, step_s=60)
        assert blind.states(CANARY)[-1] == "Held"
        because = blind.latest(CANARY).latest.because
        assert "what the doors counted cannot be read" in because.sentence
        assert because.evidence.cost.touched == 100
        report = blind.ask("rollouts.report", environment=CANARY)["text"]
        assert "Requests touched: 100" in report

    def test_enough_that_was_seen_before_is_not_enough(self, world, monkeypatch):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY)
        world.until(lambda: world.states(CANARY)[-1] == "Stage 0", step_s=1)
        world.serve(1000)
        world.clock.advance(timedelta(seconds=5))
        world.turn()
        assert world.latest(CANARY).latest.because.evidence.exposure.enough
        blind_to(world, monkeypatch)
        world.turns(10, step_s=60)
        assert world.states(CANARY)[-1] == "Stage 0"

    def test_orders_are_followed_and_the_evidence_stays(self, blind):
        blind.rollback(CANARY)
        blind.turn()
        assert blind.states(CANARY)[-1] == "RolledBack"
        assert blind.latest(CANARY).latest.because.evidence.cost.touched == 100

    def test_an_order_that_cannot_be_followed_is_answered(self, blind):
        blind.order("resume", CANARY)
        blind.turn()
        assert blind.states(CANARY)[-1] == "Stage 0"
        assert "was not followed" in blind.latest(CANARY).latest.because.sentence

    def test_a_candidate_that_is_gone_is_taken_back(self, blind):
        blind.target.dead.add(blind.latest(CANARY).spec.candidate.digest)
        blind.turns(30, step_s=10)
        assert blind.states(CANARY)[-2:] == ["Unready", "RolledBack"]

    def test_other_environments_have_their_turn(self, blind):
        blind.make_live(blind.release(3), PRODUCTION)

    def test_no_stage_begins_and_what_needs_none_goes_on(self, world, monkeypatch):
        world.make_live(world.release(1), CANARY)
        world.make_live(world.release(2), PRODUCTION)
        world.deploy(world.release(3), CANARY)
        world.deploy(world.release(4), PRODUCTION)
        give_back = blind_to(world, monkeypatch, CANARY, PRODUCTION)
        world.turns(20, step_s=60)
        assert (world.states(CANARY), world.live()) == (["Starting"], "fraud@4")
        give_back()
        world.turns(2)
        assert world.states(CANARY)[-1] == "Stage 0"


class TestOrdersInBetween:
    def test_an_order_that_comes_between_look_and_decision_is_not_lost(self, world, monkeypatch):
        """The look would have ended the rollout, and nobody would ever have followed the order."""
        first = world.release(1)
        world.make_live(first)
        world.deploy(world.release(2))
        world.until(lambda: world.states()[-1] == "Settling", step_s=1)
        world.clock.advance(timedelta(minutes=5))
        just_before(monkeypatch, "record_decision", world.rollback)
        world.turns(2)
        assert (world.states()[-1], world.live()) == ("RolledBack", first.name)

    def test_a_stop_that_comes_between_look_and_decision_wins(self, world, monkeypatch):
        world.deploy(world.release(1))
        world.turn()
        just_before(monkeypatch, "record_decision", world.stop)
        world.turns(2)
        assert (world.states()[-1], world.show()["state"]) == ("RolledBack", "stopped")

    def test_an_environment_that_moves_in_a_turn_is_told_its_new_place(self, world, monkeypatch):
        """Otherwise the revision would count as told, with a port that nobody wants any more."""
        world.make_live(world.release(1))
        second, project = world.release(2), world.workspace.project_file

        def move() -> None:
            project.write_text(project.read_text().replace("port: 8600", "port: 8601"))
            world.deploy(second)

        just_before(monkeypatch, "latest_effects", move)
        world.turn()
        assert world.target.told[-1].port == 8601
        assert world.target.told[-1].revision == effects_of(world).revision

    def test_what_is_seen_is_never_older_than_the_state_that_it_is_held_against(self, world, monkeypatch):
        """A candidate that is loading when it is looked at, and live when the look is judged, is not down."""
        first, second = world.release(1), world.release(2)
        world.make_live(first)
        world.target.loads_after = 4
        world.deploy(second)
        world.turn()
        slow = world.lease()
        observe = type(world.target).observe

        def overtaken(self, environment):
            seen = observe(self, environment)
            monkeypatch.setattr(type(world.target), "observe", observe)
            world.until(lambda: world.states()[-1] == "Settling", step_s=1)
            return seen

        monkeypatch.setattr(type(world.target), "observe", overtaken)
        monkeypatch.setattr(leases, "require", lambda transaction, lease: None)
        reconcile(world.context(CONTROLLER), slow)
        assert world.states() == ["Starting", "Settling"]

    def test_trouble_with_the_ledger_is_not_the_targets(self, world, monkeypatch):
        def away(*_arguments):
            raise LedgerUnavailable(url="postgresql://", problem="gone")

        world.deploy(world.release(1))
        monkeypatch.setattr(controller, "mark_performed", away)
        with pytest.raises(LedgerUnavailable):
            world.turn()
        assert world.show()["problem"] == ""


def blind_to(world: Controlled, patch: pytest.MonkeyPatch, *environments: str) -> Callable[[], None]:
    """Let the real target read counts, of journals that nobody can open; what is returned brings them back."""
    real, fake = ProcessTarget(world.workspace, world.database), world.target.counts
    for environment in environments or (CANARY,):
        rollout = world.latest(environment).id
        (world.workspace.environment(environment) / "counts" / rollout / "a.counts").mkdir(parents=True)
    patch.setattr(world.target, "counts", real.counts)
    return lambda: patch.setattr(world.target, "counts", fake)


class TestLease:
    def test_a_controller_that_lost_its_lease_writes_nothing(self, world):
        world.make_live(world.release(1))
        world.deploy(world.release(2))
        lost = world.lease()
        world.lease()
        before = everything(world)
        for _ in range(5):
            with pytest.raises(LeaseLost):
                reconcile(world.context(CONTROLLER), lost)
        assert everything(world) == before

    def test_a_controller_that_loses_its_lease_in_its_turn_decides_nothing_more(self, world, monkeypatch):
        world.deploy(world.release(1))
        world.turn()
        just_before(monkeypatch, "decide", world.lease)
        before = world.latest()
        with pytest.raises(LeaseLost):
            world.turn()
        assert world.latest() == before


CALLS = (
    "wanted_deployments",
    "latest_effects",
    "desired_state",
    "mark_performed",
    "note_outcome",
    "next_look",
    "decide",
    "record_decision",
    "target_of",
)


class Killed(BaseException):
    """The process ended here."""


@contextmanager
def killed_at(world: Controlled, number: int, *, calls: list[str]) -> Iterator[None]:
    """Ends the controller before the call of that number; between two calls it does nothing that could be seen.

    calls: the names of all calls so far, kept here.
    """

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def step(*arguments: Any, **named: Any) -> Any:
            calls.append(name)
            if len(calls) == number:
                raise Killed
            return call(*arguments, **named)

        return step

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(controller, name, watched(name, getattr(controller, name)))
        for name in ("apply", "observe", "counts", "stop"):
            patch.setattr(world.target, name, watched(name, getattr(world.target, name)), raising=True)
        yield


def live_through(world: Controlled, releases: list[Any], *, kill: int = 0) -> list[str]:
    """A canary from its deployment to its end, then a stop, with one kill on the way; the names of all calls."""
    world.wipe()
    world.make_live(releases[0], CANARY)
    world.target.told.clear()
    world.deploy(releases[1], CANARY, strategy="blue-green")
    calls: list[str] = []
    for number in range(9):
        if number == 7:
            world.stop(CANARY)
        try:
            with killed_at(world, kill, calls=calls):
                world.turn()
        except Killed:
            world.turn()  # another process, with a lease of its own
        if world.under_way(CANARY) is not None and world.target.told[-1].traffic is not None:
            world.serve_copies(300)
        world.clock.advance(timedelta(seconds=20))
    return calls


def test_a_controller_killed_anywhere_is_continued_to_the_same_end(world):
    releases = [world.release(1), world.release(2)]
    total = len(live_through(world, releases))
    told, states, history, stops = summary(world)
    assert states == ["Starting", "Stage 0", "Settling", "Promoted"]
    assert [len(desired.releases) for desired in told] == [2, 2, 2, 1]
    assert len(stops) == 1
    assert {*CALLS, "apply", "observe", "counts", "stop"} == set(live_through(world, releases))
    for number in points(world, total):
        calls = live_through(world, releases, kill=number)
        place = f"killed before call {number}, {calls[number - 1]}"
        assert summary(world) == (told, states, history, stops), place
        assert effects_of(world, CANARY).performed_at, place
        assert world.show(CANARY)["state"] == "stopped", place


def points(world: Controlled, total: int) -> range:
    """Every call on SQLite; on PostgreSQL every seventh, which differs in nothing but the time that it takes."""
    return range(1, total + 1, 1 if world.database.url.startswith("sqlite") else 7)


def summary(world: Controlled) -> tuple[Any, ...]:
    stops = [environment for environment, _ in world.target.stops]
    return world.told(CANARY), world.states(CANARY), world.history(CANARY), stops


class TestRaces:
    """Two controllers in threads of their own over one ledger and one target."""

    def test_under_one_lease_no_version_is_decided_twice(self, world, monkeypatch):
        """As if leases did not help at all: the version alone must keep them apart."""
        saved: list[tuple[str, int]] = []
        save = store.save_rollout

        def watched(transaction, rollout):
            done = save(transaction, rollout)
            if done:
                saved.append((rollout.id, rollout.version))
            return done

        monkeypatch.setattr(store, "save_rollout", watched)
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY, strategy="all-at-once")
        lease = world.lease()
        race(world, [lambda: lease] * 2, until=lambda: world.under_way(CANARY) is None)
        assert len(saved) == len(set(saved))
        assert_one_life(world)

    def test_that_take_the_lease_from_each_other_tell_one_story(self, world):
        world.make_live(world.release(1), CANARY)
        world.deploy(world.release(2), CANARY, strategy="all-at-once")
        race(
            world,
            [lambda: world.lease("one"), lambda: world.lease("two")],
            until=lambda: world.under_way(CANARY) is None,
        )
        assert_one_life(world)


def assert_one_life(world: Controlled) -> None:
    world.turn()
    assert world.states(CANARY) == ["Starting", "Settling", "Promoted"]
    assert world.history(CANARY) == [("fraud@1", "running"), ("fraud@2", "running")]
    assert world.loaded(CANARY) == ["fraud@2"]
    assert [event["detail"]["standing"] for event in changes(world)] == ["promoted", "settling", "promoted"]


def changes(world: Controlled) -> list[dict[str, Any]]:
    events = reversed(world.ask("audit.list", limit=1000))
    return [event for event in events if event["action"] == "rollout_changed"]


def race(world: Controlled, leases: list[Callable[[], Any]], *, until: Callable[[], bool]) -> None:
    """Controllers that turn as fast as they can until something has come about, while time goes on."""
    done = threading.Event()
    faults: list[BaseException] = []

    def control(take: Callable[[], Any]) -> None:
        while not done.is_set():
            try:
                reconcile(world.context(CONTROLLER), take())
            except LeaseLost:
                continue
            except BaseException as error:  # noqa: BLE001 - shown by the test
                faults.append(error)
                return

    threads = [threading.Thread(target=control, args=(take,)) for take in leases]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3000):
            if until() or faults:
                break
            world.clock.advance(timedelta(seconds=1))
            done.wait(0.01)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert until()


def everything(world: Controlled) -> dict[str, Any]:
    """Every row of the tables of rollouts and of the audit chain."""
    tables = ("deployments", "deployment_history", "rollouts", "rollout_decisions", "rollout_orders", "effects")
    with world.database.read() as transaction:
        rows = {table: transaction.all(f"SELECT * FROM {table}") for table in tables}
    return {**rows, "audit": world.ask("audit.list", limit=1000)}
