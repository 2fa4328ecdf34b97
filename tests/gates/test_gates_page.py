"""The page about gates holds: its examples load, every metric has its row, and its verdict is what the code prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from test_gates_report import a_verdict

from plimsoll.gates.metrics import METRICS
from plimsoll.gates.report import verdict_text
from plimsoll.project.load import load_project

PAGE = (Path(__file__).parents[2] / "docs" / "gates.md").read_text()
PROJECT = """\
project: fraud
code: steps.py
model: {from: train, task: binary_classification, label: y, holdout: holdout, slices: [country]}
environments: {production: {}}
"""


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL))
def test_every_example_is_a_valid_project_file(example, tmp_path):
    (tmp_path / "steps.py").write_text("def train(holdout): ...\n")
    (tmp_path / "plimsoll.yaml").write_text(PROJECT + example)

    assert len(load_project(tmp_path / "plimsoll.yaml").gates) == len(yaml.safe_load(example)["gates"])


def test_every_metric_has_its_row_with_its_direction():
    for name in {name for named in METRICS.values() for name in named}:
        (metric,) = {m.greater for named in METRICS.values() for n, m in named.items() if n == name}
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 7)
        assert f"| {'greater' if metric else 'less'} |" in row


def test_the_verdict_on_the_page_is_what_is_printed():
    (shown,) = re.findall(r"```\n(rule .*?)```", PAGE, flags=re.DOTALL)

    assert shown.strip() in verdict_text(a_verdict())
