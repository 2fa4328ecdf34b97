"""The electricity pipeline: plain functions, wired by the names of their parameters. Nothing here knows who runs it.

    market -> recent -> split -> train_set -> train
                              \\-> holdout

A row is a half-hour of the market in New South Wales; the label says whether its price is above the mean of the last 24
hours. The model takes raw columns, so that a request needs no preparation and the whole of it can be compiled.
"""

from __future__ import annotations

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

FEATURES = ["weekday", "half_hour", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
LABEL = "price_up"
HALF_HOUR = pd.Timedelta(minutes=30)


def recent(market: pd.DataFrame, train_days: int, holdout_days: int) -> pd.DataFrame:
    """The latest whole days with labels, as many as are trained on and held out, in the order of time."""
    rows = market.sort_values("at", ignore_index=True)
    end = (rows["at"].max() + HALF_HOUR).normalize()
    begin = end - pd.Timedelta(days=train_days + holdout_days)
    return rows[(rows["at"] >= begin) & (rows["at"] < end)].reset_index(drop=True)


def split(recent: pd.DataFrame, holdout_days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The earlier days to learn from, and the latest ones to be judged on."""
    first = recent["at"].max().normalize() - pd.Timedelta(days=holdout_days - 1)
    held_out = recent["at"] >= first
    return recent[~held_out].reset_index(drop=True), recent[held_out].reset_index(drop=True)


def train(train_set: pd.DataFrame, trees: int, learning_rate: float, seed: int) -> HistGradientBoostingClassifier:
    """Gradient boosting on raw columns."""
    boosting = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=trees,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=seed,
    )
    return boosting.fit(train_set[FEATURES], train_set[LABEL])
