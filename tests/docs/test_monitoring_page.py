"""Every `plimsoll drift` of docs/monitoring.md runs on real files and ends as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands

ROWS = """
SELECT TIMESTAMP '{begin}' + to_seconds(i * {step}) AS "at",
       exp(2.5 + {moved} + 0.8 * sqrt(-2 * ln(random() + 1e-9)) * cos(6.2831853 * random())) AS amount,
       CASE WHEN random() < 0.3 THEN 'online' ELSE 'shop' END AS channel,
       'c' || CAST(floor(random() * 400) AS INTEGER) AS customer
FROM range({count}) t(i)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    for name, begin, count, moved in (
        ("march.parquet", "2026-03-02", 20_000, 0.0),
        ("april.csv", "2026-04-06", 5_000, 0.7),
        ("one-hour.csv", "2026-04-06", 25, 0.0),
    ):
        made = ROWS.format(begin=begin, step=120, moved=moved, count=count)
        format = "FORMAT parquet" if name.endswith("parquet") else "HEADER"
        connection.execute(f"COPY ({made}) TO '{tmp_path / name}' ({format})")
    return tmp_path


def test_every_comparison_of_the_page_ends_as_it_says(folder: Path):
    page = [one for one in commands(REPOSITORY / "docs" / "monitoring.md") if one[0].startswith("plimsoll drift")]
    assert len(page) >= 6
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    for text, code in page:
        done = subprocess.run(["bash", "-c", text], cwd=folder, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
