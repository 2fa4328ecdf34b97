"""Every command of docs/scoring.md runs on the project that `plimsoll init` makes, and ends as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands

pytestmark = pytest.mark.story
BEGIN = "plimsoll init loans && cd loans && plimsoll run && plimsoll release"


@pytest.mark.timeout(240)
def test_every_command_of_the_page_ends_as_it_says(tmp_path: Path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    subprocess.run(["bash", "-c", BEGIN], cwd=tmp_path, env=clean, capture_output=True, check=True)
    folder = tmp_path / "loans"
    page = commands(REPOSITORY / "docs" / "scoring.md")
    assert len(page) == 10

    for text, code in page:
        done = subprocess.run(["bash", "-c", text], cwd=folder, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{text}\n{done.stdout}\n{done.stderr}"

    scored = duckdb.execute(f"SELECT * FROM '{folder}/scored.parquet'").df()
    live = duckdb.execute(f"SELECT * FROM read_json('{folder}/live.jsonl')").df()
    kept = duckdb.execute(f"SELECT * FROM '{folder}/more.parquet' WHERE error IS NOT NULL").df()
    assert scored["score"].tolist() == live["score"].tolist()
    assert kept["loan_id"].tolist() == [4001]
