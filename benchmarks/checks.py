"""What checking a table of 30 columns costs, beside a query written by hand, Pandera on polars and Great Expectations.

Run `make bench-checks`. Everybody makes the same 57 checks on the same Parquet files: one that is clean, which is timed,
and one with planted faults, of which everybody must find the same numbers. Each contender is a process of its own; the
peers have environments of their own, made on the first run and kept below the temporary folder (`--peers` names another
place). Times are medians; `in process` is without the start of Python, its imports and the project file. Files lie in a
folder that is removed. `--quick` is a tenth of the rows, `--rows 0` leaves the large table out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

INTS, FLOATS, CHOICES, CODES = range(9), range(8), range(4), range(3)
COUNTRIES = ("GB", "FR", "DE", "NG", "NO")
CODE = "[A-Z]{2}[0-9]{4}"
FILLED = ("b0", "b1", "t0", "t1", "d0")
PEERS = {"pandera": "pandera[polars]", "gx": "great_expectations"}
ROUNDS, _ROUNDS_OF_SLOW = 7, 3
_LARGE_MB = 1000
HEADINGS = f"{'process s':>11}{'in process s':>14}{'CPU s':>8}{'peak MB':>9}"
FAULTS = {
    "id unique": 7, "n3 min": 50, "n4 max": 20, "f2 min": 30, "f7 max": 10, "c1 in": 40, "p0 nullable": 20,
    "p1 pattern": 60, "b0 nullable": 5, "t1 nullable": 4, "t0 <= t1": 8,
}  # fmt: skip
"""Check -> how many rows of the second file break it. A row that lacks t1 is not counted for the comparison."""

DECLARED = f"""\
project: bench
code: steps.py
data:
  rows:
    path: rows.parquet
    columns:
      id: {{type: int, unique: true, min: 0}}
{"".join(f"      n{k}: {{type: int, min: 0, max: {10 ** (k % 5 + 1)}}}{chr(10)}" for k in INTS)}\
{"".join(f"      f{k}: {{type: float, min: 0, max: {(k + 1) * 100}}}{chr(10)}" for k in FLOATS)}\
{"".join(f"      c{k}: {{type: string, in: [{', '.join(COUNTRIES)}]}}{chr(10)}" for k in CHOICES)}\
{"".join(f"      p{k}: {{type: string, nullable: false, pattern: '{CODE}'}}{chr(10)}" for k in CODES)}\
{"".join(f"      b{k}: {{type: bool, nullable: false}}{chr(10)}" for k in (0, 1))}\
{"".join(f"      t{k}: {{type: timestamp, nullable: false}}{chr(10)}" for k in (0, 1))}\
      d0: {{type: date, nullable: false}}
    checks: [t0 <= t1 OR t1 IS NULL]
"""

PLIMSOLL = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.checking import Kept, check
from plimsoll.data.entities import FileEntry
from plimsoll.project.load import load_project
import duckdb
project, artifacts, digest = sys.argv[1:]
dataset = load_project(Path(project)).data["rows"]
loaded = time.perf_counter()
kept = Kept(name="rows", dataset=dataset, place="rows.parquet", format="parquet",
            files=(FileEntry(path="rows.parquet", digest=digest, size=1),))
version, broken = check(kept, {"rows": kept}, artifacts=FolderStore(Path(artifacts)), now=datetime.now(UTC))
took = time.perf_counter() - loaded
found = {f"{one.column} {one.rule.partition(':')[0]}" if one.column else "t0 <= t1": one.count for one in broken}
print(json.dumps([took, found]))
"""

