"""One of everything is killed in a rollout under load: each time it ends as it would have, and nobody does a thing twice.

`make bench-chaos` plays many more of these, at random.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.stories.rollout_checks import check
from tests.stories.rollout_world import Kill, Victim
from tests.stories.rollout_worlds import orders, served, set_rules

pytestmark = pytest.mark.story

KILLS = (
    Kill(victim=Victim.LEADER, phase="stage 1", part=0.5),
    Kill(victim=Victim.CHAMPION, phase="stage 2", part=0.3),
    Kill(victim=Victim.DOOR, phase="stage 1", part=0.6),
    Kill(victim=Victim.CANDIDATE, phase="stage 3", part=0.3),
    Kill(victim=Victim.SHIM, phase="settling", part=0.2),
)


@pytest.mark.timeout(400)
def test_a_rollout_ends_as_it_would_have_whatever_is_killed(tmp_path: Path):
    # Given two releases of a model that needs a worker, two servers and load, and how a rollout goes undisturbed
    world = orders(tmp_path)
    with served(world) as load:
        usual = world.learn(load)
        assert usual.course[-1] == "promoted"
        assert check(world, usual, usual).problems == ()

        # When something is killed in each of the following, the last two with callers who stick
        for number, kill in enumerate(KILLS):
            if number == 3:
                set_rules(world, sticky=True)
            played = world.play(load, kill)

            # Then it goes the same way, and nothing is lost but what was inside a killed door
            assert played.moment == kill.phase
            assert check(world, played, usual).problems == (), kill
        assert world.project.plimsoll("audit", "verify").code == 0
