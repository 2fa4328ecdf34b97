"""Will an order come back? A transform step keeps the model out of the door, so a worker answers."""

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


def split(orders, seed):
    """Training rows and holdout."""
    train_set, holdout = train_test_split(orders, test_size=0.5, random_state=seed)
    return train_set.reset_index(drop=True), holdout.reset_index(drop=True)


def features(train_set):
    """Row-wise: price and how much of it was discount."""
    return train_set[["price"]].assign(share=train_set["discount"] / train_set["price"])


def train(features, train_set, strength):
    """A logistic regression."""
    return LogisticRegression(C=strength).fit(features, train_set["returned"])
