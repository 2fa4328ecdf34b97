"""Every command of docs/data-versions.md runs on two versions of the orders and ends as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder, until

pytestmark = pytest.mark.story
NOISY = """
def train(features, train_set, strength):
    print("fitting")
    return LogisticRegression(C=strength).fit(features, train_set["returned"])
"""


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A release of the first orders; then twice as dear ones were added, and the pipeline ran again."""
    project = make_orders(tmp_path / "orders")
    steps = project.root / "steps.py"
    steps.write_text(steps.read_text().partition("def train(")[0] + NOISY.lstrip())
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    orders = project.root / "orders.csv"
    first, *rows = orders.read_text().splitlines()
    dearer = [",".join([str(2 * float(row.split(",")[0])), *row.split(",")[1:]]) for row in rows]
    orders.write_text("\n".join([first, *rows, *dearer]) + "\n")
    project.ask("run")
    return project


@pytest.mark.timeout(240)
def test_every_command_of_the_page_ends_as_it_says(project: ProjectFolder):
    page = commands(REPOSITORY / "docs" / "data-versions.md")
    assert len(page) == 11
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    for text, code in page:
        done = subprocess.run(
            ["bash", "-c", text], cwd=project.root, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"
    newest, oldest = project.ask("data")
    assert (newest["releases"], oldest["releases"], oldest["environments"]) == ([], ["orders@1"], [])
    diff = project.ask("data", "diff", "orders@1", f"orders@{newest['version']['digest'][:8]}")
    assert (diff["before"]["digest"], diff["after"]["rows"]) == (oldest["version"]["digest"], 4000)
    assert [one["column"] for one in diff["distributions"] if one["verdict"] == "drift"] == ["price"]
    refused = project.plimsoll("data", "diff", "orders@1", "orders", "--dataset", "shops", "--json", expect=2)
    assert refused.json["error"]["code"] == "data.which_dataset"
    assert "== train\nfitting\n" in project.plimsoll("logs").out


@pytest.mark.timeout(240)
def test_following_tells_what_a_run_prints_while_it_goes_on_and_ends_with_it(project: ProjectFolder, tmp_path: Path):
    go_on = tmp_path / "go-on"
    steps = project.root / "steps.py"
    waiting = f"    import os, time\n    while not os.path.exists({str(go_on)!r}):\n        time.sleep(0.05)\n"
    loud = f'    print("fitting", flush=True)\n{waiting}    print("fitted")\n'
    steps.write_text(steps.read_text().replace('    print("fitting")\n', loud))
    before = project.ask("runs")[0]["run"]["id"]
    run = project.start("run", log=tmp_path / "run.log")
    until(lambda: project.ask("runs")[0]["run"]["id"] != before, of="a new run")
    follow = project.start("logs", "latest", "train", "--follow", log=tmp_path / "follow.log")

    until(lambda: "fitting" in (tmp_path / "follow.log").read_text(), of="the first line")
    assert follow.poll() is None
    go_on.touch()

    assert (run.wait(120), follow.wait(60)) == (0, 0)
    assert (tmp_path / "follow.log").read_text() == "== train\nfitting\nfitted\n"
