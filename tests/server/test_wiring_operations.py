"""The table of operations is complete: what registers one is known to the wiring, and loads no more than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import plimsoll

SOURCE = Path(plimsoll.__file__).parent
REGISTERING = [
    ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts)
    for file in SOURCE.rglob("*.py")
    if "\n@operation(" in file.read_text()
]


def test_every_module_that_registers_operations_is_loaded():
    assert set(REGISTERING) <= loaded_after("load_operations()")


def test_a_run_loads_neither_releases_nor_what_lies_above():
    loaded = loaded_after("load_operations('runs.create')")

    assert "plimsoll.release.operations.runs" in loaded
    assert not {"plimsoll.release.operations.releases", "plimsoll.rollout.operations", "cryptography"} & loaded


def loaded_after(call: str) -> set[str]:
    """Which modules a fresh process has after a call of the wiring."""
    code = f"from plimsoll.server.wiring import load_operations; {call}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
