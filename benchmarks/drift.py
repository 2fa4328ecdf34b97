"""What `plimsoll drift` costs: two tables of 30 columns, the whole command as a process, seconds and peak memory.

Run `make bench-drift`. Beside it, in the same run and of the same files, a query written by hand that only counts on
fixed edges (no deciles, no judgement): the floor that peers are measured against. Files are made in a folder that is
removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

NUMBERS, CATEGORIES = 20, (2, 3, 4, 5, 8, 12, 20, 60, 1000, 100_000)
BY_HAND = """
import duckdb, sys
connection = duckdb.connect(config={"threads": 2})
for path in sys.argv[1:]:
    edges = [i / 2 - 2 for i in range(9)]
    numbers = ", ".join(f"histogram(n{i}, {edges})" for i in range(20))
    connection.execute(f"SELECT {numbers} FROM read_parquet('{path}')").fetchall()
    for k in (2, 3, 4, 5, 8, 12, 20, 60, 1000, 100000):
        connection.execute(f"SELECT c{k}, count(*) n FROM read_parquet('{path}') GROUP BY 1 ORDER BY n DESC LIMIT 51").fetchall()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--csv", action="store_true", help="measure CSV files as well")
    asked = parser.parse_args()
    print(f"{'2 tables of 30 columns':<44}{'seconds':>10}{'peak MB':>10}")
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        for rows in asked.rows:
            one, other = (make(Path(folder) / f"{side}-{rows}.parquet", rows, side) for side in (1, 2))
            measured(f"{rows:,} rows, counted by hand", [sys.executable, "-c", BY_HAND, one, other], asked.repeats, 0)
            measured(f"{rows:,} rows, plimsoll drift", command(one, other), asked.repeats, 0)
            measured(f"{rows:,} rows, with a time column", command(one, other, "--time", "at"), asked.repeats, 0)
            if asked.csv:
                texts = [as_csv(path) for path in (one, other)]
                measured(f"{rows:,} rows, from CSV", command(*texts), asked.repeats, 0)
        large = max(asked.rows)
        shifted = make(Path(folder) / "shifted.parquet", large, 3, moved=0.5)
        measured(f"{large:,} rows, drifted, with a report", command(one, shifted, "--html", f"{folder}/r.html"), 1, 1)


def command(one: str, other: str, *options: str) -> list[str]:
    return [str(Path(sys.executable).parent / "plimsoll"), "drift", one, other, *options]


def measured(name: str, words: list[str], repeats: int, code: int) -> None:
    """The best of some runs, and the largest peak of memory."""
    runs = [once(words, code) for _ in range(repeats)]
    print(f"{name:<44}{min(s for s, _ in runs):>10.2f}{max(mb for _, mb in runs):>10.0f}", flush=True)


def once(words: list[str], code: int) -> tuple[float, float]:
    """Seconds and peak megabytes of a process; measured by a process of its own, whose only child it is."""
    watched = (
        "import json, resource, subprocess, sys, time\n"
        "begun = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(json.dumps([time.perf_counter() - begun, peak / 1024, done.returncode]))\n"
    )
    found = subprocess.run([sys.executable, "-c", watched, *words], capture_output=True, text=True, check=True)
    seconds, megabytes, ended = json.loads(found.stdout)
    if ended != code:
        raise SystemExit(f"{' '.join(words)} ended with {ended}, not {code}")
    return seconds, megabytes


def make(path: Path, rows: int, seed: int, *, moved: float = 0.0) -> str:
    """Twenty columns of numbers, ten of categories, a moment; four weeks."""
    connection = duckdb.connect()
    connection.execute(f"SELECT setseed({seed / 10})")
    normal = "sqrt(-2 * ln(random() + 1e-12)) * cos(6.2831853 * random())"
    numbers = ", ".join(f"({normal}) * {i + 1} + {moved * i} AS n{i}" for i in range(NUMBERS))
    texts = ", ".join(f"'v' || CAST(floor(random() * random() * {k}) AS BIGINT) AS c{k}" for k in CATEGORIES)
    step = 28 * 86_400_000_000 // rows
    moment = f"TIMESTAMP '2026-01-05' + to_microseconds(i * {step}) AS \"at\""
    connection.execute(
        f"COPY (SELECT {numbers}, {texts}, {moment} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)"
    )
    return str(path)


def as_csv(path: str) -> str:
    target = str(Path(path).with_suffix(".csv"))
    duckdb.sql(f"COPY (FROM '{path}') TO '{target}' (HEADER)")
    return target


if __name__ == "__main__":
    main()
