"""A project whose data lies in a bucket and in a database, run from the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.clouds import s3
from tests.stories.workspace import ProjectFolder

PROJECT = """\
project: shop
code: steps.py
data:
  sales: {path: "s3://plimsoll-tests/story/*.csv"}
  rates: {query: SELECT * FROM rates ORDER BY day, url: "sqlite:///${RATES}"}
"""
STEPS = "def total(sales, rates):\n    return float(sales['amount'].sum() * rates['rate'].iloc[0])\n"


def test_a_run_on_a_bucket_and_a_database(moto: str, tmp_path: Path) -> None:
    cloud = s3(moto)
    cloud.put("story/a.csv", b"amount\n1\n2\n")
    project = ProjectFolder(tmp_path, {**cloud.environment, "RATES": "rates.db"})
    (tmp_path / "plimsoll.yaml").write_text(PROJECT)
    (tmp_path / "steps.py").write_text(STEPS)
    with closing(sqlite3.connect(tmp_path / "rates.db")) as connection, connection:
        connection.execute("CREATE TABLE rates (day TEXT, rate REAL)")
        connection.execute("INSERT INTO rates VALUES ('2026-01-01', 1.5)")

    first = project.plimsoll("run", "--json").json["run"]
    assert first["state"] == "done"
    again = project.plimsoll("run", "--rehash", "--json").json["run"]
    assert again["data"] == first["data"]
    assert [step["state"] for step in again["steps"]] == ["cached"]

    cloud.put("story/b.csv", b"amount\n3\n")
    planned = project.plimsoll("run", "--plan", "--rehash", "--json").json
    assert planned[0]["because"] != "cached"
    newest = project.plimsoll("data", "--dataset", "sales", "--json").json[0]["version"]
    assert [entry["path"].rpartition("/")[2] for entry in newest["files"]] == ["a.csv", "b.csv"]
