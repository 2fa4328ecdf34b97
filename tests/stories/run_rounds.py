"""A run of thirty steps in which one process is killed, and the run after it: what must hold of both.

Played in a few rounds by the suite, and in a hundred by `make bench-runs-chaos`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.stories.workspace import ProjectFolder

LANES, DEPTH = 3, 10
FILE = "project: thirty\ncode: steps.py\npipeline:\n  params: {seed: 7}\n"
BODY = '''
def s{number}({takes}):
    """Deterministic work on what came before, long enough to be killed in it."""
    import random, time
    time.sleep(0.02)
    draw = random.Random(f"{{seed}} {number} {{{before}}}")
    return [draw.random() for _ in range(1000)][-3:]
'''


class Victim(StrEnum):
    ENGINE = "engine"
    FORK_SERVER = "fork server"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What became of the killed run and of the one after it."""

    victim: Victim
    delay_s: float
    hit: bool
    """Whether the victim was there at that moment; else the run had ended, or had no such process yet."""
    kept: int
    """Steps that the killed run had finished."""
    problems: tuple[str, ...]


def make_world(root: Path) -> ProjectFolder:
    """The project of thirty steps: lanes that run side by side and look at each other now and then."""
    root.mkdir(parents=True)
    (root / "plimsoll.yaml").write_text(FILE)
    (root / "steps.py").write_text("".join(_step(number) for number in range(LANES * DEPTH)))
    return ProjectFolder(root)


def _step(number: int) -> str:
    lane, level = number % LANES, number // LANES
    needs = [f"s{number - LANES}"] if level else []
    if level and level % 3 == 0:
        needs.append(f"s{(level - 1) * LANES + (lane + 1) % LANES}")
    takes = ", ".join(["seed", *needs])
    return BODY.format(number=number, takes=takes, before=" + ".join(needs) or "0")


def undisturbed(folder: Path) -> tuple[dict[str, str], float]:
    """The digests of every output of a run that nobody disturbs, and the seconds that it takes."""
    world = make_world(folder)
    begun = time.monotonic()
    report = world.ask("run")
    return outputs_of(report["run"]), time.monotonic() - begun


def play(folder: Path, victim: Victim, delay_s: float, *, expected: dict[str, str], draw: random.Random) -> Round:
    """Kill the victim after a delay, run again, and compare with what an undisturbed run made."""
    world = make_world(folder)
    process = world.start("run", log=folder / "run.log")
    time.sleep(delay_s)
    family = _family(process.pid)
    target = _choose(victim, process.pid, family, draw)
    if target is not None:
        _kill(target)
    process.wait(60)
    problems = [f"process {pid} outlives its run" for pid in family if not _gone_soon(pid)]
    killed = world.ask("runs")
    finished = _done(killed[0]["run"]) if killed else {}
    resumed = world.ask("run")["run"]
    problems += _compare(finished, resumed, expected)
    return Round(victim=victim, delay_s=delay_s, hit=target is not None, kept=len(finished), problems=tuple(problems))


def outputs_of(run: dict[str, Any]) -> dict[str, str]:
    return {name: digest for step in run["steps"] for name, digest in step["outputs"].items()}


def _done(run: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["key"] for step in run["steps"] if step["state"] in ("done", "cached")}


def _compare(finished: dict[str, str], resumed: dict[str, Any], expected: dict[str, str]) -> list[str]:
    problems = []
    if resumed["state"] != "done":
        problems.append(f"the run after it is {resumed['state']}")
    if outputs_of(resumed) != expected:
        problems.append("the run after it made other outputs than an undisturbed one")
    states = {step["step"]: step["state"] for step in resumed["steps"]}
    again = [step for step in finished if states.get(step) != "cached"]
    return [*problems, *(f"{step} was finished and ran a second time" for step in again)]


def _choose(victim: Victim, engine: int, family: list[int], draw: random.Random) -> int | None:
    """The process to kill: the engine, the fork server (its child) or one of the steps (the server's children)."""
    if victim is Victim.ENGINE:
        return engine
    servers = _children(engine)
    if victim is Victim.FORK_SERVER:
        return servers[0] if servers else None
    steps = [child for server in servers for child in _children(server)]
    return draw.choice(steps) if steps else None


def _family(pid: int) -> list[int]:
    members = _children(pid)
    for member in members:
        members.extend(_children(member))
    return members


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _gone_soon(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