BY_HAND = f"""
import json, sys, time
import duckdb
loaded = time.perf_counter()
code = {CODE!r}
figures = {{"id unique": "count(id) - count(DISTINCT id)", "id min": "count_if(id < 0)"}}
for k in range({len(INTS)}):
    figures |= {{f"n{{k}} min": f"count_if(n{{k}} < 0)", f"n{{k}} max": f"count_if(n{{k}} > {{10 ** (k % 5 + 1)}})"}}
for k in range({len(FLOATS)}):
    figures |= {{f"f{{k}} min": f"count_if(f{{k}} < 0)", f"f{{k}} max": f"count_if(f{{k}} > {{(k + 1) * 100}})"}}
for k in range({len(CHOICES)}):
    figures[f"c{{k}} in"] = f"count_if(c{{k}} NOT IN {COUNTRIES})"
for k in range({len(CODES)}):
    figures[f"p{{k}} nullable"] = f"count_if(p{{k}} IS NULL)"
    figures[f"p{{k}} pattern"] = f"count_if(NOT regexp_full_match(p{{k}}, '{{code}}'))"
for name in {FILLED}:
    figures[f"{{name}} nullable"] = f"count_if({{name}} IS NULL)"
figures["t0 <= t1"] = "count_if(NOT (t0 <= t1))"
query = f"SELECT {{', '.join(figures.values())}} FROM read_parquet('{{sys.argv[1]}}')"
answer = duckdb.connect().execute(query).fetchall()[0]
took = time.perf_counter() - loaded
print(json.dumps([took, {{name: count for name, count in zip(figures, answer) if count}}]))
"""

PANDERA = f"""
import json, sys, time
import polars as pl, pandera.polars as pa
loaded = time.perf_counter()
C = pa.Check
columns = {{"id": pa.Column(pl.Int64, C.ge(0), unique=True)}}
columns |= {{f"n{{k}}": pa.Column(pl.Int64, [C.ge(0), C.le(10 ** (k % 5 + 1))], nullable=True) for k in range({len(INTS)})}}
columns |= {{f"f{{k}}": pa.Column(pl.Float64, [C.ge(0), C.le((k + 1) * 100)], nullable=True) for k in range({len(FLOATS)})}}
columns |= {{f"c{{k}}": pa.Column(pl.String, C.isin({list(COUNTRIES)}), nullable=True) for k in range({len(CHOICES)})}}
columns |= {{f"p{{k}}": pa.Column(pl.String, C.str_matches("^{CODE}$")) for k in range({len(CODES)})}}
columns |= {{"b0": pa.Column(pl.Boolean), "b1": pa.Column(pl.Boolean), "d0": pa.Column(pl.Date)}}
columns |= {{"t0": pa.Column(pl.Datetime("us")), "t1": pa.Column(pl.Datetime("us"))}}
later = C(lambda data: data.lazyframe.select(pl.col("t0") <= pl.col("t1")), name="t0 <= t1")
schema = pa.DataFrameSchema(columns, checks=later)
words = {{"greater_than_or_equal_to": "min", "less_than_or_equal_to": "max", "isin": "in", "str_matches": "pattern",
         "not_nullable": "nullable", "field_uniqueness": "unique"}}
found = {{}}
try:
    schema.validate(pl.read_parquet(sys.argv[1]), lazy=True)
except pa.errors.SchemaErrors as errors:
    cases = errors.failure_cases.group_by("column", "check").len().rows()
    for column, check, count in cases:
        word = words.get(check.partition("(")[0])
        if word:
            found[f"{{column}} {{word}}"] = count // 2 if word == "unique" else count  # both rows of a pair
        else:
            found["t0 <= t1"] = count
took = time.perf_counter() - loaded
print(json.dumps([took, found]))
"""

