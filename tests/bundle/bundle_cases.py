"""A small table with every sort of column, and models that practitioners would train on it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from plimsoll.bundle.build import build_scorer

NUMBERS = ["amount", "age"]
WORDS = ["country", "channel"]


def make_rows(rows: int = 240, *, seed: int = 3) -> pd.DataFrame:
    """Raw rows plus label: floats and strings with missing values, ints, bools, a key and a context column."""
    random = np.random.default_rng(seed)
    amount = random.lognormal(3, 1, rows)
    country = random.choice(["GB", "FR", "DE", "LU"], rows)
    risk = 0.04 * amount + 2.0 * (country == "LU") - 2.5
    frame = pd.DataFrame(
        {
            "transaction_id": [f"t{number}" for number in range(rows)],
            "amount": amount,
            "age": random.integers(18, 90, rows),
            "country": country,
            "channel": random.choice(["web", "app", "pos"], rows),
            "known": random.random(rows) < 0.5,
            "age_group": random.choice(["young", "old"], rows),
            "is_fraud": random.random(rows) < 1 / (1 + np.exp(-risk)),
        }
    )
    frame.loc[random.random(rows) < 0.1, "amount"] = np.nan
    frame.loc[random.random(rows) < 0.1, "country"] = None
    return frame


def make_model(frame: pd.DataFrame, *, label: str = "is_fraud") -> Pipeline:
    """Mixed columns, imputed and encoded inside the model, as scikit-learn's guide recommends."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            (
                "words",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore")
                ),
                WORDS,
            ),
            ("rest", "passthrough", ["known"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(
        frame[[*NUMBERS, *WORDS, "known"]], frame[label]
    )


def build(folder, **fields):
    """`build_scorer` with the fields that most tests share."""
    defaults = {
        "task": "binary_classification",
        "label": "is_fraud",
        "context": ("age_group",),
        "exclude": ("transaction_id",),
    }
    return build_scorer(folder, **{**defaults, **fields})


def write_code(folder: Path, source: str, *, name: str = "steps.py") -> Path:
    """A project's code folder with one module; returns the folder."""
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(textwrap.dedent(source))
    return folder
