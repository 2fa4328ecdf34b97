"""The steps are plain functions, so their tests are plain tests: `pytest`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from steps import FEATURES, LABEL, recent, split, train


@pytest.fixture
def market() -> pd.DataFrame:
    """Sixty made-up days, in which the price is up in the afternoon."""
    at = pd.date_range("1996-05-07", periods=60 * 48, freq="30min")
    draw = np.random.default_rng(1)
    half_hour = (at.hour * 2 + at.minute // 30).astype("int64")
    rows = pd.DataFrame(
        {"at": at, "day": at.strftime("%Y-%m-%d"), "weekday": at.day_of_week + 1, "half_hour": half_hour}
    )
    for name in FEATURES[2:]:
        rows[name] = draw.random(len(rows))
    rows[LABEL] = (half_hour >= 24) ^ (draw.random(len(rows)) < 0.1)
    return rows


def test_whole_days_are_kept_and_the_holdout_comes_last(market):
    rows = recent(market.sample(frac=1, random_state=1), train_days=30, holdout_days=14)
    train_set, holdout = split(rows, holdout_days=14)
    assert (train_set["day"].nunique(), holdout["day"].nunique()) == (30, 14)
    assert train_set["at"].max() < holdout["at"].min()
    assert holdout["at"].max() == market["at"].max()
    assert len(rows) == 44 * 48


def test_a_day_that_has_only_begun_does_not_count(market):
    begun = market[market["at"] <= pd.Timestamp("1996-07-01 00:00")]
    rows = recent(begun, train_days=30, holdout_days=14)
    assert rows["at"].max() == pd.Timestamp("1996-06-30 23:30")
    assert (rows.groupby("day").size() == 48).all()


def test_a_short_past_is_used_whole(market):
    assert len(recent(market, train_days=100, holdout_days=14)) == len(market)


def test_the_model_learns_what_there_is_to_learn(market):
    train_set, holdout = split(recent(market, train_days=30, holdout_days=14), holdout_days=14)
    model = train(train_set, trees=60, learning_rate=0.1, seed=7)
    assert (model.predict(holdout[FEATURES]) == holdout[LABEL]).mean() > 0.85
