"""Every command of docs/governance.md runs, in order, and ends as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "governance.md"


def test_every_command_of_the_page_ends_as_it_says(tmp_path):
    (tmp_path / "plimsoll.yaml").write_text("project: fraud\ncode: steps.py\n")
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    assert len(lines) > 10
    commands = [line.partition("  # exit ")[0] for line in lines]
    expected = [int(line.partition("  # exit ")[2] or 0) for line in lines]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    script = "\n".join(f"{command} >&2\necho $?" for command in commands).replace(") >&2\n", ")\n")
    shell = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert dict(zip(commands, map(int, shell.stdout.split()), strict=True)) == dict(
        zip(commands, expected, strict=True)
    ), shell.stderr
