"""`plimsoll data infer` proposes rules that the rows keep, in YAML that the project file takes as it is."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from plimsoll.data.errors import NoRows
from plimsoll.data.infer import Seen, infer, propose

COUNTRIES = ("GB", "NO", "a: b")


def write(folder: Path, rows: int = 300) -> Path:
    draw = random.Random(7)
    lines = ["id,amount,share,country,note,at,ok,delta"]
    lines += [
        f"{number},{draw.uniform(0, 900):.2f},{draw.random():.3f},{draw.choice(COUNTRIES)},"
        f"{'' if number % 3 else f'n{number}'},2026-01-{1 + number % 28:02d} 10:00:00,"
        f"{'true' if number % 2 else 'false'},{draw.gauss(0, 1):.3f}"
        for number in range(rows)
    ]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return folder


def rules_of(folder: Path, path: str) -> dict[str, dict[str, object]]:
    return {column.column: column.rules for column in infer(path, root=folder).columns}


EXPECTED = {
    "id": {"type": "int", "nullable": False, "unique": True, "min": 0},
    "amount": {"type": "float", "nullable": False, "min": 0},
    "share": {"type": "float", "nullable": False, "min": 0, "max": 1},
    "country": {"type": "string", "nullable": False, "in": ["GB", "NO", "a: b"]},
    "note": {"type": "string"},
    "at": {"type": "timestamp", "nullable": False},
    "ok": {"type": "bool", "nullable": False},
    "delta": {"type": "float", "nullable": False},
}


def test_rules_are_proposed_from_csv_and_parquet_alike(tmp_path):
    write(tmp_path)
    assert rules_of(tmp_path, "rows.csv") == EXPECTED
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM '{tmp_path}/rows.csv') TO '{tmp_path}/rows.parquet'")
    assert rules_of(tmp_path, "rows.parquet") == EXPECTED


def test_few_rows_make_no_key_and_no_choice(tmp_path):
    write(tmp_path, rows=15)
    rules = rules_of(tmp_path, "rows.csv")
    assert "unique" not in rules["id"]
    assert "in" not in rules["country"]


def test_nothing_is_said_of_a_column_without_a_value():
    seen = Seen(column="x", type="DOUBLE", rows=5, filled=0, distinct=0, low=None, high=None)
    assert propose(seen).rules == {"type": "float"}


def plimsoll(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plimsoll", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_what_is_printed_can_be_pasted_and_holds(tmp_path):
    write(tmp_path)
    printed = plimsoll(tmp_path, "data", "infer", "rows.csv")
    assert printed.returncode == 0, printed.stderr
    assert yaml.safe_load(printed.stdout) == {"columns": EXPECTED}
    assert "# 300 different, 0 to 299" in printed.stdout
    pasted = "".join(f"    {line}\n" for line in printed.stdout.splitlines())
    (tmp_path / "plimsoll.yaml").write_text(
        f"project: tiny\ncode: steps.py\ndata:\n  sales:\n    path: rows.csv\n{pasted}"
    )
    (tmp_path / "steps.py").write_text("def count(sales):\n    return len(sales)\n")
    ran = plimsoll(tmp_path, "run")
    assert ran.returncode == 0, ran.stderr


def test_as_json_it_says_what_was_seen(tmp_path):
    write(tmp_path)
    found = json.loads(plimsoll(tmp_path, "data", "infer", "rows.csv", "--json").stdout)
    assert (found["files"], found["rows"]) == (["rows.csv"], 300)
    note = next(column for column in found["columns"] if column["column"] == "note")
    assert (note["nulls"], note["distinct"], note["low"], note["high"]) == (200, 100, "n0", "n99")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(NoRows):
        infer("empty.csv", root=tmp_path)
    answer = plimsoll(tmp_path, "data", "infer", "nothing.csv")
    assert answer.returncode != 0
    assert "nothing.csv" in answer.stderr
