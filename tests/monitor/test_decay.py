"""The detector of decay keeps its promise about false alarms, and finds what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.monitor.decay import alarm_at, detect, limit_of, loss_of


def first_alarm(losses: np.ndarray, *, limit: float, at: float) -> int | None:
    path = detect(losses, limit=limit)
    return next((day for day, value in enumerate(path) if value >= at), None)


def test_at_the_very_limit_the_mean_time_to_a_false_alarm_is_at_least_what_was_promised():
    draw = np.random.default_rng(5)
    at, longest = alarm_at(false_alarms_per_day=1 / 100), 500
    runs = [first_alarm(draw.beta(2.2, 7.8, size=longest), limit=0.22, at=at) for _ in range(300)]
    assert np.mean([longest if run is None else run + 1 for run in runs]) >= 100


@pytest.mark.parametrize(("loss", "within"), [(0.40, 25), (0.30, 90)])
def test_decay_is_found_after_a_good_year_as_soon_as_without_one(loss, within):
    draw = np.random.default_rng(6)
    at = alarm_at(false_alarms_per_day=1 / 365.25)
    good = np.clip(draw.normal(0.18, 0.05, size=365), 0, 1)
    bad = np.clip(draw.normal(loss, 0.05, size=within), 0, 1)
    found = first_alarm(np.concatenate([good, bad]), limit=0.22, at=at)
    assert found is not None
    assert 365 <= found < 365 + within


def test_losses_follow_the_metric():
    assert loss_of(0.9, reference=0.8, greater=True, bounded=True) == pytest.approx(0.1)
    assert loss_of(0.2, reference=0.1, greater=False, bounded=True) == pytest.approx(0.2)
    assert loss_of(5.0, reference=5.0, greater=False, bounded=False) == pytest.approx(0.5)
    assert loss_of(10.0, reference=5.0, greater=False, bounded=False) == pytest.approx(2 / 3)
    assert loss_of(0.5, reference=0.75, greater=True, bounded=False) == pytest.approx(2 / 3)


@given(
    st.floats(0, 1), st.floats(0, 0.5), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_limit_lies_above_the_holdouts_own_loss_and_below_one(reference, tolerance, greater, bounded):
    limit = limit_of(reference, tolerance=tolerance, greater=greater, bounded=bounded)
    assert 0 < limit < 1
    assert limit >= loss_of(reference, reference=reference, greater=greater, bounded=bounded) - 1e-6 or limit > 0.999998


@given(st.lists(st.floats(0, 1), max_size=50), st.floats(0.01, 0.99))
def test_the_detector_is_never_negative_and_has_a_value_for_each_day(losses, limit):
    path = detect(losses, limit=limit)
    assert len(path) == len(losses)
    assert all(value >= 0 for value in path)
