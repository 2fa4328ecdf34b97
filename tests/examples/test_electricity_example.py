"""The electricity example is replayed through the real parts, shortened to the weeks around the opening of a market."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.project.load import load_project

EXAMPLE = Path(__file__).parents[2] / "examples" / "electricity"
BEGIN, DAYS = "1997-03-25", 60
REPLAY = ("--label-delay", "1d", "--label-every", "1d", "--feed", "market", "--html", "replay.html", "--json")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "ELEC2"}
    return subprocess.run(
        command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("data", ".plimsoll", "__pycache__")
    return shutil.copytree(EXAMPLE, tmp_path / "electricity", ignore=ignored)


def test_without_the_file_it_says_what_to_set_and_where_it_comes_from(example):
    said = run(example, sys.executable, "prepare.py")
    assert said.returncode == 1
    assert "ELEC2 names no file" in said.stderr
    assert "Harries" in said.stderr
    assert not (example / "data").exists()


def test_the_steps_pass_their_own_tests(example):
    said = run(example, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert said.returncode == 0, said.stdout


def test_the_rule_of_thumb_rests_as_long_as_the_projects_triggers(example):
    project = load_project(example / "plimsoll.yaml")
    (limits,) = [rule.limits for rule in project.retrain if rule.limits]
    assert limits.cooldown == "7d"
    assert "REST = 7 * DAY" in (example / "policies.py").read_text()


def test_ten_weeks_are_replayed_without_a_failure_and_compared(example, shared_data):
    prepared = run(
        example,
        sys.executable,
        "prepare.py",
        "--begin",
        BEGIN,
        "--days",
        str(DAYS),
        ELEC2=str(shared_data / "elec2.csv"),
    )
    assert prepared.returncode == 0, prepared.stderr
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=e", "-c", "user.email=e@f.g", "commit", "-qm", "x"],
    ):
        assert run(example, "git", *command).returncode == 0

    said = run(example, sys.executable, "-m", "plimsoll", "replay", "data/recorded.parquet", *REPLAY)
    assert said.returncode == 0, said.stdout + said.stderr
    report = json.loads(said.stdout)
    assert (report["rows"], report["failed"], report["figures"]["rows"]) == (48 * DAYS, 0, 48 * DAYS)
    assert 0.6 < report["figures"]["value"] < 0.9
    opened = {alert["subject"]: alert["at"][:10] for alert in report["alerts"]}
    for column in ("vicprice", "vicdemand", "transfer"):  # constant until Victoria's market opens
        assert "1997-05-03" <= opened[column] <= "1997-05-07"
    fed = sorted((example / ".plimsoll" / "replays" / "recorded" / "project" / "data" / "market").glob("replayed-*"))
    assert len(fed) == DAYS + 1

    compared = run(example, sys.executable, "policies.py", ".plimsoll/replays/recorded/report.json")
    assert compared.returncode == 0, compared.stderr
    for name in ("never retrain", "monthly", "PSI > 0.2", "Plimsoll", "half-hour before"):
        assert f"\n{name}" in compared.stdout or name in compared.stdout
