"""Replays the electricity example whole and prints the four policies side by side: `make bench-electricity`.

ELEC2 names elec2.csv; without it the file is looked for among the data sets beside the repository. Works in a temporary
folder, or in the one that is named, which is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLE = REPOSITORY / "examples" / "electricity"
BESIDE = Path(os.environ.get("PLIMSOLL_TEST_DATA", REPOSITORY.parent / "shared" / "data")) / "elec2.csv"
REPLAY = ("--label-delay", "1d", "--label-every", "1d", "--feed", "market", "--html", "replay.html")


def main() -> None:
    parser = argparse.ArgumentParser(description="Replay the electricity example and compare four policies.")
    parser.add_argument("--into", type=Path, help="a new folder to work in and to keep")
    given = parser.parse_args()
    if given.into is not None:
        play(given.into)
        return
    with tempfile.TemporaryDirectory(prefix="plimsoll-electricity-") as folder:
        play(Path(folder) / "electricity")


def play(folder: Path, *prepared: str) -> None:
    """Copy the example, write its data, replay it, compare. prepared: options of prepare.py."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("data", ".plimsoll", "__pycache__"))
    run(folder, sys.executable, "prepare.py", *prepared)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", ".")
    run(folder, "git", "-c", "user.name=electricity", "-c", "user.email=e@example.com", "commit", "-qm", "Begin")
    run(folder, sys.executable, "-m", "plimsoll", "replay", "data/recorded.parquet", *REPLAY)
    run(folder, sys.executable, "policies.py", ".plimsoll/replays/recorded/report.json")


def run(folder: Path, *command: str) -> None:
    environment = {"ELEC2": str(BESIDE), **os.environ} if BESIDE.is_file() else {**os.environ}
    subprocess.run(command, cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
