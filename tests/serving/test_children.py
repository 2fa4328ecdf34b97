"""A process that is kept running, and how long its deaths are held against it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plimsoll.serving.shim.children import BACKOFF_S, REMEMBERED_S, STEADY_S, Child


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child("sleeper", tmp_path / "log", lambda log: subprocess.Popen(["sleep", "60"]))
    yield child
    if process := child.end():
        process.wait()


def kill(child: Child) -> None:
    assert child.process is not None
    child.process.kill()
    child.process.wait()


def test_one_that_keeps_ending_waits_longer_each_time_and_one_that_lived_starts_at_once(child: Child):
    now, pauses = 1000.0, []
    for lived_s in (1, 1, 1, STEADY_S + 1):
        child.turn(now)
        kill(child)
        now += lived_s
        assert child.turn(now)
        pauses.append(child.due - now)
        assert (child.process is None) == (child.due > now)
        now = child.due
    assert pauses == pytest.approx([*BACKOFF_S[:3], BACKOFF_S[0]])


def test_a_death_is_held_against_it_for_an_hour(child: Child):
    for moment in (1000.0, 1100.0):
        child.turn(moment)
        kill(child)
        child.turn(moment + 50)
    assert child.deaths(1200.0) == 2
    assert child.deaths(1050.0 + REMEMBERED_S) == 1
    assert child.deaths(1150.0 + REMEMBERED_S) == 0
