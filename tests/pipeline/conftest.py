"""A Python process of its own for tests that kill it or look at what it imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def start_python() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a script that can import this folder's builders; it is killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            env=os.environ | {"PYTHONPATH": str(HERE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_python(start_python: Callable[[str], subprocess.Popen[str]]) -> Callable[[str], str]:
    """Run a script to its end; returns what it printed."""

    def run(script: str) -> str:
        process = start_python(script)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    return run
