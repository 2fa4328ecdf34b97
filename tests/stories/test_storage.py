"""`plimsoll gc` on real runs: what releases need stays, what nothing needs goes, killed or not, and never under a run."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder, kill, until

pytestmark = pytest.mark.story
LITTLE = ("--keep-runs", "1", "--older-than", "0s")


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """Three runs on three states of the data; a release was made of the first."""
    project = make_orders(tmp_path / "orders")
    project.commit("Predict returns")
    project.ask("run")
    project.ask("release")
    orders = project.root / "orders.csv"
    for price in (7, 8):
        orders.write_text(orders.read_text() + f"{price}.00,1.00,True\n" * 20)
        project.plimsoll("run", "--json", expect=None)
    return project


def digests(project: ProjectFolder) -> set[str]:
    store = project.root / ".plimsoll" / "artifacts"
    return {path.parent.name + path.name for path in store.glob("??/*")}


def require_sound(project: ProjectFolder) -> None:
    """What is kept works: the release scores, its data can be read, and an unchanged run is cached."""
    project.plimsoll("score", "orders@1", "orders.csv", "scored.csv", "--keep", "none", "--force")
    project.ask("trace", "orders@1")
    assert all(step["cached"] for step in project.ask("run", "--plan"))


@pytest.mark.timeout(240)
def test_what_nothing_needs_goes_and_what_stays_works(project: ProjectFolder):
    runs = [item["run"] for item in project.ask("runs")]
    before = digests(project)

    told = project.ask("gc", *LITTLE)
    assert digests(project) == before, "it is told first"
    assert not told["applied"]
    done = project.ask("gc", *LITTLE, "--yes")

    gone = before - digests(project)
    (artifacts,) = (group for group in done["removed"] if group["what"] == "artifacts")
    assert artifacts["count"] == len(gone) > 0
    assert {pin["why"] for pin in done["versions"]} == {"a release was made of it", "a run that is kept used it"}
    assert len(done["versions"]) == 2
    require_sound(project)
    assert [item["run"]["id"] for item in project.ask("runs")] == [run["id"] for run in runs], "runs are history"
    assert "storage_collected" in project.plimsoll("audit", "list", "--json").out
    again = project.ask("gc", *LITTLE, "--yes")
    assert "artifacts" not in {group["what"] for group in again["removed"]}


@pytest.mark.timeout(240)
def test_a_run_that_was_given_up_is_made_again_with_the_same_bytes(project: ProjectFolder):
    orders = project.root / "orders.csv"
    newest = orders.read_text()
    second = newest.removesuffix("8.00,1.00,True\n" * 20)
    before = next(item["run"] for item in project.ask("runs")[1:2])
    project.ask("gc", *LITTLE, "--yes")
    orders.write_text(second)

    plan = project.ask("run", "--plan")
    assert not any(step["cached"] for step in plan)
    project.plimsoll("run", "--json", expect=None)

    again = project.ask("runs")[0]["run"]
    assert again["id"] != before["id"]
    assert (again["scorer"], again["data"]) == (before["scorer"], before["data"])


@pytest.mark.timeout(240)
def test_a_ledger_that_does_not_know_the_runs_removes_nothing(project: ProjectFolder, tmp_path: Path):
    before = digests(project)
    ledger = project.root / ".plimsoll" / "ledger.sqlite"

    beside = project.plimsoll("gc", "--yes", "--json", expect=2, PLIMSOLL_LEDGER=f"sqlite:///{tmp_path}/other.sqlite")
    ledger.rename(tmp_path / "away.sqlite")
    for other in ledger.parent.glob("ledger.sqlite-*"):
        other.unlink()
    new = project.plimsoll("gc", "--yes", "--json", expect=2)

    assert [answer.json["error"]["code"] for answer in (beside, new)] == ["storage.other_ledger"] * 2
    assert digests(project) == before


@pytest.mark.timeout(240)
def test_nothing_is_removed_while_a_run_is_under_way(project: ProjectFolder, tmp_path: Path):
    steps = project.root / "steps.py"
    steps.write_text(steps.read_text().replace("def train(", "def train(wait, ") + WAITS)
    go_on = tmp_path / "go-on"
    run = project.start("run", log=tmp_path / "run.log", GO_ON=str(go_on))
    until(lambda: "started" in (tmp_path / "run.log").read_text(), of="a step that runs")
    before = digests(project)

    refused = project.plimsoll("gc", *LITTLE, "--yes", "--json", expect=2)

    assert refused.json["error"]["code"] == "artifacts.in_use"
    assert before <= digests(project)
    go_on.touch()
    assert run.wait(120) in (0, 1, 3)
    project.ask("gc", *LITTLE, "--yes")
    require_sound(project)


WAITS = '''

def wait():
    """Until it may go on."""
    import os, time
    while not os.path.exists(os.environ["GO_ON"]):
        time.sleep(0.02)
    return 1
'''


@pytest.mark.timeout(240)
def test_one_that_is_killed_leaves_nothing_wrong_and_the_next_ends_its_work(project: ProjectFolder, tmp_path: Path):
    draw = random.Random(5)
    alone = project.ask("gc", *LITTLE)
    unneeded = next(group["count"] for group in alone["removed"] if group["what"] == "artifacts")
    before = digests(project)
    for number in range(6):
        collecting = project.start("gc", *LITTLE, "--yes", log=tmp_path / "gc.log")
        time.sleep(draw.uniform(0.1, 0.6))
        kill(collecting.pid)
        collecting.wait()
        if number % 3 == 0:
            require_sound(project)

    project.ask("gc", *LITTLE, "--yes")

    assert len(before - digests(project)) >= unneeded
    require_sound(project)
