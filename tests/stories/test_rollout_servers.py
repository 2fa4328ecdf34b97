"""Two servers on one ledger, SQLite's and PostgreSQL's: one is killed or falls asleep in a rollout, and the other goes on.

And the ledger itself goes away for a while, which no caller of the door notices.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture
from tests.stories.rollout_checks import check
from tests.stories.rollout_load import LoadFiles
from tests.stories.rollout_rounds import Kill, Round, Victim
from tests.stories.rollout_world import World
from tests.stories.rollout_worlds import loans, served
from tests.stories.workspace import until

from plimsoll.ledger.transaction import LedgerUnavailable

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

ON_POSTGRES = pytest.param("postgres", marks=pytest.mark.system)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A world under load, and how a rollout goes there undisturbed."""

    world: World
    load: LoadFiles
    usual: Round


@pytest.fixture(scope="module", params=["sqlite", ON_POSTGRES])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two servers, the first release live."""
    ledger = request.getfixturevalue("postgres_server").new_database() if request.param == "postgres" else ""
    world = loans(Path(tmp_path_factory.mktemp("servers")), ledger=ledger)
    with served(world) as load:
        yield Scene(world=world, load=load, usual=world.learn(load))


def test_the_server_that_stands_by_goes_on_within_seconds_when_the_other_one_is_killed(scene: Scene):
    world = scene.world
    killed = world.leader()
    played = world.play(scene.load, Kill(victim=Victim.LEADER, phase="stage 1", part=0.2))

    assert played.moments == ("stage 1",)
    assert check(world, played, scene.usual).problems == ()
    assert world.leader() in {server.pid for server in world.servers} - {killed}
    looks = [decision.at for decision in played.decisions]
    longest_s = max((after - before).total_seconds() for before, after in itertools.pairwise(looks))
    assert longest_s < 5
    assert world.project.plimsoll("audit", "verify").code == 0


def test_a_server_that_slept_beyond_its_lease_writes_nothing_when_it_wakes(scene: Scene):
    world = scene.world
    asleep = 0

    def sleep() -> None:
        nonlocal asleep
        world.wait_for("stage 1")
        asleep = world.leader()
        put_to_sleep(world, asleep)
        until(lambda: world.leader() != asleep, seconds=20, of="another server at work")
        os.kill(asleep, signal.SIGCONT)

    played = world.play(scene.load, meanwhile=sleep)

    assert check(world, played, scene.usual).problems == ()
    assert next(server for server in world.servers if server.pid == asleep).poll() is None
    assert world.leader() != asleep
    log = (world.workspace.logs / "server.log").read_text()
    assert "incident" not in log, log
    assert world.project.plimsoll("audit", "verify").code == 0


@pytest.mark.parametrize("scene", [ON_POSTGRES], indirect=True)
def test_the_ledger_away_for_seconds_stops_a_rollout_for_so_long_and_no_caller(
    scene: Scene,
    postgres_server: PostgresServer,  # noqa: F811
):
    world = scene.world

    def take_away() -> None:
        world.wait_for("stage 1")
        postgres_server.stop()
        try:
            answered = scene.load.answered()
            time.sleep(4)
            assert scene.load.answered() > answered + 2 * world.rate
        finally:
            postgres_server.start()

    played = world.play(scene.load, meanwhile=take_away)

    assert check(world, played, scene.usual).problems == ()
    assert played.seconds > 4
    assert "the controllers work again" in (world.workspace.logs / "server.log").read_text()
    assert world.project.plimsoll("audit", "verify").code == 0


def put_to_sleep(world: World, pid: int) -> None:
    """Stop a process between two transactions: within one of SQLite's nobody else could write."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            with world.ledger.write():
                return
        except LedgerUnavailable:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
