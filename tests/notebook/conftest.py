"""Projects for notebooks: one whose model a worker serves, and one whose model is compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    """Committed, and the current folder."""
    project = make_orders(tmp_path / "orders")
    project.commit("Predict returns")
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture(scope="module")
def released_orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFolder]:
    """Released, and live in production: a worker answers."""
    project = make_orders(tmp_path_factory.mktemp("worker") / "orders")
    project.commit("Predict returns")
    yield from _live(project, "orders@1")


@pytest.fixture(scope="module")
def released_loans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFolder]:
    """The project that `init` makes: released, and live in staging; the door itself answers."""
    folder = tmp_path_factory.mktemp("compiled")
    who = {f"GIT_{role}_{what}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(
        [sys.executable, "-m", "plimsoll", "init", "loans"], cwd=folder, check=True, capture_output=True,
        env={**os.environ, **who},
    )  # fmt: skip
    yield from _live(ProjectFolder(folder / "loans"), "loans@1", environment="staging")


def _live(project: ProjectFolder, release: str, *, environment: str = "production") -> Iterator[ProjectFolder]:
    project.plimsoll("run")
    project.plimsoll("release")
    project.plimsoll("deploy", release, "--env", environment)
    yield project
    project.end()
