"""Writes the small whole project for the tests of this area: each changes the one thing that it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project.small_project import PROJECT_FILE, STEPS

WriteProject = Callable[..., Path]


@pytest.fixture
def write_project(tmp_path: Path) -> WriteProject:
    """Writes files into a project folder; what is not given is the small whole project's. Returns the folder."""

    def write(files: dict[str, str] | None = None) -> Path:
        for name, text in ({"plimsoll.yaml": PROJECT_FILE, "steps.py": STEPS} | (files or {})).items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return tmp_path

    return write
