"""docs/sources.md shows datasets that are accepted, and names errors, settings and variables that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import REPOSITORY

from plimsoll.data import clouds
from plimsoll.project.load import load_project

PAGE = (REPOSITORY / "docs" / "sources.md").read_text(encoding="utf-8")


def test_the_datasets_on_the_page_are_accepted(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        (tmp_path / "plimsoll.yaml").write_text(f"project: bank\ncode: steps.py\n{block}", encoding="utf-8")
        data = load_project(tmp_path / "plimsoll.yaml", {"LOANS_PASSWORD": "secret"}).data
        assert "loans" in data


def test_the_errors_on_the_page_exist() -> None:
    known = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"`(data\.[a-z_]+)`", PAGE))
    assert codes
    for code in codes:
        assert code in known


def test_the_variables_that_errors_name_are_on_the_page() -> None:
    for variables in clouds.CREDENTIALS.values():
        for name in variables.split(" and "):
            assert f"`{name}`" in PAGE
