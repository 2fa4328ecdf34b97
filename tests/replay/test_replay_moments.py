"""Time stops wherever something is due: after windows, at midnights and schedules, and when labels arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.project.entities import Environment, Monitor, Project, RetrainRule, Rollout
from plimsoll.replay.moments import (
    GRACE,
    Ticks,
    chain_to,
    due_at,
    end_of,
    labelled_until,
    midnight_before,
    ticks_of,
)

NOON = datetime(1997, 5, 2, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
moments = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def project(**changes: object) -> Project:
    return Project(project="orders", code="steps.py", **changes)


def test_a_window_is_looked_at_a_moment_after_its_end():
    ticks = Ticks(step=6 * HOUR)
    assert ticks.after(NOON - timedelta(seconds=1)) == NOON + GRACE
    assert ticks.after(NOON + GRACE) == NOON + 6 * HOUR + GRACE


@given(at=moments)
def test_ticks_never_stand_still_and_every_midnight_is_among_them(at):
    ticks = Ticks(step=timedelta(hours=7), schedules=("30 3 * * 1",))
    found, seen = at, []
    while found < at + 8 * DAY:
        later = ticks.after(found)
        assert found < later <= found + 7 * HOUR
        found = later
        seen.append(found)
    assert len([tick for tick in seen if midnight_before(tick)]) >= 8
    assert any((tick - GRACE).weekday() == 0 and (tick - GRACE).strftime("%H:%M") == "03:30" for tick in seen)


def test_steps_are_as_short_as_the_shortest_of_windows_stages_and_bakes():
    assert ticks_of(project()).step == HOUR
    canary = Environment(rollout=Rollout(strategy="canary", hold="10m"))
    assert ticks_of(project(environments={"production": canary})).step == timedelta(minutes=10)
    assert ticks_of(project(monitor=Monitor(window="1d"), environments={"production": Environment()})).step == DAY
    baked = Environment(after="staging", bake="30m")
    assert ticks_of(project(environments={"staging": Environment(), "production": baked})).step == timedelta(minutes=30)
    assert ticks_of(project(monitor=Monitor(window="1s"))).step == timedelta(minutes=1)
    scheduled = project(retrain=(RetrainRule(schedule="0 3 * * 1"), RetrainRule(on="drift")))
    assert ticks_of(scheduled).schedules == ("0 3 * * 1",)


def test_a_replay_is_over_with_the_midnight_after_its_last_label():
    midnight = datetime(1997, 5, 3, tzinfo=UTC)
    assert end_of(NOON) == end_of(midnight) == midnight + GRACE
    assert end_of(midnight + timedelta(microseconds=1)) == midnight + DAY + GRACE


def test_a_label_comes_after_its_delay_or_with_the_next_batch():
    assert due_at(NOON, delay=DAY, every=timedelta()) == NOON + DAY
    assert due_at(NOON, delay=DAY, every=DAY) == datetime(1997, 5, 4, tzinfo=UTC)
    midnight = datetime(1997, 5, 2, tzinfo=UTC)
    assert due_at(midnight, delay=DAY, every=DAY) == midnight + DAY


@given(at=moments, row=moments, delay=st.integers(0, 20), every=st.integers(0, 30))
def test_what_is_fed_is_what_has_its_label(at, row, delay, every):
    late, often = timedelta(hours=delay), timedelta(hours=every)
    assert (row <= labelled_until(at, delay=late, every=often)) == (due_at(row, delay=late, every=often) <= at)


def test_a_release_goes_through_every_environment_before():
    environments = {
        "lab": Environment(),
        "staging": Environment(after="lab"),
        "other": Environment(),
        "production": Environment(after="staging"),
    }
    assert chain_to([*environments.items()], "production") == ["lab", "staging", "production"]
    assert chain_to([*environments.items()], "other") == ["other"]
