"""What running a pipeline costs beside its steps' own work: `python benchmarks/pipeline.py`.

Whole processes, as a person starts them: five trivial steps for the first time and with nothing changed, beside the
same five in other tools (`pipeline_peers.py`); what one more step costs; 200 steps, four wide. The peers' environments
are made once, with the `uv` of this repository, and kept in --peers-folder. All take turns; medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline_peers import PEERS, Installed, install

FEW, MANY, WIDE = 5, 200, 4
BARS = {"first": 1.0, "unchanged": 0.5, "step": 0.010, "many": 5.0}
"""Seconds that must be reached."""
OURS, TWICE = "plimsoll", 2.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "plimsoll-bench"
Taken = dict[tuple[str, str], list[float]]
"""Seconds by tool and kind of run."""
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", metavar="NAMES", default=",".join(peer.name for peer in PEERS), help="with commas")
    parser.add_argument("--peers-folder", metavar="FOLDER", type=Path, default=CACHE, help="their environments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plimsoll-pipeline-") as place:
        folder = Path(place)
        peers = install_all(options.peers, options.peers_folder, folder / "peers")
        ours = [line_of_steps(folder / "ours", FEW), line_of_steps(folder / "longer", 4 * FEW)]
        taken = measure(ours, peers, rounds=options.rounds)
        many = statistics.median(timed(lambda: forget(grid(folder / "many")), plimsoll) for _ in range(3))
    report(taken, many, peers)


def install_all(names: str, environments: Path, folder: Path) -> list[Installed]:
    """The peers that can be installed and run here; of every other one the reason is printed."""
    known = {peer.name: peer for peer in PEERS}
    chosen = [name for name in names.split(",") if name]
    if strange := set(chosen) - set(known):
        sys.exit(f"no peer {', '.join(sorted(strange))}; there are {', '.join(known)}")
    found = []
    for name in chosen:
        try:
            found.append(install(known[name], environments, folder))
        except (RuntimeError, OSError) as problem:
            print(f"without {name}: {problem}", file=sys.stderr)
    return found


def line_of_steps(folder: Path, count: int) -> Path:
    """A project of trivial steps, each after the one before."""
    code = ["def s0():\n    return 0\n"] + [f"def s{n}(s{n - 1}):\n    return s{n - 1} + 1\n" for n in range(1, count)]
    return project(folder, code)


def grid(folder: Path) -> Path:
    """A project of two hundred trivial steps in four lines side by side."""
    code = [
        f"def s{n}({f's{n - WIDE}' if n >= WIDE else ''}):\n    return {f's{n - WIDE} + 1' if n >= WIDE else n}\n"
        for n in range(MANY)
    ]
    return project(folder, code)


def project(folder: Path, code: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "plimsoll.yaml").write_text("project: bench\ncode: steps.py\n")
    (folder / "steps.py").write_text("\n".join(code))
    return folder


def measure(ours: list[Path], peers: list[Installed], *, rounds: int) -> Taken:
    """Seconds of each kind of run, by turns: ours in every round, a slow peer in its first rounds only."""
    taken: Taken = {}
    for number in range(rounds + 1):
        first = timed(lambda: forget(ours[0]), plimsoll)
        unchanged = timed(lambda: ours[0], plimsoll)
        longer = timed(lambda: forget(ours[1]), plimsoll)
        if not number:
            continue  # the first round warms the disk's cache; each peer had its own while it was prepared
        for kind, seconds in (("first", first), ("unchanged", unchanged), ("step", (longer - first) / (3 * FEW))):
            taken.setdefault((OURS, kind), []).append(seconds)
        for peer in peers:
            if number <= peer.peer.rounds:
                peer.forget()
                taken.setdefault((peer.peer.name, "first"), []).append(clocked(peer.first))
                if peer.peer.cached:
                    taken.setdefault((peer.peer.name, "unchanged"), []).append(clocked(peer.unchanged))
    return taken


def timed(prepare: Callable[[], Path], work: Callable[[Path], None]) -> float:
    folder = prepare()
    return clocked(lambda: work(folder))


def clocked(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def plimsoll(folder: Path) -> None:
    run([str(Path(sys.executable).parent / "plimsoll"), "run"], folder)


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=CLEAN)


def forget(folder: Path) -> Path:
    """The project as nobody has run it yet."""
    shutil.rmtree(folder / ".plimsoll", ignore_errors=True)
    return folder


def report(taken: Taken, many: float, peers: list[Installed]) -> None:
    def line(work: str, kind: str) -> None:
        seconds = statistics.median(taken[OURS, kind])
        told = f"{seconds:.3f} s" if kind != "step" else f"{seconds * 1000:.1f} ms"
        bar = f"{BARS[kind]:.1f} s" if kind != "step" else f"{BARS[kind] * 1000:.0f} ms"
        held = "yes" if seconds <= BARS[kind] else "NO"
        print(f"{work:<42} {told:>9}  {min(taken[OURS, kind]):>7.3f}  {bar:>6}  {held}")

    print(f"{'work':<42} {'median':>9}  {'fastest':>7}  {'bar':>6}  held")
    line(f"{FEW} trivial steps, first run", "first")
    line(f"{FEW} trivial steps, nothing changed", "unchanged")
    line("one more step", "step")
    held = "yes" if many <= BARS["many"] else "NO"
    print(f"{f'{MANY} steps, {WIDE} wide':<42} {many:>7.3f} s  {'':>7}  {BARS['many']:>4.1f} s  {held}")
    if peers:
        beside(taken, peers)


def beside(taken: Taken, peers: list[Installed]) -> None:
    """Every peer's seconds, and how many times ours they are."""
    print(f"\n{f'{FEW} trivial steps':<20} {'first run':>10} {'ratio':>6} {'unchanged':>10} {'ratio':>6} runs")
    for name, runs in [(OURS, len(taken[OURS, "first"]))] + [
        (p.peer.name, len(taken[p.peer.name, "first"])) for p in peers
    ]:
        cells = [cell(taken, name, kind) for kind in ("first", "unchanged")]
        print(f"{name:<20} {' '.join(cells)} {runs:>4}")
    first = statistics.median(taken[OURS, "first"])
    quicker = [p.peer.name for p in peers if statistics.median(taken[p.peer.name, "first"]) <= first]
    print(f"first run faster than every peer: {'yes' if not quicker else 'NO, not than ' + ', '.join(quicker)}")
    if ("dvc", "unchanged") in taken:
        ratio = statistics.median(taken["dvc", "unchanged"]) / statistics.median(taken[OURS, "unchanged"])
        print(f"nothing changed, {TWICE:.0f} times faster than dvc: {'yes' if ratio >= TWICE else 'NO'}")
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


def cell(taken: Taken, name: str, kind: str) -> str:
    if (name, kind) not in taken:
        return f"{'-':>10} {'-':>6}"
    seconds = statistics.median(taken[name, kind])
    return f"{seconds:>8.3f} s {seconds / statistics.median(taken[OURS, kind]):>6.1f}"


if __name__ == "__main__":
    main()
