"""A sweep on a PostgreSQL ledger: two trials at a time, shown, listed, ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.pipeline_case import make_case
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture
from tests.stories.workspace import ProjectFolder
from tests.sweep.test_sweep_runs import SETTINGS, STEPS

pytestmark = pytest.mark.system


def test_a_sweep_on_postgresql(tmp_path: Path, postgres_server: PostgresServer):  # noqa: F811
    case = make_case(tmp_path / "tiny", STEPS, SETTINGS)
    folder = ProjectFolder(case.root, {"PLIMSOLL_LEDGER": postgres_server.new_database()})
    report = folder.ask("sweep", "--jobs", "2", "-p", "rate=0.5,0.1,13")
    assert report["best"]["params"] == {"rate": 0.1}
    assert [one["state"] for one in report["sweep"]["trials"]] == ["done", "done", "failed"]
    assert folder.ask("sweep", "show", report["sweep"]["id"]) == report
    [summary] = folder.ask("sweep", "list")
    assert (summary["done"], summary["failed"]) == (2, 1)
    assert "sweep.ended" in folder.plimsoll("sweep", "resume", expect=2).err
    assert "sweep.ended" in folder.plimsoll("sweep", "cancel", expect=2).err
    folder.plimsoll("sweep", "-p", "rate=13", "--max-failures", "0", expect=6)
    assert folder.ask("sweep", "resume")["sweep"]["state"] == "done"
