"""A small whole project, whose parts the tests of this area change."""

from __future__ import annotations

PROJECT_FILE = """\
project: loans
code: steps.py
data:
  loans:
    path: data/loans.csv
    columns:
      amount: {type: float, min: 0}
      home: {type: string, in: [own, rent]}
pipeline:
  params: {seed: 7}
  steps:
    split: {outputs: [train_set, holdout]}
    train: {timeout: 10m}
model:
  from: train
  task: binary_classification
  label: defaulted
  holdout: holdout
  context: [age]
  slices: [home]
gates:
  - {metric: roc_auc, min: 0.75}
  - {metric: roc_auc, against: production, margin: 0.02, slices: all}
environments:
  production:
    port: 8080
    approvals: [{role: approver, count: 1}]
"""

STEPS = '''\
"""Two steps."""


def split(loans, seed):
    return loans, loans


def train(train_set, rounds=10):
    return len(train_set)
'''
