"""What a retraining stands on: the code that was live when it began, and once its run exists, that run's."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.retrain.world import DRIFT, Watched, project_file

from plimsoll.retrain.entities import Retraining, Running
from plimsoll.retrain.errors import NothingLive
from plimsoll.retrain.grounds import ground_of


def code(world: Watched, folder: Path, *, trees: int) -> str:
    """The digest of a project's files as they were once."""
    folder.mkdir()
    text = project_file(DRIFT).replace("gates:", f"pipeline: {{params: {{trees: {trees}}}}}\ngates:")
    (folder / "plimsoll.yaml").write_text(text)
    (folder / "steps.py").write_text("")
    files = {path.name: path for path in folder.iterdir()}
    return world.machine().artifacts.put_files(files)


@pytest.fixture
def begun(world: Watched, tmp_path: Path) -> Retraining:
    """A retraining of fraud@1 that runs, while fraud@2 has become live."""
    first = world.release(1, code=code(world, tmp_path / "one", trees=1))
    world.make_live(first, "staging")
    world.make_live(first, "production")
    world.drift(first)
    world.hands.does = "wait"
    world.watch()
    (retraining,) = world.open()
    assert isinstance(retraining.state, Running)
    assert retraining.state.of == first.digest
    second = world.release(2, code=code(world, tmp_path / "two", trees=2))
    world.make_live(second, "staging")
    world.make_live(second, "production")
    return retraining


def trees(world: Watched, retraining: Retraining) -> int:
    found: int = ground_of(world.machine(), retraining).project.pipeline.params["trees"]
    return found


def test_the_code_is_that_of_the_release_that_was_live_when_it_began(world: Watched, begun: Retraining):
    assert trees(world, begun) == 1


def test_once_its_run_exists_the_code_is_the_runs_own(world: Watched, begun: Retraining, tmp_path: Path):
    world.run(begun.run, code_digest=code(world, tmp_path / "three", trees=3))
    assert trees(world, begun) == 3


def test_gates_environments_and_monitor_are_those_of_today(world: Watched, begun: Retraining):
    text = project_file(DRIFT, staging=", bake: 2h").replace("min: 0.5", "min: 0.9")
    world.workspace.project_file.write_text(f"{text}monitor: {{window: 6h}}\n".replace(", bake: 2h", ""))
    project = ground_of(world.machine(), begun).project
    assert project.gates[0].min == 0.9
    assert project.monitor.window == "6h"


def test_what_is_live_is_known_so_that_nothing_is_released_twice(world: Watched, begun: Retraining):
    assert ground_of(world.machine(), begun).known["s2"] == "fraud@2"


def test_without_a_live_release_there_is_no_code(world: Watched):
    nobody = Retraining(
        id="retraining-1", project="fraud", environment="production", ref="", sentence="", firings=(), created_at="",
        state=Running(run="run-9", attempt=1, since=world.clock.now()),
    )  # fmt: skip
    with pytest.raises(NothingLive):
        ground_of(world.machine(), nobody)
