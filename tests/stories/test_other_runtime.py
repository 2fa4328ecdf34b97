"""A release that was made with other packages than those here is served with its own, beside one that was made here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.stories.orders_project import make_orders
from tests.stories.workspace import ProjectFolder

from plimsoll.bundle.runtime import lock_text
from plimsoll.targets.runtimes import Runtimes

pytestmark = [pytest.mark.story, pytest.mark.system]


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[ProjectFolder]:
    project = make_orders(tmp_path / "orders")
    project.commit("Predict returns")
    yield project
    project.end()


@pytest.mark.timeout(600)
def test_a_release_of_other_packages_answers_with_its_own(orders: ProjectFolder):
    # Given a release that was made where one package has another version
    here = version("idna")
    lock = lock_text().replace(f"\nidna=={here}\n", f"\nidna=={'3.10' if here != '3.10' else '3.9'}\n")
    there = Runtimes(orders.root / ".plimsoll" / "runtimes").python_of(lock)
    for command in (["run"], ["release"]):
        subprocess.run([there, "-P", "-m", "plimsoll", *command], cwd=orders.root, check=True, env=clean())
    # And one that was made here
    orders.ask("run", "--param", "strength=0.5")
    orders.ask("release")

    # When both are deployed from here, one after the other
    first = orders.ask("deploy", "orders@1", "--env", "production")
    (its_worker,) = (pid for role, pid in first["processes"] if role == "worker")
    its_interpreter = Path(f"/proc/{its_worker}/cmdline").read_bytes().split(b"\0")[0].decode()
    second = orders.ask("deploy", "orders@2", "--env", "production")

    # Then the first runs in its own runtime, the second in this one, and the first is still warm
    assert its_interpreter == str(there)
    assert first["state"] == second["state"] == "live"
    workers = [pid for role, pid in second["processes"] if role == "worker"]
    interpreters = {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() for pid in workers}
    assert len(interpreters) == 2
    assert str(there) in interpreters
    assert orders.ask("rollback", "--env", "production")["release"] == "orders@1"


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "PYTHON"))}
