"""The code and every command of docs/sweeps.md run, in order, and end as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands

PAGE = REPOSITORY / "docs" / "sweeps.md"


def test_the_page_does_what_it_says(tmp_path: Path):
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        (tmp_path / name).write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    before = (tmp_path / "plimsoll.yaml").read_text()

    page = commands(PAGE)
    assert len(page) == 8
    said = []
    for text, code in page:
        ended = subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert ended.returncode == code, f"{text}\n{ended.stdout}\n{ended.stderr}"
        said.append(ended.stdout)

    for line in re.findall(r"^  .*times$|^best: .*$|^  rate: .*$|^  depth: .*$", PAGE.read_text(), flags=re.MULTILINE):
        if "#" not in line and line != "    depth: 2":
            assert f"{line}\n" in said[0]
    assert "8 of 8 trials are done" in said[1]
    assert "8 of 8 trials are done" in said[2]
    after = (tmp_path / "plimsoll.yaml").read_text()
    assert after != before
    assert "# how far a step goes" in after
    assert re.search(r"^validate +cached", said[-1], flags=re.MULTILINE)