GX = f"""
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
import great_expectations as gx, pandas as pd
loaded = time.perf_counter()
E = gx.expectations
rules = {{"id unique": E.ExpectColumnValuesToBeUnique(column="id"),
         "id min": E.ExpectColumnValuesToBeBetween(column="id", min_value=0)}}
def limits(name, high):
    rules[f"{{name}} min"] = E.ExpectColumnValuesToBeBetween(column=name, min_value=0)
    rules[f"{{name}} max"] = E.ExpectColumnValuesToBeBetween(column=name, max_value=high)
for k in range({len(INTS)}):
    limits(f"n{{k}}", 10 ** (k % 5 + 1))
for k in range({len(FLOATS)}):
    limits(f"f{{k}}", (k + 1) * 100)
for k in range({len(CHOICES)}):
    rules[f"c{{k}} in"] = E.ExpectColumnValuesToBeInSet(column=f"c{{k}}", value_set={list(COUNTRIES)})
for k in range({len(CODES)}):
    rules[f"p{{k}} nullable"] = E.ExpectColumnValuesToNotBeNull(column=f"p{{k}}")
    rules[f"p{{k}} pattern"] = E.ExpectColumnValuesToMatchRegex(column=f"p{{k}}", regex="^{CODE}$")
for name in {FILLED}:
    rules[f"{{name}} nullable"] = E.ExpectColumnValuesToNotBeNull(column=name)
rules["t0 <= t1"] = E.ExpectColumnPairValuesAToBeGreaterThanB(
    column_A="t1", column_B="t0", or_equal=True, ignore_row_if="either_value_is_missing")
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {{"globally": False, "metric_calculations": False}}
asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
batch = asset.add_batch_definition_whole_dataframe("all").get_batch({{"dataframe": pd.read_parquet(sys.argv[1])}})
suite = gx.ExpectationSuite(name="all", expectations=list(rules.values()))
answer = batch.validate(suite)
counts = {{}}
for one in answer.results:
    kwargs = one.expectation_config.kwargs
    kind = one.expectation_config.type
    word = ("unique" if kind.endswith("unique") else "nullable" if kind.endswith("null") else "in" if kind.endswith("set")
            else "pattern" if kind.endswith("regex") else "min" if kwargs.get("min_value") is not None else "max")
    name = f"{{kwargs['column']}} {{word}}" if "column" in kwargs else "t0 <= t1"
    count = one.result["unexpected_count"]
    counts[name] = count // 2 if word == "unique" else count  # both rows of a pair
took = time.perf_counter() - loaded
assert len(counts) == len(rules), (len(counts), len(rules))
print(json.dumps([took, {{name: count for name, count in counts.items() if count}}]))
"""

