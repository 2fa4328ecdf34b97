"""A small project whose model a test chooses, released once; for what `plimsoll reproduce` makes of it."""

from __future__ import annotations

import random
from pathlib import Path

from tests.stories.workspace import ProjectFolder

SETTINGS = """\
project: loans
code: steps.py
data:
  loans: {path: loans.csv}
pipeline:
  params: {seed: 3}
  steps:
    split: {outputs: [train_set, holdout]}
    train: {env: [TUNING]}
model:
  from: train
  task: binary_classification
  label: late
  holdout: holdout
gates:
  - {metric: roc_auc, min: 0.5}
  - {metric: brier, max: 0.5}
"""

SPLIT = """\
import os
import time
from pathlib import Path


def split(loans, seed):
    shuffled = loans.sample(frac=1, random_state=seed).reset_index(drop=True)
    return shuffled.head(400), shuffled.tail(len(shuffled) - 400).reset_index(drop=True)

"""

SKLEARN = """
# Waits for the file that GATE names, where one is named.
def train(train_set, seed):
    from sklearn.ensemble import RandomForestClassifier
    while "GATE" in os.environ and not Path(os.environ["GATE"]).exists():
        time.sleep(0.05)
    trees = int(os.environ.get("TUNING", "20"))
    model = RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=2)
    return model.fit(train_set[["amount", "income"]], train_set["late"])
"""

XGBOOST = """
def train(train_set, seed):
    from xgboost import XGBClassifier
    model = XGBClassifier(n_estimators=20, subsample=0.7, colsample_bytree=0.7, random_state=seed, n_jobs=2)
    return model.fit(train_set[["amount", "income"]], train_set["late"])
"""

LIGHTGBM = """
def train(train_set, seed):
    from lightgbm import LGBMClassifier
    model = LGBMClassifier(n_estimators=20, subsample=0.7, subsample_freq=1, random_state=seed, n_jobs=2, verbose=-1)
    return model.fit(train_set[["amount", "income"]], train_set["late"])
"""

UNSEEDED = """
def train(train_set, seed):
    from sklearn.ensemble import RandomForestClassifier
    model = RandomForestClassifier(n_estimators=20)
    return model.fit(train_set[["amount", "income"]], train_set["late"])
"""

STAMPED = """
def train(train_set, seed):
    from sklearn.linear_model import LogisticRegression
    model = LogisticRegression().fit(train_set[["amount", "income"]], train_set["late"])
    model.trained_at_ = time.time_ns()
    return model
"""


def make_loans(root: Path, train: str = SKLEARN) -> ProjectFolder:
    """The project in a new folder, committed, neither run nor released."""
    root.mkdir(parents=True)
    draw = random.Random(7)
    rows = [(draw.uniform(1, 50), draw.uniform(10, 90)) for _ in range(700)]
    lines = [f"{amount:.2f},{income:.2f},{draw.random() < amount / (amount + income)}" for amount, income in rows]
    (root / "loans.csv").write_text("\n".join(["amount,income,late", *lines]) + "\n")
    (root / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    (root / "plimsoll.yaml").write_text(SETTINGS)
    (root / "steps.py").write_text(SPLIT + train)
    project = ProjectFolder(root)
    project.commit("Predict late loans")
    return project


def released(root: Path, train: str = SKLEARN, **environment: str) -> ProjectFolder:
    """The project with its first release, loans@1."""
    project = make_loans(root, train)
    project.plimsoll("run", **environment)
    project.plimsoll("release")
    return project
