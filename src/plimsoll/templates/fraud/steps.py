"""The fraud pipeline: plain functions, wired by the names of their parameters. Nothing here knows who runs it.

    transactions, labels -> labelled -> split -> train_set -> train -> evaluate
                                   \\-> profile        \\-> holdout ---/

The model takes raw columns: its own first part encodes and passes them on, so that a request needs no preparation
and the whole of it can be compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["country", "merchant_category", "channel"]
NUMBERS = ["amount", "hour", "account_age_days", "seconds_since_last", "count_24h", "distance_from_home_km"]
FLAGS = ["device_known"]
LABEL = "is_fraud"


def labelled(transactions: pd.DataFrame, labels: pd.DataFrame, label_days: int) -> pd.DataFrame:
    """Transactions with their label, in time order; without the latest, whose labels cannot all be known yet.

    A transaction younger than `label_days` has a label only when it was fraud and was noticed early. Keeping those
    would teach the model that recent payments are fraud.
    """
    known_until = transactions["event_time"].max() - pd.Timedelta(days=label_days)
    settled = transactions[transactions["event_time"] <= known_until]
    rows = settled.merge(labels[["transaction_id", LABEL]], on="transaction_id", validate="one_to_one")
    return rows.sort_values(["event_time", "transaction_id"], ignore_index=True)


def split(labelled: pd.DataFrame, holdout_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The past to learn from, and the latest share of the rows to be judged on."""
    first_held_out = round(len(labelled) * (1 - holdout_share))
    return labelled.iloc[:first_held_out], labelled.iloc[first_held_out:].reset_index(drop=True)


def train(
    train_set: pd.DataFrame,
    learning_rate: float,
    trees: int,
    unknown_categories: str,
    train_without: str,
    seed: int,
) -> Pipeline:
    """Gradient boosting on raw columns.

    unknown_categories: what the model does with a category that it never saw: `ignore` it, or raise an `error`.
    train_without: a country to leave out; empty uses every row.
    """
    rows = train_set[train_set["country"] != train_without]
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown=unknown_categories, sparse_output=False), CATEGORIES),
            ("numbers", "passthrough", NUMBERS),
            ("flags", "passthrough", FLAGS),
        ]
    )
    boosting = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=trees,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        early_stopping=False,
        random_state=seed,
    )
    model = Pipeline([("columns", columns), ("boosting", boosting)])
    return model.fit(rows[CATEGORIES + NUMBERS + FLAGS], rows[LABEL])


def evaluate(train: Pipeline, holdout: pd.DataFrame) -> dict[str, float]:
    """How the model does on the holdout: ranking, and the fraud found when 1 % or 3 % of payments are reviewed."""
    truth = holdout[LABEL].to_numpy()
    score = train.predict_proba(holdout[CATEGORIES + NUMBERS + FLAGS])[:, 1]
    ranked = truth[np.argsort(-score, kind="stable")]
    return {
        "roc_auc": float(roc_auc_score(truth, score)),
        "average_precision": float(average_precision_score(truth, score)),
        "recall_at_1_percent": float(ranked[: len(ranked) // 100].sum() / truth.sum()),
        "recall_at_3_percent": float(ranked[: 3 * len(ranked) // 100].sum() / truth.sum()),
    }


def profile(labelled: pd.DataFrame) -> dict[str, Any]:
    """What the data looks like: rows, missing values, amounts, and fraud by country and by channel."""
    amounts = labelled["amount"].quantile([0.5, 0.9, 0.99])
    return {
        "rows": len(labelled),
        "missing": {name: float(share) for name, share in labelled.isna().mean().items() if share > 0},
        "amount": {f"p{round(100 * share)}": float(value) for share, value in amounts.items()},
        "fraud": float(labelled[LABEL].mean()),
        "fraud_by_country": _rates(labelled, "country"),
        "fraud_by_channel": _rates(labelled, "channel"),
    }


def _rates(rows: pd.DataFrame, column: str) -> dict[str, float]:
    return {str(name): float(rate) for name, rate in rows.groupby(column)[LABEL].mean().items()}
