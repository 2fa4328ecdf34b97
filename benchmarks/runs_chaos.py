"""Kills the engine, the fork server or a step at random in runs of thirty steps, a hundred times by default.

After each kill the same command runs again. It must end with the digests of a run that nobody disturbed, run no
finished step a second time and leave no process behind. Exits with 1 when any round breaks a promise.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.stories.run_rounds import DEPTH, LANES, Round, Victim, play, undisturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="plimsoll-runs-") as folder:
        expected, seconds = undisturbed(Path(folder) / "undisturbed")
        print(f"an undisturbed run of {LANES * DEPTH} steps takes {seconds:.2f} s")
        rounds = []
        for number in range(options.rounds):
            victim = draw.choice(list(Victim))
            delay_s = draw.uniform(0.2, 1.0) * seconds
            played = play(Path(folder) / str(number), victim, delay_s, expected=expected, draw=draw)
            rounds.append(played)
            for problem in played.problems:
                print(f"round {number}: {victim} killed after {delay_s:.2f} s: {problem}")
    report(rounds, seconds=time.monotonic() - begun)
    sys.exit(any(played.problems for played in rounds))


def report(rounds: list[Round], *, seconds: float) -> None:
    print("victim         rounds  hit  steps kept, mean  broken")
    for victim, count in sorted(Counter(played.victim for played in rounds).items()):
        own = [played for played in rounds if played.victim is victim]
        kept = sum(played.kept for played in own) / count
        broken = sum(bool(played.problems) for played in own)
        print(f"{victim:<13} {count:>7} {sum(played.hit for played in own):>4} {kept:>17.1f} {broken:>7}")
    broken = sum(bool(played.problems) for played in rounds)
    print(f"{len(rounds)} rounds in {seconds:.0f} s: {len(rounds) - broken} held every promise, {broken} did not")


if __name__ == "__main__":
    main()
