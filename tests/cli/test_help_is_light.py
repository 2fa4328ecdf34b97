"""`plimsoll --help` imports nothing heavy: what it costs is measured by `make bench-install`, what it loads is held here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "duckdb",
    "fastapi",
    "pydantic",
    "uvicorn",
    "cryptography",
    "onnxruntime",
    "yaml",
}


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from plimsoll.cli.main import main\n"
        "sys.argv = ['plimsoll', '--help']\n"
        "try:\n    main()\n"
        "finally:\n    print('LOADED', *sys.modules, file=sys.stderr)\n"
    )

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = process.stderr.partition("LOADED")[2].split()
    assert "plimsoll.release.commands" in loaded
    assert not HEAVY & set(loaded)
    for command in ("run", "release", "deploy", "trace", "audit"):
        assert f"  {command} " in process.stdout


def test_a_command_that_used_duckdb_ends_without_a_word_of_it(tmp_path: Path):
    (tmp_path / "plimsoll.yaml").write_text("project: small\ncode: steps.py\n")
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    command = (
        "import sys; sys.argv = ['plimsoll', 'data', 'infer', 'rows.csv']; from plimsoll.cli import start; start.main()"
    )

    process = subprocess.run([sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "a: {type: int" in process.stdout
    assert process.stderr == ""
