"""Changes an environment at random under keep-alive load, and says what its callers saw of it."""

import random
import time
from collections import Counter
from dataclasses import dataclass

from serving_cases import Load, split

from plimsoll.capture.reader import read_predictions


@dataclass
class Swaps:
    changes: int
    kinds: Counter
    load: Load
    change_s: list
    """From telling a change until it was settled."""

    @property
    def failures(self):
        return self.load.refused + self.load.broken


def swap(place, releases, changes, *, seed=7, callers=4):
    """Each change takes one release live, perhaps another as its candidate with some share, and leaves others out.

    What is left out is unloaded, and loaded again by a later change. Every fifth change is followed by the next at once.
    """
    draw = random.Random(seed)
    place.apply(*releases)
    kinds, change_s = Counter(), []
    with Load(place.port, callers=callers) as load:
        load.wait_for(20)
        for stage in range(1, changes + 1):
            began = time.monotonic()
            kinds[change(place, releases, stage, draw)] += 1
            if stage % 5 or stage == changes:
                place.settle()
                change_s.append(time.monotonic() - began)
        load.wait_for(20)
    return Swaps(changes, kinds, load, change_s)


def change(place, releases, stage, draw):
    """Tell one change; returns what kind it was."""
    live, candidate = draw.sample(releases, 2)
    match draw.randrange(4):
        case 0:
            place.tell(live)
            return "one release alone"
        case 1:
            place.tell(live, candidate)
            return "another kept warm"
        case 2:
            percent = draw.randrange(1001) / 10
            place.tell(live, candidate, traffic=split(candidate, percent, stage=stage))
            return "a share for a candidate"
        case _:
            percent = draw.choice([0, 100])
            place.tell(live, candidate, traffic=split(candidate, percent, stage=stage, shadow_pct=100))
            return "copies"


def check_counts(place):
    """In every stage the counts are those of the captured predictions."""
    captured = Counter((item.stage, item.role) for item in read_predictions(place.capture) if item.rollout)
    counts = place.counts()
    assert {stage for stage, _ in captured} == counts.keys()
    for stage, found in counts.items():
        copies = captured[stage, "shadow"]
        if copies:
            assert found.champion.requests == found.candidate.requests == copies
        else:
            assert found.champion.requests == captured[stage, "champion"]
            assert found.candidate.requests == captured[stage, "candidate"]
        assert (found.errors, found.noticed) == (0, 0)
