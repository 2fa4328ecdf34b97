"""The same calls against a server that PLIMSOLL_URL names: it runs, it is told of interrupts, its bytes may be elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import Up, plimsoll, start
from tests.stories.workspace import until

import plimsoll as notebook
from plimsoll.kernel.errors import PlimsollError

pytestmark = pytest.mark.story
STEPS = """
import os, pathlib, time

def numbers(factor):
    while factor == 7 and not pathlib.Path({go_on!r}).exists():
        time.sleep(0.05)
    return [factor * number for number in range(5)]

def total(numbers):
    if sum(numbers) > 1000:
        raise ValueError("too much")
    return sum(numbers)
"""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """A server over a small project, which PLIMSOLL_URL and PLIMSOLL_TOKEN name; the current folder is another."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "plimsoll.yaml").write_text("project: answers\ncode: steps.py\npipeline: {params: {factor: 2}}\n")
    (folder / "steps.py").write_text(STEPS.format(go_on=str(tmp_path / "go-on")))
    up = start(folder)
    token = json.loads(plimsoll(folder, "tokens", "create", "--json").stdout)["token"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("PLIMSOLL_URL", f"http://127.0.0.1:{up.port}")
    monkeypatch.setenv("PLIMSOLL_TOKEN", token)
    yield up
    up.end(signal.SIGTERM)
    assert up.process.stdout is not None
    up.process.stdout.close()


@pytest.mark.timeout(120)
def test_the_server_runs_and_its_bytes_are_read_where_they_lie(
    served: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = notebook.run(params={"factor": 3})

    assert (run.state, run.params, run.verdict) == ("done", {"factor": 3}, None)
    with pytest.raises(PlimsollError, match="The bytes of the output total are kept by the server"):
        run.output("total")
    monkeypatch.chdir(tmp_path / "project")
    assert run.output("total") == 30
    with pytest.raises(PlimsollError, match="too much") as failed:
        notebook.run(params={"factor": 300})
    assert failed.value._render_traceback_()[0].startswith("pipeline.step_failed: Step total failed: ValueError")
    assert failed.value.__notes__[0].startswith("Finished steps are kept")


@pytest.mark.timeout(120)
def test_an_interrupt_here_cancels_the_run_there(served: Up):
    code = "import plimsoll\nplimsoll.run(params={'factor': 7})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env={**os.environ})
    until(lambda: [one for one in notebook.runs()["state"] if one == "running"], of="the run")

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert "is cancelled on the server; what was finished is kept" in said
    until(lambda: notebook.runs()["state"].tolist() == ["cancelled"], of="its end", seconds=15)


def test_without_a_server_the_refusal_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PLIMSOLL_URL", "http://127.0.0.1:9")

    with pytest.raises(PlimsollError, match="cannot be reached") as refused:
        notebook.run()

    assert "plimsoll up" in refused.value.__notes__[0]
