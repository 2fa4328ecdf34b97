"""A new project passes its run as it is, with the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.story
def test_a_new_project_passes_its_gates_and_leaves_a_clean_tree(tmp_path: Path):
    identity = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}

    def plimsoll(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "plimsoll", *arguments]
        return subprocess.run(
            command, cwd=folder, env=os.environ | identity, capture_output=True, text=True, check=False
        )

    made = plimsoll("init", "loans", "--json", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["git"] == "a repository with a first commit"

    ran = plimsoll("run", folder=tmp_path / "loans")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Verdict PASS" in ran.stdout
    assert "(pass)" not in ran.stdout, "every slice is large enough to count"
    status = ["git", "-C", tmp_path / "loans", "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == ""
