"""Every command of docs/storage.md runs in a project with a release and a run after it, and ends as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands
from tests.stories.orders_project import make_orders

pytestmark = pytest.mark.story


@pytest.mark.timeout(240)
def test_every_command_of_the_page_ends_as_it_says(tmp_path: Path):
    project = make_orders(tmp_path / "orders")
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    page = commands(REPOSITORY / "docs" / "storage.md")
    assert len(page) == 3
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"

    for text, code in page:
        done = subprocess.run(
            ["bash", "-c", text], cwd=project.root, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"
