"""Every command of docs/reproduce.md runs in the tutorial's project and says what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.stories.workspace import ProjectFolder

from plimsoll.project.patch import MOST_BYTES
from plimsoll.release.requests import ReproduceRequest

pytestmark = pytest.mark.story

PAGE = REPOSITORY / "docs" / "reproduce.md"


def examples() -> list[tuple[str, str]]:
    """Each command of the page with what is shown below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown.rstrip()))
    return found


@pytest.fixture
def loans(tmp_path: Path) -> ProjectFolder:
    """The tutorial's project with its first release."""
    names = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Ada")
    addresses = dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "ada@example.com")
    ProjectFolder(tmp_path, names | addresses).plimsoll("init", "loans")
    project = ProjectFolder(tmp_path / "loans")
    project.plimsoll("run")
    project.plimsoll("release")
    return project


@pytest.mark.timeout(240)
def test_every_command_of_the_page_says_what_the_page_says(loans: ProjectFolder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}", "NO_COLOR": "1"}
    page = examples()
    assert len(page) == 5
    said = {}
    for command, shown in page:
        ended = subprocess.run(
            ["bash", "-c", command], cwd=loans.root, env=clean, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        lines = [line.rstrip() for line in ended.stdout.splitlines()]
        assert "\n".join(lines).startswith(shown), f"{command}\n{ended.stdout}"
        said[command] = ended.stdout
    made = json.loads((loans.root / "reproduction.json").read_text())["reproduction"]
    assert (made["grade"], made["runtime"]) == ("identical", "here")
    assert said["plimsoll reproduce loans@1 --list"].count("identical") == 2
    assert re.search(r"^reproduction +identical$", said["plimsoll trace loans@1"], flags=re.MULTILINE)
    assert "release_reproduced" in said["plimsoll audit"]


def test_the_figures_of_the_page_are_those_of_the_code():
    text = PAGE.read_text()
    assert f"({ReproduceRequest(release='').seeds} unless\nyou say otherwise" in text
    assert f"Files over {MOST_BYTES >> 20} MiB are named in it and left out" in text
