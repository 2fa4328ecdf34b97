"""The project of docs/pipeline.md runs, its commands end as the page says, and its table names every codec."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands

PAGE = REPOSITORY / "docs" / "pipeline.md"


def test_the_page_does_what_it_says(tmp_path: Path):
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        (tmp_path / name).write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"

    def run(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )

    page = commands(PAGE)
    assert len(page) == 3
    for text, code in page:
        ended = run(text)
        assert ended.returncode == code, f"{text}\n{ended.stdout}\n{ended.stderr}"
    plan = json.loads(run("plimsoll run --plan --json").stdout)
    assert [step["because"] for step in plan] == ["cached"] * 3
    (tmp_path / "steps.py").write_text((tmp_path / "steps.py").read_text().replace('"DE"]', '"DE", "NO"]'))
    assert "fit: 3 of 4 calls are cached" in run("plimsoll run").stderr
