"""What becomes of a retraining next, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.retrain.builders import START, a_firing, a_retraining, by_hand, seen

from plimsoll.retrain.decide import DAY, TRIES, decide, judge_again, owners_of
from plimsoll.retrain.entities import (
    Deploying,
    Done,
    Dropped,
    Failed,
    Judged,
    Limits,
    Refused,
    Released,
    Running,
    Superseded,
    Waiting,
)
from plimsoll.retrain.seen import Course, Refusal

HOUR = timedelta(hours=1)
ON_ITS_WAY = Deploying(release="fraud@2", digest="d2", environment="staging")


def test_a_run_begins_for_every_reason_together():
    step = decide(a_retraining(*(a_firing(number) for number in range(1, 1001))), seen(), START)

    assert step is not None
    assert step.state == Running(run="run-1", attempt=1, since=START)
    assert "amount drifted (1); amount drifted (2); amount drifted (3); and 997 more" in step.sentence


@pytest.mark.parametrize(
    ("world", "what"),
    [
        (seen(other_run="retraining-7"), "the run of retraining-7, which is under way"),
        (seen(rollout="fraud@2"), "the end of the rollout of fraud@2"),
        (seen(live=""), "a live release, whose code would run"),
    ],
)
def test_what_is_under_way_is_waited_for_and_named_even_by_hand(world, what):
    for firing in (a_firing(), by_hand()):
        step = decide(a_retraining(firing), world, START)
        assert step is not None
        assert step.state == Waiting(what=what)


def test_by_hand_at_once_does_not_wait_for_a_rollout_and_does_for_a_run():
    urgent = a_retraining(by_hand(at_once=True))

    assert isinstance(decide(urgent, seen(rollout="fraud@2"), START).state, Running)
    assert isinstance(decide(urgent, seen(other_run="retraining-7"), START).state, Waiting)


def test_the_cooldown_counts_from_the_end_of_the_last_run():
    world = seen(limits=Limits(cooldown_s=3600), last_ended=START)

    waiting = decide(a_retraining(), world, START + HOUR / 2).state
    assert waiting == Waiting(what="the cooldown after the last run", until=START + HOUR)
    assert isinstance(decide(a_retraining(), world, START + HOUR).state, Running)


def test_no_more_runs_than_allowed_begin_within_any_24_hours():
    begun = tuple(START + HOUR * number for number in range(3))
    world = seen(limits=Limits(cooldown_s=0, per_day=2), begun=begun)

    waiting = decide(a_retraining(), world, START + 3 * HOUR).state
    assert waiting == Waiting(what="the limit of 2 runs a day", until=START + HOUR + DAY)
    assert isinstance(decide(a_retraining(), world, START + HOUR + DAY).state, Running)


def test_people_wait_for_no_limit():
    world = seen(limits=Limits(cooldown_s=3600, per_day=1), last_ended=START, begun=(START,))

    assert isinstance(decide(a_retraining(a_firing(), by_hand(2)), world, START).state, Running)


def test_a_request_none_of_whose_reasons_holds_is_dropped_and_says_why():
    gone = a_retraining(a_firing(note="alert-1 was resolved"), a_firing(2, note="alert-2 was resolved"))

    step = decide(gone, seen(), START)

    assert isinstance(step.state, Dropped)
    assert "alert-1 was resolved; alert-2 was resolved" in step.sentence


def test_whoever_asked_owns_the_run_else_who_made_the_live_release():
    assert owners_of(a_retraining(a_firing(), by_hand(2), by_hand(3, asked_by="bob")), makers=("ada",)) == (
        "ann",
        "bob",
    )
    assert owners_of(a_retraining(), makers=("ada",)) == ("ada",)


def test_a_worker_that_died_is_followed_by_another_one_and_not_for_ever():
    running = Running(run="run-1", attempt=1, since=START)

    again = decide(a_retraining(state=running), seen(worker_gone=True, run_is_lost=True, new_run="run-2"), START).state
    assert again == Running(run="run-2", attempt=2, since=START)
    kept = decide(a_retraining(state=running), seen(worker_gone=True, new_run="run-2"), START).state
    assert kept.run == "run-1", "a run that was carried out, or never begun, is the same one"
    judged = Judged(run="run-1", verdict="v", attempt=TRIES, since=START)
    assert isinstance(decide(a_retraining(state=judged), seen(worker_gone=True), START).state, Failed)


def test_a_run_that_was_given_back_half_way_is_followed_by_another_one_in_the_same_try():
    running = a_retraining(state=Running(run="run-1", attempt=2, since=START))

    state = decide(running, seen(run_is_lost=True, new_run="run-2"), START).state

    assert state == Running(run="run-2", attempt=2, since=START)


def test_a_verdict_against_a_champion_of_yesterday_is_reached_anew_and_not_for_ever():
    judged = Judged(run="run-1", verdict="v", attempt=1, since=START)

    assert judge_again(judged, START, because="stale").state == Running(run="run-1", attempt=2, since=START)
    assert isinstance(judge_again(replace(judged, attempt=TRIES), START, because="stale").state, Superseded)


def test_a_release_that_no_environment_takes_by_itself_ends_as_a_candidate():
    step = decide(a_retraining(state=Released(release="fraud@2", digest="d2")), seen(), START)

    assert step.state == Done(release="fraud@2")
    assert "candidate" in step.sentence


def test_a_release_goes_from_environment_to_environment_in_their_order():
    world = {"order": ("staging", "production")}

    first = decide(a_retraining(state=Released(release="fraud@2", digest="d2")), seen(**world), START).state
    assert first.environment == "staging"
    going = Course(rollout="rollout-1", is_over=False, is_live=False, sentence="")
    under_way = decide(a_retraining(state=first), seen(**world, course=going), START).state
    assert under_way.rollout == "rollout-1"
    live = Course(rollout="rollout-1", is_over=True, is_live=True, sentence="")
    second = decide(a_retraining(state=under_way), seen(**world, course=live), START).state
    assert (second.environment, second.passed, second.rollout) == ("production", ("staging",), "")
    end = decide(a_retraining(state=second), seen(**world, course=live), START).state
    assert end == Done(release="fraud@2", deployed=("staging", "production"))


def test_what_keeps_a_release_out_is_waited_for_and_named():
    refusal = Refusal(code="governance.not_approved", text="it lacks 1 approval", passes=True)

    step = decide(a_retraining(state=ON_ITS_WAY), seen(order=("staging",), refusal=refusal), START)

    assert step.state.waiting_for == "governance.not_approved: it lacks 1 approval"
    again = decide(a_retraining(state=step.state), seen(order=("staging",), refusal=refusal), START)
    assert again is None, "nothing is written as long as nothing changes"


def test_what_waiting_does_not_cure_ends_it():
    for refusal, end in (
        (Refusal(code="rollout.cannot_be", text="no", passes=False), Failed),
        (Refusal(code="release.stale_verdict", text="no", passes=False), Superseded),
    ):
        assert isinstance(
            decide(a_retraining(state=ON_ITS_WAY), seen(order=("staging",), refusal=refusal), START).state, end
        )


def test_something_newer_supersedes_a_release_that_waits_and_none_on_its_way():
    world = {"order": ("staging",), "newer": "retraining-2"}

    assert decide(a_retraining(state=ON_ITS_WAY), seen(**world), START).state == Superseded(by="retraining-2")
    going = Course(rollout="rollout-1", is_over=False, is_live=False, sentence="")
    assert isinstance(decide(a_retraining(state=ON_ITS_WAY), seen(**world, course=going), START).state, Deploying)


def test_a_release_that_its_rollout_took_back_is_refused():
    back = Course(rollout="rollout-1", is_over=True, is_live=False, sentence="It errs more often.")

    step = decide(a_retraining(state=ON_ITS_WAY), seen(order=("staging",), course=back), START)

    assert isinstance(step.state, Refused)
    assert "It errs more often." in step.sentence
