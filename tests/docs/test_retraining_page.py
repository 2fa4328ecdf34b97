"""Every command of docs/retraining.md runs, in order, in one shell and one project, and ends as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import MARK, commands
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder

pytestmark = pytest.mark.story

PAGE = REPOSITORY / "docs" / "retraining.md"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """The page's own settings; the first release is live in both environments, and the orders of November lie ready."""
    project = make_orders(tmp_path / "fraud")
    page = project.root / "plimsoll.yaml"
    settings = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[0]
    monitored = "monitor: {quality: {metric: accuracy}}\n"
    page.write_text(
        page.read_text().replace("project: orders", "project: fraud").partition("environments:")[0]
        + settings
        + monitored
    )
    orders = (project.root / "orders.csv").read_text().splitlines()
    (project.root / "orders.csv").write_text("\n".join(orders[:1500]) + "\n")
    (project.root / "november.csv").write_text("\n".join(orders[1500:]) + "\n")
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    token = project.ask("people", "add", "bob", "--role", "approver")["token"]
    project.ask("deploy", "fraud@1", "--env", "staging")
    project.ask("approve", "fraud@1", "--env", "production", PLIMSOLL_TOKEN=token)
    project.ask("deploy", "fraud@1", "--env", "production")
    yield project
    project.end()


@pytest.mark.timeout(300)
def test_every_command_of_the_page_does_what_it_says(project: ProjectFolder):
    page = commands(PAGE)
    assert len(page) == 15
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    lines = [part for text, _ in page for part in (text, f"printf '\\n%s %s\\n' '{MARK}' $?")]

    shell = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=project.root, env=clean, capture_output=True, text=True, check=False
    )

    ends = [int(code) for code in re.findall(rf"^{MARK} (\d+)$", shell.stdout, flags=re.MULTILINE)]
    wrong = [(text, code, end) for (text, code), end in zip(page, ends, strict=False) if code != end]
    assert not wrong, f"{wrong}\n{shell.stdout[-6000:]}\n{shell.stderr[-3000:]}"
    assert len(ends) == len(page)
    found = project.ask("retrain", "list")
    assert [one["standing"] for one in reversed(found)] == ["unchanged", "deployed", "unchanged"]
    assert [(view["environment"], view["release"]) for view in project.ask("status")] == [
        ("production", "fraud@2"),
        ("staging", "fraud@2"),
    ]
    said = " ".join(shell.stdout.split())
    assert "because: ada asked: the orders of November" in said
    assert "No server looks after them now" in said
