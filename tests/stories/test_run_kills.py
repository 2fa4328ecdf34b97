"""Given a run of thirty steps, when any of its processes is killed, then the next run ends as if nobody had been."""

from __future__ import annotations

import random
import sys

import pytest
from tests.stories.run_rounds import Victim, play, undisturbed

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc"),
]


@pytest.mark.parametrize("victim", Victim)
def test_a_run_after_a_kill_ends_with_the_digests_of_an_undisturbed_one(tmp_path, victim):
    expected, seconds = undisturbed(tmp_path / "undisturbed")
    draw = random.Random(str(victim))
    rounds = [
        play(tmp_path / f"round-{number}", victim, seconds * share, expected=expected, draw=draw)
        for number, share in enumerate((0.6, 0.8))
    ]
    assert [played.problems for played in rounds] == [(), ()]
    assert any(played.hit for played in rounds)