WATCHED = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
took = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps([took, cpu, peak, done.returncode, done.stdout, done.stderr[-2000:]]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What a contender took."""

    process_s: float
    inside_s: float
    cpu_s: float
    """Of all its threads; it hardly depends on what else the machine does."""
    peak_mb: float
    found: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the rows, three rounds; no bar is held against so few"
    )
    parser.add_argument("--only-large", action="store_true", help="leave the comparison with the peers out")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the large table; 0 leaves it out")
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "plimsoll-bench-checks")
    asked = parser.parse_args()
    scale, rounds = (10, 3) if asked.quick else (1, ROUNDS)
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        if not asked.only_large:
            pythons = {name: environment(asked.peers, name, package) for name, package in PEERS.items()}
            missed += compare(Path(folder), 1_000_000 // scale, rounds, pythons)
        if asked.rows:
            missed += large(Path(folder), asked.rows // scale)
    print(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} cores")
    if missed and not asked.quick:
        raise SystemExit("missed: " + "; ".join(missed))


def compare(folder: Path, rows: int, rounds: int, pythons: dict[str, str]) -> list[str]:
    """Everybody on the clean table, in turn, then on the one with faults; returns the bars that were missed."""
    clean, faulty = (make(folder / f"{name}.parquet", rows, faults=name == "faulty") for name in ("clean", "faulty"))
    names = ("DuckDB, by hand", "Plimsoll", "Pandera on polars", "Great Expectations")

    def words(name: str, file: Path) -> list[str]:
        if name == "Plimsoll":
            return command(folder, file)
        script = {names[0]: BY_HAND, names[2]: PANDERA, names[3]: GX}[name]
        python = {names[0]: sys.executable, names[2]: pythons["pandera"], names[3]: pythons["gx"]}[name]
        return [python, "-c", script, str(file)]

    runs: dict[str, list[Once]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number < _ROUNDS_OF_SLOW else names[:-1]:
            runs[name].append(once(words(name, clean)))
    print(f"{f'30 columns, 57 checks, {rows:,} rows':<40}{HEADINGS}{'noise':>8}")
    for name, measured in runs.items():
        if any(one.found for one in measured):
            raise SystemExit(f"{name} finds faults in the clean table: {measured[0].found}")
        print(f"{name:<40}{line(middle(measured))}{noise(measured):>8.0%}")
    for name in names:
        seen = once(words(name, faulty))
        if seen.found != FAULTS:
            raise SystemExit(f"{name} finds other faults than were planted: {seen.found}, not {FAULTS}")
        print(f"{name + ', faults found':<40}{line(seen)}")
    return judge(*(middle(measured) for measured in runs.values()))


def judge(hand: Once, ours: Once, pandera: Once, gx: Once) -> list[str]:
    """Print every ratio beside its bar; returns those that were missed."""
    bars = (
        ("of the query by hand, in process", ours.inside_s / hand.inside_s, 1.2),
        ("of Pandera on polars, process", ours.process_s / pandera.process_s, 1.0),
        ("of Pandera on polars, memory", ours.peak_mb / pandera.peak_mb, 1 / 3),
        ("of Great Expectations, process", ours.process_s / gx.process_s, 1 / 5),
    )
    print(f"{'Plimsoll as a share':<40}{'seen':>11}{'bar':>8}")
    for name, seen, bar in bars:
        print(f"{name:<40}{seen:>11.2f}{bar:>8.2f}{'' if seen <= bar else '  MISSED'}")
    cpu = [
        f"{ours.cpu_s / other.cpu_s:.2f} of {name}"
        for name, other in (("Pandera's", pandera), ("Great Expectations'", gx))
    ]
    print(f"{'CPU time, whatever the machine does':<40}   {', '.join(cpu)}")
    return [f"{name} {seen:.2f} > {bar:.2f}" for name, seen, bar in bars if seen > bar]


def large(folder: Path, rows: int) -> list[str]:
    """The large table: the check must stay below 1 GB; beside it the query by hand."""
    file = make(folder / "large.parquet", rows)
    print(f"{f'30 columns, 57 checks, {rows:,} rows':<40}{HEADINGS}")
    hand = once([sys.executable, "-c", BY_HAND, str(file)])
    print(f"{'DuckDB, by hand':<40}{line(hand)}", flush=True)
    ours = once(command(folder, file))
    print(f"{'Plimsoll':<40}{line(ours)}", flush=True)
    if hand.found or ours.found:
        raise SystemExit(f"faults in the large table: {hand.found}, {ours.found}")
    kept = ours.peak_mb < _LARGE_MB
    print(f"{'Plimsoll, peak MB':<40}{ours.peak_mb:>11.0f}{_LARGE_MB:>8}{'' if kept else '  MISSED'}")
    return [] if kept else [f"{ours.peak_mb:.0f} MB > {_LARGE_MB}"]


def command(folder: Path, file: Path) -> list[str]:
    """The check as a run makes it, of a file that lies in the artifacts."""
    (folder / "plimsoll.yaml").write_text(DECLARED)
    digest = digests.get(file) or digests.setdefault(file, keep(folder, file))
    return [sys.executable, "-c", PLIMSOLL, str(folder / "plimsoll.yaml"), str(folder / "artifacts"), digest]


digests: dict[Path, str] = {}


def keep(folder: Path, file: Path) -> str:
    from plimsoll.artifacts.folder import FolderStore

    return FolderStore(folder / "artifacts").put_file(file)


def once(words: list[str]) -> Once:
    """Run a contender; it is watched by a process whose only child it is."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seen = subprocess.run(
        [sys.executable, "-c", WATCHED, *words], env=clean, capture_output=True, text=True, check=True
    )
    took, cpu, peak, code, said, wrong = json.loads(seen.stdout)
    if code:
        raise SystemExit(f"{words[0]} ended with {code}:\n{wrong}")
    inside, found = json.loads(said.splitlines()[-1])
    return Once(process_s=took, inside_s=inside, cpu_s=cpu, peak_mb=peak, found=found)


