"""A Python process of its own for tests that kill it or look at what it imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ray_nodes import Nodes

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


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A Ray cluster of two nodes."""
    nodes = Nodes(tmp_path_factory.mktemp("ray"))
    yield nodes
    nodes.close()


@pytest.fixture
def on_ray(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """The cluster, which this process has joined as a notebook does, so that its workers stay warm."""
    import ray

    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
    return nodes
