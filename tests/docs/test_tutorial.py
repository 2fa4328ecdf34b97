"""Every command of the tutorial runs, in order, in one shell, and ends as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.story
MARK = "=== plimsoll tutorial ==="


def commands(page: Path) -> list[tuple[str, int]]:
    """Each command of the page's console blocks with the exit code that a following `# exit N` announces."""
    found: list[tuple[str, int]] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            text, announced, code = part.partition("# exit ")
            found.append((text.rstrip("\n"), int(code) if announced else 0))
    return found


@pytest.mark.timeout(240)
def test_every_command_of_the_tutorial_does_what_the_page_says(tmp_path: Path):
    page = commands(REPOSITORY / "docs" / "tutorial.md")
    assert len(page) > 15
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        clean[name] = "Ada"
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        clean[name] = "ada@example.com"
    lines = [part for text, _ in page for part in (text, f"printf '\\n%s %s\\n' '{MARK}' $?")]
    tidy = (
        "for e in staging production; do (cd loans 2>/dev/null || true; plimsoll stop --env $e) >/dev/null 2>&1; done"
    )

    shell = subprocess.run(
        ["bash", "-c", "\n".join([*lines, tidy])], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
    )

    ends = [int(code) for code in re.findall(rf"^{MARK} (\d+)$", shell.stdout, flags=re.MULTILINE)]
    wrong = [(text, code, end) for (text, code), end in zip(page, ends, strict=False) if code != end]
    assert not wrong, f"{wrong}\n{shell.stdout[-6000:]}\n{shell.stderr[-3000:]}"
    assert len(ends) == len(page)
