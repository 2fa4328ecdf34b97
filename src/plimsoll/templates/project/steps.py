"""The steps of the pipeline: plain functions, wired by the names of their parameters.

A parameter is a dataset, another step's output or a value under `params` in plimsoll.yaml. Functions with a
leading underscore are no steps. Nothing here imports Plimsoll, so notebooks and tests can call the steps as well.
"""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

LABEL = "defaulted"
NUMBERS = ["income", "amount", "term_months", "credit_years"]
CATEGORIES = ["home", "purpose"]


def split(loans, holdout_share, seed):
    """Keep some loans back, which training never sees: the gates judge the model on them."""
    train_set, holdout = train_test_split(
        loans, test_size=holdout_share, random_state=seed, stratify=loans[LABEL]
    )
    return train_set.reset_index(drop=True), holdout.reset_index(drop=True)


def train(train_set, regularisation):
    """The model: it takes raw rows, so that a request can be scored as it comes."""
    model = Pipeline(
        [
            ("prepare", _prepare()),
            ("classify", LogisticRegression(C=1 / regularisation, max_iter=1000)),
        ]
    )
    return model.fit(train_set[NUMBERS + CATEGORIES], train_set[LABEL].astype(np.bool_))


def _prepare():
    """Fill gaps and scale the numbers, spread the categories over columns of their own."""
    numbers = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    return ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ]
    )
