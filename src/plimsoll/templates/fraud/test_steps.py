"""The steps are plain functions, so their tests are plain tests: `pytest`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from generate import SUBSCRIPTION, generate
from steps import CATEGORIES, FLAGS, NUMBERS, evaluate, labelled, profile, split, train

FEATURES = CATEGORIES + NUMBERS + FLAGS
PARAMS = {"learning_rate": 0.1, "trees": 20, "unknown_categories": "ignore", "train_without": "", "seed": 7}


@pytest.fixture(scope="module")
def week() -> tuple[pd.DataFrame, pd.DataFrame]:
    return generate(days=24, per_day=400, seed=1)


def test_the_same_seed_makes_the_same_rows():
    first, again = generate(days=3, per_day=50, seed=5), generate(days=3, per_day=50, seed=5)
    pd.testing.assert_frame_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[1], again[1])


def test_a_second_regime_moves_amounts_and_channels():
    rows, _ = generate(days=20, per_day=400, seed=1, shift_day=10)
    late = rows["event_time"] >= rows["event_time"].min().normalize() + pd.Timedelta(days=10)
    assert rows[late]["amount"].median() > 1.1 * rows[~late]["amount"].median()
    assert (rows[late]["channel"] == "online").mean() > (rows[~late]["channel"] == "online").mean() + 0.1


def test_labels_arrive_later_and_some_not_yet(week):
    transactions, labels = week
    assert len(labels) < len(transactions)
    joined = labels.merge(transactions, on="transaction_id")
    assert (joined["label_time"] > joined["event_time"]).all()


def test_only_transactions_whose_labels_are_settled_are_used(week):
    rows = labelled(*week, label_days=14)
    assert rows["event_time"].max() <= week[0]["event_time"].max() - pd.Timedelta(days=14)
    assert rows["event_time"].is_monotonic_increasing
    assert 0.01 < rows["is_fraud"].mean() < 0.04


def test_the_holdout_comes_after_the_training_rows(week):
    train_set, holdout = split(labelled(*week, label_days=14), holdout_share=0.35)
    assert train_set["event_time"].max() <= holdout["event_time"].min()
    assert len(holdout) / (len(holdout) + len(train_set)) == pytest.approx(0.35, abs=0.001)


def test_the_model_scores_raw_rows_with_missing_and_unseen_values(week):
    train_set, holdout = split(labelled(*week, label_days=14), holdout_share=0.35)
    model = train(train_set, **PARAMS | {"train_without": "LU"})
    row = holdout[FEATURES].head(1).assign(country="LU", distance_from_home_km=np.nan)
    assert 0 <= model.predict_proba(row)[0, 1] <= 1
    assert 0.5 < evaluate(model, holdout)["roc_auc"] <= 1


def test_a_new_merchant_category_is_in_the_latest_payments_alone(week):
    transactions, labels = week
    new = transactions[transactions["merchant_category"] == SUBSCRIPTION]
    first_day = transactions["event_time"].min().normalize() + pd.Timedelta(days=24 - 7)
    latest = transactions[transactions["event_time"] >= first_day]
    assert new["event_time"].min() >= first_day
    assert 0.05 < len(new) / len(latest) < 0.15
    assert SUBSCRIPTION not in set(labelled(transactions, labels, label_days=14)["merchant_category"])


def test_only_a_strict_model_refuses_the_new_category_and_otherwise_it_is_the_same(week):
    train_set, holdout = split(labelled(*week, label_days=14), holdout_share=0.35)
    lenient, strict = (train(train_set, **PARAMS | {"unknown_categories": what}) for what in ("ignore", "error"))
    assert evaluate(strict, holdout) == evaluate(lenient, holdout)
    new = week[0][week[0]["merchant_category"] == SUBSCRIPTION][FEATURES]
    assert len(lenient.predict_proba(new)) == len(new)
    with pytest.raises(ValueError, match="Found unknown categories"):
        strict.predict_proba(new)


def test_the_profile_names_columns_with_missing_values(week):
    report = profile(labelled(*week, label_days=14))
    assert set(report["missing"]) <= {"seconds_since_last", "distance_from_home_km"}
    assert set(report["fraud_by_country"]) == {"GB", "FR", "DE", "LU"}
