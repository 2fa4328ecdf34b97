"""The deadline follows how fast the champion answers, within bounds."""

import pytest

from plimsoll.serving.pace import Pace


def a_pace(*seconds, times=100):
    pace = Pace()
    for _ in range(times):
        for item in seconds:
            pace.count(item)
    return pace


def test_the_deadline_is_a_second_before_anything_is_known():
    assert Pace().deadline_s(None, most_s=30) == 1.0
    assert a_pace(0.2, times=99).deadline_s(None, most_s=30) == 1.0
    assert Pace().deadline_s(None, most_s=0.5) == 0.5


def test_the_deadline_is_twice_the_99_percent_quantile():
    pace = Pace()
    for number in range(200):
        pace.count(0.2 if number % 50 == 0 else 0.01)  # 2 % take 0.2 s
    assert pace.deadline_s(None, most_s=30) == pytest.approx(0.4, rel=0.03)


def test_the_deadline_has_a_least_and_a_most():
    assert a_pace(0.001).deadline_s(None, most_s=30) == 0.05
    assert a_pace(20.0).deadline_s(None, most_s=30) == 30


def test_a_given_deadline_is_taken_as_it_is():
    assert a_pace(0.2).deadline_s(0.01, most_s=30) == 0.01
    assert Pace().deadline_s(99, most_s=30) == 30


def test_what_was_long_ago_is_forgotten():
    pace = a_pace(0.5, times=2000)
    for _ in range(3900):
        pace.count(0.1)
    assert pace.deadline_s(None, most_s=30) == pytest.approx(0.2, rel=0.03)
