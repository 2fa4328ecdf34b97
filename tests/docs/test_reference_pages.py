"""The pages made from the code are up to date: every error code and every command has its heading."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import REPOSITORY


def test_reference_pages_are_up_to_date():
    check = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "make_reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert check.returncode == 0, check.stderr
