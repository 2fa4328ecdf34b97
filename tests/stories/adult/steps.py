"""Who earns more than 50,000 a year? The census income data, with a row-wise feature step."""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder


def split(people, seed):
    """Training rows and holdout; rows that occur twice are kept once, so that none is on both sides."""
    unique = people.drop_duplicates(ignore_index=True)
    train_set, holdout = train_test_split(unique, test_size=0.4, random_state=seed, stratify=unique["Y"])
    return train_set.reset_index(drop=True), holdout.reset_index(drop=True)


def features(train_set):
    """Row-wise: capital income as one number, whether someone works full time, and what stays as it is."""
    return pd.DataFrame(
        {
            "age": train_set["age"],
            "education": train_set["education-num"],
            "married": train_set["marital-status"].str.startswith("Married").astype(float),
            "capital": train_set["capital-gain"] - train_set["capital-loss"],
            "full_time": (train_set["hours-per-week"] >= 40).astype(float),
            "occupation": train_set["occupation"],
            "workclass": train_set["workclass"],
        }
    )


def train(features, train_set, rounds):
    """Gradient boosting on the features; unknown and missing categories are categories of their own."""
    encode = make_column_transformer(
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1),
            ["occupation", "workclass"],
        ),
        remainder="passthrough",
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=rounds, random_state=0))
    return model.fit(features, train_set["Y"])