def middle(runs: list[Once]) -> Once:
    """The median of each figure."""
    figures = ("process_s", "inside_s", "cpu_s", "peak_mb")
    return Once(**{name: statistics.median(getattr(one, name) for one in runs) for name in figures}, found={})


def noise(runs: list[Once]) -> float:
    """Half the range of the processes' times, as a share of the median."""
    times = [one.process_s for one in runs]
    return (max(times) - min(times)) / 2 / statistics.median(times)


def line(one: Once) -> str:
    return f"{one.process_s:>11.2f}{one.inside_s:>14.2f}{one.cpu_s:>8.2f}{one.peak_mb:>9.0f}"


def make(path: Path, rows: int, *, faults: bool = False) -> Path:
    """Whole numbers, fractions, choices, codes, truth values, moments and a date, 2 % of the numbers missing."""
    sparse = "CASE WHEN random() < 0.02 THEN NULL ELSE {} END"
    columns = {"id": "i"}
    columns |= {f"n{k}": sparse.format(f"CAST(floor(random() * {10 ** (k % 5 + 1)}) AS BIGINT)") for k in INTS}
    columns |= {f"f{k}": sparse.format(f"round(random() * {(k + 1) * 100}, 2)") for k in FLOATS}
    columns |= {f"c{k}": sparse.format(f"{list(COUNTRIES)}[1 + CAST(floor(random() * 5) AS INT)]") for k in CHOICES}
    letter, digits = (
        "chr(65 + CAST(floor(random() * 26) AS INT))",
        "CAST(CAST(floor(random() * 10000) AS INT) AS VARCHAR)",
    )
    columns |= {f"p{k}": f"{letter} || {letter} || lpad({digits}, 4, '0')" for k in CODES}
    columns |= {f"b{k}": "random() < 0.3" for k in (0, 1)}
    columns["t0"] = "TIMESTAMP '2026-01-01' + to_seconds(CAST(floor(random() * 20000000) AS BIGINT))"
    columns["t1"] = "TIMESTAMP '2026-09-01' + to_seconds(CAST(floor(random() * 1000000) AS BIGINT))"
    columns["d0"] = "DATE '2026-01-01' + CAST(floor(random() * 200) AS INT)"
    if faults:
        bad = {"id": "i - 1", "n3": "-1", "n4": "100001", "f2": "-0.01", "f7": "800.5", "c1": "'XX'", "p0": "NULL"}
        bad |= {"p1": "'a' || 'B0001'", "b0": "NULL", "t1": "NULL"}
        for check, count in FAULTS.items():
            name = check.split()[0]
            if name in bad:
                first, step = list(FAULTS).index(check) + 1, rows // count
                columns[name] = (
                    f"CASE WHEN i % {step} = {first} AND i < {count * step} THEN {bad[name]} ELSE {columns[name]} END"
                )
        step = rows // FAULTS["t0 <= t1"]
        columns["t0"] = f"CASE WHEN i % {step} = 20 THEN TIMESTAMP '2030-01-01' ELSE {columns['t0']} END"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    with duckdb.connect(config={"memory_limit": "2GiB"}) as connection:
        connection.execute("SELECT setseed(0.7)")
        connection.execute(f"COPY (SELECT {listed} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)")
    return path


def environment(folder: Path, name: str, package: str) -> str:
    """The interpreter of a peer's own environment, made when it is not there."""
    place = folder / name
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        print(f"installing {package}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", package, "pyarrow"]
        subprocess.run(pip, check=True)
        (place / "ready").touch()
    versions = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = {one["name"].lower().replace("-", "_"): one["version"] for one in json.loads(versions.stdout)}
    told = [f"{one} {shown[one]}" for one in ("pandera", "polars", "great_expectations", "pandas") if one in shown]
    print(f"{name}: {', '.join(told)}", flush=True)
    return str(python)


if __name__ == "__main__":
    main()
