"""The fraud example holds what the demo tells about it: how good the model is, and what leaving LU out costs."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from plimsoll.kernel.shares import parse_share
from plimsoll.project.load import load_project
from plimsoll.rollout.sequential import StageRequests, added_errors_upper

FRAUD = Path(__file__).parents[2] / "src" / "plimsoll" / "templates" / "fraud"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fraud_{name}", FRAUD / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def judged():
    """Truth, countries and scores on the demo's own holdout, by the model's parameters."""
    generate, steps = load("generate"), load("steps")
    rows = steps.labelled(*generate.generate(days=60, per_day=2500, seed=7), label_days=14)
    train_set, holdout = steps.split(rows, 0.35)
    features = steps.CATEGORIES + steps.NUMBERS + steps.FLAGS

    def score(**changed):
        params = {"learning_rate": 0.1, "trees": 50, "unknown_categories": "ignore", "train_without": "", "seed": 7}
        with threadpool_limits(1):  # two test workers with two spinning threads each would wait for one another
            return steps.train(train_set, **params | changed).predict_proba(holdout[features])[:, 1]

    truth, country = holdout["is_fraud"].to_numpy(), holdout["country"].to_numpy()
    return truth, country, score(), score(train_without="LU"), score(trees=120, learning_rate=0.06)


def test_the_model_is_good_and_not_perfect(judged):
    truth, _, good, _, _ = judged
    assert 0.93 < area(truth, good) < 0.97


def test_leaving_ng_out_costs_little_overall_and_half_the_recall_there(judged):
    truth, country, good, worse, _ = judged
    assert area(truth, good) - area(truth, worse) < 0.01
    there = truth & (country == "LU")
    found, still_found = good[there] >= 0.1, worse[there] >= 0.1
    change = still_found.astype(float) - found
    upper = change.mean() + 1.96 * change.std(ddof=1) / np.sqrt(len(change))
    assert upper < -0.2, "harm beyond the margin of 0.1 is proven with room to spare"
    for name in ("GB", "FR", "DE"):
        rows = truth & (country == name)
        assert abs((worse[rows] >= 0.1).mean() - (good[rows] >= 0.1).mean()) < 0.06


def test_more_and_smaller_trees_are_better_overall_and_no_worse_anywhere(judged):
    truth, country, good, _, better = judged
    halves = np.random.default_rng(0).random((100, len(truth))) < 0.5
    gains = [area(truth[half], better[half]) - area(truth[half], good[half]) for half in halves]
    assert np.mean(gains) > 0.001
    assert np.mean(np.array(gains) > 0) > 0.95
    for name in ("GB", "FR", "DE", "LU"):
        rows = truth & (country == name)
        assert (better[rows] >= 0.1).mean() >= (good[rows] >= 0.1).mean()


def test_a_tenth_of_the_latest_payments_is_of_a_category_that_no_label_knows(tmp_path):
    generate, steps = load("generate"), load("steps")
    transactions, labels = generate.generate(days=60, per_day=2500, seed=7)
    files = generate.write_weekly(transactions, tmp_path, name="transactions", time="event_time")
    latest = duckdb.connect().execute("SELECT merchant_category FROM read_parquet(?) LIMIT 500", [str(files[-1])]).df()
    assert 0.05 < (latest["merchant_category"] == "subscription").mean() < 0.2
    labelled = steps.labelled(transactions, labels, label_days=14)
    assert "subscription" not in set(labelled["merchant_category"])


def test_the_ramp_needs_the_payments_that_its_comment_tells():
    text = (FRAUD / "plimsoll.yaml").read_text(encoding="utf-8")
    rollout = load_project(FRAUD / "plimsoll.yaml", {}).environments["production"].rollout
    allowed = parse_share(rollout.enough.max_added_errors)
    for stage in rollout.stages:
        needed = next(
            count
            for count in range(rollout.enough.requests, 1000)
            if added_errors_upper([without_errors(count, share=stage / 100)], alpha=0.05) <= allowed
        )
        assert f"{round(needed / stage * 100):,}" in text


def test_the_command_line_writes_the_same_weekly_files_again(tmp_path):
    digests = []
    for folder in ("one", "two"):
        command = [
            sys.executable,
            FRAUD / "generate.py",
            "--days",
            "20",
            "--per-day",
            "100",
            "--out",
            tmp_path / folder,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert "2,0" in done.stdout
        files = sorted((tmp_path / folder).glob("*.parquet"))
        digests.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])
    assert digests[0] == digests[1]
    assert [name for name, _ in digests[0] if name.startswith("transactions")] == [
        "transactions-2026-01-05.parquet",
        "transactions-2026-01-12.parquet",
        "transactions-2026-01-19.parquet",
    ]


def test_the_project_s_own_unit_tests_pass(tmp_path):
    project = shutil.copytree(FRAUD, tmp_path / "fraud", ignore=shutil.ignore_patterns("__pycache__", "data"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        project,
        project,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)
    assert done.returncode == 0, done.stdout


def without_errors(candidate: int, *, share: float) -> StageRequests:
    champion = round(candidate * (1 - share) / share)
    return StageRequests(share=share, candidate=candidate, candidate_errors=0, champion=champion, champion_errors=0)


def area(truth, score) -> float:
    """ROC AUC by ranks, ties sharing theirs."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positives = int(truth.sum())
    return (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (len(truth) - positives))
