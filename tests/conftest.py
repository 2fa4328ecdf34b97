"""What all tests share: no silent skips in CI, and a quiet, separate environment for every process they start."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

for name in [name for name in os.environ if name.startswith("PLIMSOLL_") and not name.startswith("PLIMSOLL_TEST_")]:
    del os.environ[name]


# A slow machine is no finding; and what CI says of a commit does not depend on luck.
hypothesis.settings.register_profile(
    "plimsoll",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
hypothesis.settings.load_profile("plimsoll")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """With PLIMSOLL_TEST_REQUIRE=all a skipped test is a failed one: a missing part must not look like success."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("PLIMSOLL_TEST_REQUIRE") == "all" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although PLIMSOLL_TEST_REQUIRE=all: {report.longrepr}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; the test skips where there is none."""
    folder = Path(os.environ.get("PLIMSOLL_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data sets in {folder}; name their folder in PLIMSOLL_TEST_DATA")
    return folder
