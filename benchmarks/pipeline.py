"""What running a pipeline costs beside its steps' own work: `python benchmarks/pipeline.py`.

Whole processes, as a person starts them: five trivial steps for the first time and with nothing changed, beside
`dvc repro` of the same five (a Python process a stage, which is how DVC runs); what one more step costs; 200 steps,
four wide. DVC is the quickest of its kind on this work; it is installed into an environment of its own, from the
`uv` of this repository, unless --peer names its `dvc`. Runs of both take turns; medians, with the fastest beside.
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

DVC = "dvc==3.67.1"
FEW, MANY, WIDE = 5, 200, 4
BARS = {"first": 1.0, "unchanged": 0.5, "step": 0.010, "many": 5.0}
"""Seconds that must be reached."""
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", metavar="DVC", help="a dvc command that is installed already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plimsoll-pipeline-") as place:
        folder = Path(place)
        dvc = options.peer or install_dvc(folder / "peer")
        ours = [line_of_steps(folder / "ours", FEW), line_of_steps(folder / "longer", 4 * FEW)]
        theirs = stages(folder / "theirs", FEW, dvc)
        taken = measure(ours, theirs, dvc, rounds=options.rounds)
        many = statistics.median(timed(lambda: forget(grid(folder / "many")), plimsoll) for _ in range(3))
    report(taken, many)


def install_dvc(folder: Path) -> str:
    """DVC in an environment of its own, with its bytecode compiled as ours is."""
    uv = Path(sys.prefix) / "tools" / "bin" / "uv"
    print(f"installing {DVC}", file=sys.stderr)
    subprocess.run([uv, "venv", "-q", folder], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "--compile-bytecode", "--python", folder / "bin/python", DVC], check=True
    )
    return str(folder / "bin" / "dvc")


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


def stages(folder: Path, count: int, dvc: str) -> Path:
    """The same as stages of DVC: a script that reads a number and writes the next."""
    folder.mkdir()
    (folder / "step.py").write_text(
        "import sys\nbefore = int(open(sys.argv[1]).read()) if sys.argv[1] != '-' else -1\n"
        "open(sys.argv[2], 'w').write(str(before + 1))\n"
    )
    lines = ["stages:"]
    for n in range(count):
        source = f"s{n - 1}.txt" if n else "-"
        lines += [f"  s{n}:", f"    cmd: {sys.executable} step.py {source} s{n}.txt", "    deps:", "      - step.py"]
        lines += [f"      - {source}"] if n else []
        lines += ["    outs:", f"      - s{n}.txt"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    for command in (["git", "init", "-q"], [dvc, "init", "-q"], [dvc, "config", "core.analytics", "false"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=CLEAN)
    return folder


def measure(ours: list[Path], theirs: Path, dvc: str, *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each kind of run, by turns."""
    taken: dict[str, list[float]] = {}

    def note(kind: str, seconds: float) -> None:
        taken.setdefault(kind, []).append(seconds)

    def repro(folder: Path) -> None:
        run([dvc, "repro", "-q"], folder)

    for number in range(rounds + 1):
        first = timed(lambda: forget(ours[0]), plimsoll)
        unchanged = timed(lambda: ours[0], plimsoll)
        longer = timed(lambda: forget(ours[1]), plimsoll)
        peer_first = timed(lambda: forget_dvc(theirs), repro)
        peer_unchanged = timed(lambda: theirs, repro)
        if number:  # the first round warms the disk's cache
            note("first", first)
            note("unchanged", unchanged)
            note("step", (longer - first) / (3 * FEW))
            note("dvc first", peer_first)
            note("dvc unchanged", peer_unchanged)
    return taken


def timed(prepare: Callable[[], Path], work: Callable[[Path], None]) -> float:
    folder = prepare()
    begun = time.perf_counter()
    work(folder)
    return time.perf_counter() - begun


def plimsoll(folder: Path) -> None:
    run([str(Path(sys.executable).parent / "plimsoll"), "run"], folder)


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=CLEAN)


def forget(folder: Path) -> Path:
    """The project as nobody has run it yet."""
    shutil.rmtree(folder / ".plimsoll", ignore_errors=True)
    return folder


def forget_dvc(folder: Path) -> Path:
    for made in (*folder.glob("s*.txt"), folder / "dvc.lock"):
        made.unlink(missing_ok=True)
    for cache in (folder / ".dvc" / "cache", folder / ".dvc" / "tmp"):
        shutil.rmtree(cache, ignore_errors=True)
    return folder


def report(taken: dict[str, list[float]], many: float) -> None:
    def line(work: str, kind: str, peer: str = "") -> None:
        seconds = statistics.median(taken[kind])
        told = f"{seconds:.3f} s" if kind != "step" else f"{seconds * 1000:.1f} ms"
        bar = f"{BARS[kind]:.1f} s" if kind != "step" else f"{BARS[kind] * 1000:.0f} ms"
        beside = ""
        if peer:
            theirs = statistics.median(taken[peer])
            beside = f"{theirs:.3f} s, {theirs / seconds:.1f} times ours"
        held = "yes" if seconds <= BARS[kind] else "NO"
        print(f"{work:<42} {told:>9}  {min(taken[kind]):>7.3f}  {bar:>6}  {held:<4} {beside}")

    print(f"{'work':<42} {'median':>9}  {'fastest':>7}  {'bar':>6}  held dvc")
    line(f"{FEW} trivial steps, first run", "first", "dvc first")
    line(f"{FEW} trivial steps, nothing changed", "unchanged", "dvc unchanged")
    line("one more step", "step")
    held = "yes" if many <= BARS["many"] else "NO"
    print(f"{f'{MANY} steps, {WIDE} wide':<42} {many:>7.3f} s  {'':>7}  {BARS['many']:>4.1f} s  {held}")


if __name__ == "__main__":
    main()
