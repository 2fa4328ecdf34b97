"""Releases are built once; an environment's processes are started for a test, or shared where a test only asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from serving_cases import ENVIRONMENT, Caller, desired, make_release, make_scorer, make_workspace

from plimsoll.kernel.workspace import Workspace
from plimsoll.rollout.entities import DesiredRelease, Observed
from plimsoll.targets.process import ProcessTarget


@dataclass
class Place:
    """A workspace with its target."""

    workspace: Workspace
    target: ProcessTarget
    port: int = 0
    callers: list[Caller] = field(default_factory=list)

    def apply(self, release: DesiredRelease) -> Observed:
        observed = self.target.apply(desired(release, port=self.port))
        self.port = observed.port
        return observed

    def observe(self) -> Observed:
        observed = self.target.observe(ENVIRONMENT)
        assert observed is not None
        return observed

    def pid(self, role: str) -> int:
        """The pid of the one process in that role; 0 when there is none."""
        pids = [pid for name, pid in self.observe().processes if name == role]
        assert len(pids) < 2, pids
        return pids[0] if pids else 0

    def caller(self) -> Caller:
        self.callers.append(Caller(self.port or self.observe().port))
        return self.callers[-1]

    def end(self) -> None:
        for caller in self.callers:
            caller.close()
        self.target.stop(ENVIRONMENT)

    @property
    def capture(self) -> Path:
        return self.workspace.capture(ENVIRONMENT)

    @property
    def logs(self) -> Path:
        return self.workspace.environment(ENVIRONMENT) / "logs"


def make_place(root, keys):
    workspace = make_workspace(root)
    workspace.state.mkdir()
    workspace.keys.symlink_to(keys)
    return Place(workspace, ProcessTarget(workspace, None))


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folder of what is built once, with the keys that sign it."""
    folder = tmp_path_factory.mktemp("built")
    make_scorer(folder / "scorer")
    return folder


@pytest.fixture(scope="session")
def keys(built):
    return built / "keys"


@pytest.fixture(scope="session")
def compiled_1(built, keys):
    return make_release(built / "compiled-1", keys, 1, scorer=built / "scorer", bias=0.0)


@pytest.fixture(scope="session")
def compiled_2(built, keys):
    return make_release(built / "compiled-2", keys, 2, scorer=built / "scorer", bias=1.0)


@pytest.fixture(scope="session")
def worker_3(built, keys):
    """A release that is not compiled: a worker answers."""
    return make_release(built / "worker-3", keys, 3, scorer=built / "scorer")


@pytest.fixture
def place(tmp_path, keys):
    place = make_place(tmp_path, keys)
    yield place
    place.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, keys, compiled_1):
    """An environment with the compiled release live, for tests that only ask."""
    place = make_place(tmp_path_factory.mktemp("shared"), keys)
    place.apply(compiled_1)
    yield place
    place.end()


@pytest.fixture
def caller(shared):
    caller = shared.caller()
    yield caller
    caller.close()
