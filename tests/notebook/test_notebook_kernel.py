"""A real kernel: the notebook of the documentation, an interrupt, an error, and progress that is redrawn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.conftest import REPOSITORY
from tests.notebook.kernels import GIT, Session, kernel
from tests.stories.workspace import ProjectFolder, until

pytestmark = [pytest.mark.story, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.mark.timeout(240)
def test_the_notebook_of_the_documentation_runs_and_tells_its_story(tmp_path: Path):
    ProjectFolder(tmp_path, GIT).plimsoll("init", "loans")
    notebook = nbformat.read(REPOSITORY / "docs" / "notebook.ipynb", as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    manager, options = kernel(tmp_path)

    NotebookClient(notebook, timeout=120, km=manager).execute(**options)

    shown = {cell.id: outputs_of(cell) for cell in notebook.cells if cell.cell_type == "code"}
    first, *_ = [text for text in shown.values() if "is done" in text]
    assert "Verdict PASS" in first
    everything = "\n".join(shown.values())
    assert "will run because regularisation 1.0 -> 30.0" in everything
    assert "is released: " in everything
    assert "loans@1: binary classification of defaulted (False, True)" in everything
    pages = [
        output.data["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "text/html" in output.get("data", {}) and 'class="plimsoll"' in output.data["text/html"]
    ]
    assert len(pages) == 6
    drawn = [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "display_data"
    ]
    assert [text for text in drawn if text.startswith("done after ")]
    (share,) = [text for text in shown.values() if text.startswith("np.float64(")]
    assert 0.75 < float(share.removeprefix("np.float64(").rstrip(")")) < 1


@pytest.fixture
def session(orders: ProjectFolder) -> Iterator[Session]:
    manager, options = kernel(orders.root)
    manager.start_kernel(**options)
    found = Session(manager)
    yield found
    found.end()


def outputs_of(cell: Any) -> str:
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


SLOW = """
def train(features, train_set, strength):
    import os, pathlib, subprocess, time
    child = subprocess.Popen(["sleep", "300"])
    pathlib.Path({place!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(300)
"""


@pytest.mark.timeout(180)
def test_an_interrupt_ends_the_run_with_every_process_and_the_next_run_goes_on(
    orders: ProjectFolder, session: Session, tmp_path: Path
):
    steps = orders.root / "steps.py"
    good = steps.read_text()
    steps.write_text(good.partition("\ndef train(")[0] + SLOW.format(place=str(tmp_path / "pids")))
    request = session.begin("import plimsoll\nrun = plimsoll.run()")
    pids = until((tmp_path / "pids").exists, of="the step") and until(
        lambda: (tmp_path / "pids").read_text().split(), of="its processes"
    )

    session.manager.interrupt_kernel()

    said = session.result(request)
    (error,) = [one for one in said if one["type"] == "error"]
    assert error["ename"] == "Interrupted"
    assert error["traceback"] == ["Interrupted: what was finished is kept, and the next run goes on from there"]
    until(lambda: not any(alive(int(pid)) for pid in pids), of="the end of the run's processes", seconds=10)
    assert orders.ask("runs")[0]["run"]["state"] == "interrupted"
    steps.write_text(good)
    again = session.result(session.begin("run = plimsoll.run()\nprint(run.state, run.steps['split'])"))
    assert "done cached" in "".join(one["text"] for one in again if one["type"] == "stream")


@pytest.mark.timeout(180)
def test_a_failed_step_shows_the_projects_lines_and_not_ours(orders: ProjectFolder, session: Session):
    steps = orders.root / "steps.py"
    steps.write_text(steps.read_text().replace("return LogisticRegression", "1 / 0\n    return LogisticRegression"))

    said = session.result(session.begin("import plimsoll\nplimsoll.run()"))

    (error,) = [one for one in said if one["type"] == "error"]
    told = "\n".join(error["traceback"])
    assert told.startswith("pipeline.step_failed: Step train failed: ZeroDivisionError")
    assert "in train\n    1 / 0" in told
    assert "site-packages" not in told
    assert "src/plimsoll" not in told
    assert "Finished steps are kept" in told
    drawn = [one for one in said if one["type"] in {"display_data", "update_display_data"}]
    assert drawn[-1]["data"]["text/plain"].startswith("failed after ")
    assert any("<progress" in one["data"]["text/html"] for one in drawn)


@pytest.mark.timeout(180)
def test_a_run_works_within_the_kernels_event_loop(orders: ProjectFolder, session: Session):
    code = "import asyncio, plimsoll\nasyncio.get_running_loop()\nawait asyncio.sleep(0)\nprint(plimsoll.run().state)"

    said = session.result(session.begin(code))

    assert "done" in "".join(one["text"] for one in said if one["type"] == "stream" and one["name"] == "stdout")


def test_a_run_works_within_an_event_loop_of_a_script(orders: ProjectFolder):
    import plimsoll

    async def main() -> str:
        return plimsoll.run().state

    assert asyncio.run(main()) == "done"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
