"""Kills servers, doors, workers and the shim at random in rollouts under load: `python -m benchmarks.chaos`.

Each round rolls the other of two releases out by canary, kills one thing with SIGKILL at a moment drawn from the whole
rollout, and compares with a rollout in which nothing was killed: it ends the same way, nothing failed but what was
inside a killed door, the counts are those of the capture, nothing was done twice, and the audit chain is whole. Half
of the rounds are played with a model in a worker, half with one that is compiled into the door; every other one with
callers who stick. Exits with 1 when any round breaks a promise.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stories.rollout_checks import Checked, check
from tests.stories.rollout_rounds import PHASES, TOO_LATE, Kill, Round, Victim
from tests.stories.rollout_world import World
from tests.stories.rollout_worlds import loans, orders, served, set_rules

WITH_WORKERS = tuple(Victim)
COMPILED = tuple(victim for victim in Victim if not victim.is_worker)
LATEST = 0.85
"""Of a phase's length: later, it may be over."""
HEAD = "round  model     callers  victim                 killed in   ended        seconds  failed  uncounted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One round of the table."""

    played: Round
    checked: Checked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    begun, lines, broken = time.monotonic(), [], []
    print(HEAD)
    halves = (options.rounds // 2, options.rounds - options.rounds // 2)
    for make, victims, rounds in zip((orders, loans), (WITH_WORKERS, COMPILED), halves, strict=True):
        with tempfile.TemporaryDirectory(prefix="plimsoll-chaos-") as folder:
            done, problems = play(make(Path(folder)), rounds, draw, victims=victims, first=len(lines) + 1)
            lines += done
            broken += problems
    report(lines, broken, seconds=time.monotonic() - begun)
    sys.exit(bool(broken))


def play(
    world: World, rounds: int, draw: random.Random, *, victims: Sequence[Victim], first: int
) -> tuple[list[Line], list[str]]:
    """Play rounds in one world; their lines, and what was broken."""
    lines: list[Line] = []
    broken: list[str] = []
    with served(world) as files:
        usual = world.learn(files)
        for number, kill in enumerate(kills(victims, rounds, draw), first):
            sticky = number % 2 == 0
            set_rules(world, sticky=sticky)
            try:
                played = world.play(files, kill)
            except AssertionError as error:
                broken.append(f"round {number}: {kill}: {error}")
                break
            line = Line(played=played, checked=check(world, played, usual))
            lines.append(line)
            broken += [f"round {number}: {problem}" for problem in line.checked.problems]
            show(number, line, model=world.releases[0].partition("@")[0], sticky=sticky)
        verified = world.project.plimsoll("audit", "verify", expect=None)
        if verified.code:
            broken.append(f"the audit chain is broken: {verified.out}")
    return lines, broken


def kills(victims: Sequence[Victim], rounds: int, draw: random.Random) -> list[Kill]:
    """Every victim as often as every other, in phases as different as can be; the moment in a phase is drawn."""
    pairs: list[tuple[Victim, str]] = []
    while len(pairs) < rounds:
        phases = draw.sample(PHASES, len(PHASES))
        turn = [(victim, phases[number % len(phases)]) for number, victim in enumerate(victims)]
        pairs += draw.sample(turn, len(turn))
    return [Kill(victim=victim, phase=phase, part=LATEST * draw.random()) for victim, phase in pairs[:rounds]]


def show(number: int, line: Line, *, model: str, sticky: bool) -> None:
    played, callers = line.played, "sticky" if sticky else "any"
    (kill,), (moment,) = played.kills, played.moments
    print(
        f"{number:>5}  {model:<8}  {callers:<7}  {kill.victim:<21}  {moment:<10}  {played.course[-1]:<11}"
        f"  {played.seconds:>7.1f}  {played.failed:>6}  {line.checked.uncounted:>9}"
    )
    for problem in line.checked.problems:
        print(f"       BROKEN: {problem}")
    sys.stdout.flush()


def report(lines: Sequence[Line], broken: Sequence[str], *, seconds: float) -> None:
    """The totals, by victim."""
    print(f"\n{'victim':<21}  rounds  slowest  failed, most  uncounted, most")
    for victim in Victim:
        of = [line for line in lines if victim in line.played.victims]
        if of:
            print(
                f"{victim:<21}  {len(of):>6}  {_most(of, lambda line: line.played.seconds):>7.1f}"
                f"  {_most(of, lambda line: line.played.failed):>12g}"
                f"  {_most(of, lambda line: line.checked.uncounted):>15g}"
            )
    answered = sum(len(line.played.answered) for line in lines)
    failed = sum(line.played.failed for line in lines)
    killed = sum(moment != TOO_LATE for line in lines for moment in line.played.moments)
    print(
        f"\n{len(lines)} rounds with {killed} kills in {seconds:.0f} s: {answered:,} requests answered, {failed} failed, "
        f"{len(broken)} broken"
    )
    for problem in broken:
        print(f"  {problem}")


def _most(lines: Sequence[Line], figure: Callable[[Line], float]) -> float:
    return max(figure(line) for line in lines)


if __name__ == "__main__":
    main()
