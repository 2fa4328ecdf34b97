"""One of everything is killed in a rollout under load: each time it ends as it would have, and nobody does a thing twice.

`make bench-chaos` plays many more of these, at random.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.stories.rollout_checks import check
from tests.stories.rollout_rounds import Kill, Victim
from tests.stories.rollout_worlds import orders, served, set_rules

pytestmark = pytest.mark.story

ROUNDS = (
    (
        Kill(victim=Victim.LEADER, phase="stage 1", part=0.3),
        Kill(victim=Victim.DOOR, phase="stage 2", part=0.3),
        Kill(victim=Victim.CHAMPION, phase="settling", part=0.1),
    ),
    (Kill(victim=Victim.CANDIDATE, phase="stage 2", part=0.3), Kill(victim=Victim.SHIM, phase="settling", part=0.1)),
)


@pytest.mark.timeout(400)
def test_a_rollout_ends_as_it_would_have_whatever_is_killed(tmp_path: Path):
    # Given two releases of a model that needs a worker, two servers and load, and how a rollout goes undisturbed
    world = orders(tmp_path)
    with served(world) as load:
        usual = world.learn(load)
        assert usual.course[-1] == "promoted"
        assert check(world, usual, usual).problems == ()

        # When things are killed in each of the following, the last time with callers who stick
        for kills in ROUNDS:
            set_rules(world, sticky=kills is ROUNDS[-1])
            played = world.play(load, *kills)

            # Then it goes the same way, and nothing is lost but what was inside a killed door
            assert played.moments == tuple(kill.phase for kill in kills)
            assert check(world, played, usual).problems == (), kills
        assert world.project.plimsoll("audit", "verify").code == 0
