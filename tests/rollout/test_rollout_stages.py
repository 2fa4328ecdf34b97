"""How a rollout goes on: the ends of a stage, orders of people, candidates that do not answer; rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.rollout.worlds import START, a_spec, a_stage, an_arm, at, seen

from plimsoll.capture.counts import StageCounts
from plimsoll.rollout.decide import decide
from plimsoll.rollout.decisions import Decision, Rule
from plimsoll.rollout.rollouts import (
    Abort,
    Harm,
    Held,
    LatencyTest,
    MakeLive,
    Order,
    Pause,
    Paused,
    Promote,
    Promoted,
    Resume,
    RolledBack,
    RolloutState,
    Settling,
    SetTraffic,
    Stage,
    Start,
    Starting,
    Stop,
    Strategy,
    Unready,
)
from plimsoll.rollout.seen import Health, Readiness, Seen

SPEC = a_spec(stages=(5.0, 25.0, 50.0), hold_s=600.0, deadline_s=3600.0, ready_s=120.0, warm_s=900.0)
HEALTHY = a_stage(1000)
HARMFUL = a_stage(1000, errors=60, champion_errors=190)
FIRST = Stage(index=0, since=START)
HELD = Held(was=FIRST, since=at(3600), because="inconclusive")


def look(state: RolloutState, what: Seen, seconds: float, order: Order | None = None, **spec: Any) -> Decision:
    return decide(replace(SPEC, **spec), state, what, at(seconds), order)


def by(order: type[Order]) -> Order:
    return order(by="ada", why="a reason")


# The ends of a stage


def test_enough_seen_and_hold_over_begins_the_next_stage():
    decision = look(FIRST, seen(HEALTHY), 600)

    assert decision.state == Stage(index=1, since=at(600))
    assert decision.because.rule is Rule.ENOUGH
    assert SetTraffic(stage=1, candidate_pct=25.0, shadow_pct=0.0) in decision.effects


def test_the_last_stage_makes_the_candidate_live_and_keeps_the_champion_warm():
    stage = a_stage(1000, share=0.5)
    decision = look(Stage(index=2, since=START), Seen(stages={2: stage}, health=seen().health), 600)

    assert decision.state == Settling(since=at(600))
    assert {MakeLive(digest="d2"), Start(digest="d1")} <= set(decision.effects)


@pytest.mark.parametrize(
    ("what", "seconds"),
    [
        pytest.param(seen(HEALTHY), 599, id="the hold is not over"),
        pytest.param(seen(), 600, id="no data"),
        pytest.param(seen(StageCounts()), 600, id="no requests"),
        pytest.param(seen(a_stage(999)), 600, id="too few requests"),
        pytest.param(seen(a_stage(1000, errors=10, champion_errors=190)), 600, id="added errors not yet ruled out"),
        pytest.param(seen(HEALTHY, readiness=Readiness.UNKNOWN), 600, id="unknown whether the candidate is ready"),
    ],
)
def test_a_stage_goes_on_being_watched_while_something_is_missing(what: Seen, seconds: float):
    decision = look(FIRST, what, seconds)

    assert decision.state == FIRST
    assert decision.because.rule is Rule.WATCHING


def test_requests_of_an_earlier_stage_do_not_count_for_this_one():
    assert look(Stage(index=1, since=START), seen(HEALTHY), 600).because.rule is Rule.WATCHING


def test_the_deadline_without_an_answer_holds_and_asks():
    decision = look(FIRST, seen(a_stage(10)), 3600)

    assert decision.state == Held(was=FIRST, since=at(3600), because=decision.because.sentence)
    assert "10 of 1,000 requests seen" in decision.because.sentence
    assert SetTraffic(stage=0, candidate_pct=5.0, shadow_pct=0.0) in decision.effects


def test_the_deadline_without_an_answer_takes_back_where_that_was_asked_for():
    decision = look(FIRST, seen(a_stage(10)), 3600, on_inconclusive="rollback")

    assert isinstance(decision.state, RolledBack)
    assert decision.because.rule is Rule.INCONCLUSIVE


def test_no_data_until_the_deadline_is_never_success():
    assert isinstance(look(FIRST, seen(), 1e6).state, Held)


def test_enough_seen_at_a_look_long_after_the_deadline_is_still_enough():
    assert look(FIRST, seen(HEALTHY), 1e6).state == Stage(index=1, since=at(1e6))


@pytest.mark.parametrize(
    "state",
    [
        FIRST,
        HELD,
        Paused(was=FIRST, since=START, by="ada", because=""),
        Unready(was=FIRST, since=START),
        Settling(since=START),
    ],
    ids=lambda state: type(state).__name__,
)
@pytest.mark.parametrize("order", [None, Promote, Resume, Pause])
def test_proven_harm_is_taken_back_whatever_the_state_and_the_order(state: RolloutState, order: type[Order] | None):
    decision = look(state, seen(HARMFUL), 1, by(order) if order else None)

    assert isinstance(decision.state, RolledBack)
    assert decision.because.rule is Rule.HARM
    assert (MakeLive(digest="d1"), Stop(digest="d2")) == (decision.effects[1], decision.effects[-1])
    assert ("was not followed" in decision.because.sentence) == (order is not None)


def test_slowness_is_harm():
    slow = StageCounts(champion=an_arm(19_000), candidate=an_arm(1000, slow=100, slow_s=0.1))

    assert "99 % quantile" in look(FIRST, seen(slow), 1).because.sentence


def test_harm_that_is_not_asked_about_is_not_looked_for():
    decision = look(FIRST, seen(HARMFUL), 1, harm=Harm(errors=None, latency=LatencyTest()))

    assert decision.state == FIRST


def test_a_split_that_is_not_as_set_voids_even_proven_harm():
    wrong = StageCounts(champion=an_arm(2000, errors=20), candidate=an_arm(1000, errors=900))
    decision = look(FIRST, seen(wrong), 1, on_inconclusive="rollback")

    assert isinstance(decision.state, Held)
    assert decision.because.rule is Rule.VOID
    assert "not split as set" in decision.because.sentence


def test_counts_that_contradict_themselves_void_the_evidence():
    nonsense = replace(HEALTHY, candidate=replace(HEALTHY.candidate, errors=1001))

    assert look(FIRST, seen(nonsense), 600).because.rule is Rule.VOID


# A candidate that does not answer


def test_a_ready_candidate_gets_its_first_share():
    assert look(Starting(since=START), seen(), 5).state == Stage(index=0, since=at(5))


@pytest.mark.parametrize("readiness", [Readiness.NOT_READY, Readiness.UNKNOWN])
def test_a_candidate_that_never_becomes_ready_is_taken_back(readiness: Readiness):
    what = seen(readiness=readiness, problem="cannot load the model")

    assert look(Starting(since=START), what, 119).state == Starting(since=START)
    decision = look(Starting(since=START), what, 120)
    assert isinstance(decision.state, RolledBack)
    assert "cannot load the model" in decision.because.sentence


def test_a_candidate_that_stops_being_ready_may_come_back():
    gone = look(FIRST, seen(HEALTHY, readiness=Readiness.NOT_READY), 600)
    assert gone.state == Unready(was=FIRST, since=at(600))
    assert SetTraffic(stage=0, candidate_pct=5.0, shadow_pct=0.0) in gone.effects

    assert look(gone.state, seen(HEALTHY), 700).state == FIRST


@pytest.mark.parametrize("was", [FIRST, Settling(since=START)], ids=["in a stage", "when it is live"])
def test_a_candidate_that_stays_away_is_taken_back(was: Stage | Settling):
    away = Unready(was=was, since=START)

    assert look(away, seen(readiness=Readiness.UNKNOWN), 1e6).state == away
    decision = look(away, seen(readiness=Readiness.NOT_READY), 120)
    assert isinstance(decision.state, RolledBack)
    assert MakeLive(digest="d1") in decision.effects


# People


@pytest.mark.parametrize("state", [FIRST, HELD, Settling(since=START), Unready(was=FIRST, since=START)])
def test_a_candidate_whose_worker_dies_again_and_again_is_taken_back(state: RolloutState):
    """A death is no error of a request, so no test would ever see it."""
    twice, thrice = (Seen(health=Health(readiness=Readiness.READY, deaths=deaths)) for deaths in (2, 3))
    assert not isinstance(look(state, twice, 10).state, RolledBack)
    decision = look(state, thrice, 10)
    assert isinstance(decision.state, RolledBack)
    assert decision.because.rule is Rule.CRASHED
    assert "3 times" in decision.because.sentence


def test_a_pause_keeps_the_traffic_and_its_time_does_not_count():
    paused = look(FIRST, seen(a_stage(10)), 100, by(Pause))
    assert paused.state == Paused(was=FIRST, since=at(100), by="ada", because="a reason")
    assert paused.effects == look(FIRST, seen(a_stage(10)), 100).effects

    assert look(paused.state, seen(HEALTHY), 5000).state == paused.state
    resumed = look(paused.state, seen(HEALTHY), 5000, by(Resume))
    assert resumed.state == Stage(index=0, since=at(4900))
    assert look(resumed.state, seen(HEALTHY), 5499).because.rule is Rule.WATCHING
    assert look(resumed.state, seen(HEALTHY), 5500).because.rule is Rule.ENOUGH


def test_resuming_a_held_stage_gives_it_its_whole_time_again():
    assert look(HELD, seen(), 4000, by(Resume)).state == Stage(index=0, since=at(4000))


def test_a_held_rollout_waits_for_a_person_even_when_enough_is_seen_later():
    assert look(HELD, seen(HEALTHY), 1e6).state == HELD


@pytest.mark.parametrize(
    "state", [FIRST, HELD, Paused(was=FIRST, since=START, by="bo", because="")], ids=lambda state: type(state).__name__
)
def test_a_person_may_promote_without_the_evidence(state: RolloutState):
    decision = look(state, seen(), 1, by(Promote))

    assert decision.state == Settling(since=at(1))
    assert decision.because.sentence == "ada made the candidate live: a reason"


@pytest.mark.parametrize(
    "state",
    [Starting(since=START), Unready(was=FIRST, since=START), FIRST],
    ids=lambda state: type(state).__name__,
)
def test_a_candidate_that_is_not_ready_cannot_be_promoted(state: RolloutState):
    decision = look(state, seen(readiness=Readiness.NOT_READY), 1, by(Promote))

    assert decision.state == state
    assert decision.because.rule is Rule.NOT_FOLLOWED


@pytest.mark.parametrize(
    "state",
    [Starting(since=START), FIRST, HELD, Unready(was=FIRST, since=START), Settling(since=START)],
    ids=lambda state: type(state).__name__,
)
def test_a_person_may_abort_as_long_as_the_champion_is_there(state: RolloutState):
    decision = look(state, seen(), 1, by(Abort))

    assert isinstance(decision.state, RolledBack)
    assert MakeLive(digest="d1") in decision.effects


@pytest.mark.parametrize("order", [None, Pause, Resume, Promote, Abort])
@pytest.mark.parametrize("state", [Promoted(since=START), RolledBack(since=START, because="harm")])
def test_what_has_ended_stays_ended(state: RolloutState, order: type[Order] | None):
    decision = look(state, seen(HARMFUL), 1e6, by(order) if order else None)

    assert decision.state == state
    assert decision.wake_at is None


# Strategies are lists of stages


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [
        (Strategy.ALL_AT_ONCE, []),
        (Strategy.BLUE_GREEN, [(100.0, 100.0)]),
        (Strategy.CANARY, [(5.0, 0.0), (25.0, 0.0), (50.0, 0.0)]),
        (Strategy.SHADOW_THEN_CANARY, [(0.0, 100.0), (5.0, 0.0), (25.0, 0.0), (50.0, 0.0)]),
    ],
)
def test_a_strategy_is_its_stages(strategy: Strategy, shares: list[tuple[float, float]]):
    spec = replace(SPEC, strategy=strategy)

    assert [(share.candidate_pct, share.shadow_pct) for share in spec.shares] == shares


def test_all_at_once_goes_live_as_soon_as_it_is_ready():
    assert look(Starting(since=START), seen(), 5, strategy=Strategy.ALL_AT_ONCE).state == Settling(since=at(5))


def test_a_first_release_has_nothing_to_be_compared_with_and_nothing_to_go_back_to():
    decision = look(Starting(since=START), seen(), 5, champion=None)

    assert decision.state == Promoted(since=at(5))
    assert not any(isinstance(effect, Stop) for effect in decision.effects)


@pytest.mark.parametrize("strategy", [Strategy.BLUE_GREEN, Strategy.SHADOW_THEN_CANARY])
def test_stages_of_copies_are_judged_pair_by_pair(strategy: Strategy):
    def errors(candidate: int) -> Seen:
        return seen(StageCounts(champion=an_arm(2000), candidate=an_arm(2000, errors=candidate)))

    assert look(FIRST, errors(0), 600, strategy=strategy).because.rule is Rule.ENOUGH
    assert look(FIRST, errors(20), 600, strategy=strategy).because.rule is Rule.HARM


def test_copies_of_which_many_are_lost_prove_nothing():
    lost = seen(StageCounts(champion=an_arm(2000), candidate=an_arm(1500)))

    assert look(FIRST, lost, 600, strategy=Strategy.SHADOW_THEN_CANARY).because.rule is Rule.VOID


def test_the_previous_release_is_stopped_once_it_need_not_be_warm_any_more():
    assert look(Settling(since=START), seen(), 899).because.rule is Rule.SETTLING
    decision = look(Settling(since=START), seen(), 900)
    assert decision.state == Promoted(since=at(900))
    assert decision.effects[-1] == Stop(digest="d1")


# Time


@pytest.mark.parametrize(
    ("state", "now", "wake_at"),
    [
        (Starting(since=START), 118, 120),
        (FIRST, 10, 15),
        (FIRST, 597, 600),
        (FIRST, 3598, 3600),
        (FIRST, -5000, -4995),
        (Settling(since=START), 899, 900),
        (HELD, 5000, 5005),
    ],
)
def test_the_next_look_is_at_the_next_turn_or_soon(state: RolloutState, now: float, wake_at: float):
    assert look(state, seen(a_stage(10), readiness=Readiness.UNKNOWN), now).wake_at == at(wake_at)


def test_a_clock_that_was_set_back_only_makes_it_take_longer():
    early = decide(SPEC, FIRST, seen(HEALTHY), START - timedelta(days=1))

    assert early.because.rule is Rule.WATCHING


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": ()},
        {"stages": (25.0, 5.0)},
        {"stages": (5.0, 101.0)},
        {"stages": (0.05,)},
        {"deadline_s": 600.0},
        {"candidate": SPEC.champion},
        {"look_s": 0.0},
        {"warm_s": -1.0},
        {"enough": replace(SPEC.enough, requests=0)},
        {"harm": Harm(alpha=0.0)},
    ],
    ids=str,
)
def test_a_spec_that_cannot_be_followed_cannot_be_made(wrong: dict[str, Any]):
    with pytest.raises(ValueError):
        a_spec(**{"hold_s": 600.0, **wrong})
