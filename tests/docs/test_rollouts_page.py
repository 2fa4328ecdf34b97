"""Every command of docs/rollouts.md runs, in order, in one shell and one project, and ends as the page says."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import MARK, commands
from tests.stories.workspace import ProjectFolder

pytestmark = pytest.mark.story

CANARY = """
environments:
  production:
    rollout: {strategy: canary, hold: 1h, look: 200ms, warm: 10m}
"""
ROW = {"price": 20.0, "discount": 5.0}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """Two releases of a small model, the first live in production; no stage ends by itself while the page is read."""
    folder = tmp_path / "fraud"
    shutil.copytree(REPOSITORY / "tests" / "stories" / "orders", folder)
    settings = (folder / "plimsoll.yaml").read_text().replace("project: orders", "project: fraud")
    (folder / "plimsoll.yaml").write_text(settings.partition("environments:")[0] + CANARY)
    (folder / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    draw = random.Random(5)
    rows = [(draw.uniform(5, 200), draw.random()) for _ in range(400)]
    lines = [f"{price:.2f},{price * share:.2f},{draw.random() < share}" for price, share in rows]
    (folder / "orders.csv").write_text("price,discount,returned\n" + "\n".join(lines) + "\n")
    inputs = [{"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in ROW.items()]
    (folder / "request.json").write_text(json.dumps({"inputs": inputs}))
    project = ProjectFolder(folder)
    project.commit("Predict returns")
    for strength in ("1.0", "0.5"):
        project.ask("run", "--param", f"strength={strength}")
        project.ask("release")
    project.ask("deploy", "fraud@1", "--env", "production")
    yield project
    project.end()


@pytest.mark.timeout(240)
def test_every_command_of_the_page_does_what_it_says(project: ProjectFolder):
    page = commands(REPOSITORY / "docs" / "rollouts.md")
    assert len(page) > 15
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
    said = " ".join(shell.stdout.split())
    assert "plimsoll-release: fraud@2" in said, "the header reaches the candidate"
    assert "made the candidate live: compared by hand" in said
    assert [view["release"] for view in project.ask("status")] == ["fraud@2"]
    standings = [view["standing"] for view in project.ask("rollout", "list")]
    assert standings == ["settling", "rolled back", "rolled back", "promoted"]
    assert "</html>" in (project.root / "report.html").read_text()
