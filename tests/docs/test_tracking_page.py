"""The code and every command of docs/tracking.md run, in order, and leave what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands

from plimsoll.pipeline.points import MOST_A_CALL, MOST_NAME
from plimsoll.pipeline.sending import BATCH, PAUSE_S
from plimsoll.release.compare import MOST_RUNS

PAGE = REPOSITORY / "docs" / "tracking.md"


def test_the_page_does_what_it_says(tmp_path: Path):
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        (tmp_path / name).write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    page = commands(PAGE)
    assert len(page) == 4

    said = []
    for text, code in page:
        ended = subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert ended.returncode == code, f"{text}\n{ended.stdout}\n{ended.stderr}"
        said.append(ended.stdout)

    compared = said[-1]
    assert re.search(r"^rate +0.02 +0.1$", compared, flags=re.MULTILINE)
    assert re.search(r"^loss +train +run-\S+ .*█.*$", compared, flags=re.MULTILINE)
    assert re.search(r"^error +@\S+ +run-\S+ +0.01 ", compared, flags=re.MULTILINE)
    shown = subprocess.run(
        ["plimsoll", "verdict", "--json"], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout)["run"]["params"] == {"rate": 0.02, "rounds": 40}


def test_the_limits_are_those_of_the_code():
    text = PAGE.read_text()
    assert f"1 to {MOST_NAME} printable characters, a call takes {MOST_A_CALL:,} metrics" in text
    assert f"every {PAUSE_S} seconds or {BATCH:,} points" in text
    assert (MOST_RUNS, "up to\nten in all" in text) == (10, True)
