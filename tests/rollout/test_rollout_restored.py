"""A ledger file that was brought back from a copy, before real processes that were told more than it knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.rollout.controlled import PRODUCTION, Controlled

from plimsoll.ledger.engine import connect
from plimsoll.targets.process import ProcessTarget


@pytest.fixture
def target(world: Controlled) -> Iterator[ProcessTarget]:
    """The world's target becomes a real one."""
    target = ProcessTarget(world.workspace, world.database)
    world.target = target
    yield target
    observed = target.observe(PRODUCTION)
    target.stop(PRODUCTION, revision=observed.revision + 1 if observed else 1)
    assert [finding["kind"] for finding in world.ask("audit.verify")["findings"]] == ["truncated_tail"]
    world.check = lambda: None  # the chain lacks what was lost, and says so


def copy_of(ledger: Path, to: Path) -> Path:
    with sqlite3.connect(ledger) as source, sqlite3.connect(to) as copy:
        source.backup(copy)
    return to


def restore(world: Controlled, copy: Path, ledger: Path) -> None:
    world.database.close()
    for left in ledger.parent.glob(f"{ledger.name}*"):
        left.unlink()
    copy.rename(ledger)
    world.database = connect(world.workspace.ledger_url)


@pytest.mark.parametrize("workspace", ["sqlite"], indirect=True)  # it is about a ledger in a file
def test_processes_follow_a_ledger_that_was_restored_from_a_copy(world, target, tmp_path):
    ledger = world.workspace.state / "ledger.sqlite"
    project = world.workspace.project_file
    project.write_text(project.read_text().replace("port: 8600", "port: 0"))
    first = world.release(1)
    world.deploy(first)
    world.turn()
    copy = copy_of(ledger, tmp_path / "copy.sqlite")
    world.clock.advance(timedelta(minutes=1))
    world.stop()
    world.turn()
    stopped = target.observe(PRODUCTION)
    assert stopped.processes == ()

    restore(world, copy, ledger)
    world.turn()

    found = target.observe(PRODUCTION)
    assert found.revision > stopped.revision
    assert found.processes
    assert [release.digest for release in found.releases] == [first.digest]
