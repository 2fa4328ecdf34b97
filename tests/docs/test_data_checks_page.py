"""The project, commands and answers of docs/data-checks.md are as the page says, and it names every check."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands
from tests.stories.workspace import ProjectFolder

from plimsoll.project.entities import Column

PAGE = REPOSITORY / "docs" / "data-checks.md"
TEXT = PAGE.read_text(encoding="utf-8")
(SECTION,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
(BROKEN,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """The project of the page; its orders are of this hour."""
    (tmp_path / "orders").mkdir()
    (tmp_path / "plimsoll.yaml").write_text(f"project: shop\ncode: steps.py\n{SECTION}")
    (tmp_path / "steps.py").write_text("def count(orders, customers):\n    return len(orders) + len(customers)\n")
    (tmp_path / "customers.csv").write_text("id,country\n1,GB\n2,NO\n3,\n")
    write_orders(tmp_path, 1, "NO0001,1,10,5", "NO0002,2,10.5,10", "NO0003,,30,0")
    return ProjectFolder(tmp_path)


def write_orders(root: Path, number: int, *rows: str) -> None:
    moment = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = ["order_id,customer,amount,paid,ordered_at", *(f"{row},{moment}" for row in rows)]
    (root / f"orders/{number}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.timeout(120)
def test_every_command_of_the_page_ends_as_it_says_and_says_what_it_shows(project: ProjectFolder) -> None:
    page = commands(PAGE)
    assert len(page) == 5
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    told = ""
    for text, code in page:
        if code == 1:
            write_orders(project.root, 2, "no4,1,20,20", "NO0005,9,30,30", "NO0006,1,-1,")
        done = subprocess.run(
            ["bash", "-c", text], cwd=project.root, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"
        told += done.stderr
    assert BROKEN in re.sub(r"ordered_at=\S+", "ordered_at=…", told)
    assert "now() does not depend on the row alone" in told
    assert len(project.ask("data")) == 2, "the bad orders are no version"


def test_every_setting_of_a_column_is_on_the_page() -> None:
    table = TEXT.partition("## Which check is for what")[2]
    for field in dataclasses.fields(Column):
        assert f"`{field.name.rstrip('_')}" in table, field.name
