"""The code and every command of docs/mlflow.md run, in order, and leave what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.test_tutorial import commands
from tests.integrations.test_mlflow_runs import named, runs

PAGE = REPOSITORY / "docs" / "mlflow.md"


def test_the_page_does_what_it_says(tmp_path: Path):
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        (tmp_path / name).write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    clean |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}", "GIT_PYTHON_REFRESH": "quiet"}
    page = commands(PAGE)
    assert page

    for text, code in page:
        ended = subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert ended.returncode == code, f"{text}\n{ended.stdout}\n{ended.stderr}"

    found = runs((tmp_path / ".plimsoll" / "mlflow").as_uri())
    child = named(found, "train")
    (parent,) = (run for run in found if run["id"] == child["tags"]["mlflow.parentRunId"])
    assert child["params"] == {"optimizer": "sgd"}
    assert parent["params"] == {"rate": "0.1", "rounds": "10"}
    assert parent["tags"]["plimsoll.step.report"].startswith("done in")
