"""The core install, made as a user makes it: small, and enough for the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from benchmarks.install import measure

pytestmark = pytest.mark.system

LIMIT_MB = 350


@pytest.mark.timeout(300)
def test_the_core_install_is_small_and_its_command_works(tmp_path: Path):
    figures = measure(tmp_path)

    assert figures["megabytes"] < LIMIT_MB, figures
    version = subprocess.run(
        [tmp_path / "core" / "bin" / "plimsoll", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("plimsoll 0.")
