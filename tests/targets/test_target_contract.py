"""Local processes keep what every target promises, as the fake one of tests/rollout does."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from serving_cases import make_place, make_release
from tests.rollout.target_contract import ENVIRONMENT, TargetContract

from plimsoll.rollout.entities import DesiredRelease, Observed
from plimsoll.targets.process import ProcessTarget


@dataclass
class ProcessRig:
    target: ProcessTarget
    first: DesiredRelease
    second: DesiredRelease
    bad: DesiredRelease

    def settle(self, environment: str) -> Observed:
        deadline = time.monotonic() + 30
        while (seen := self.target.observe(environment)) is None or not seen.settled:
            assert time.monotonic() < deadline, seen
            time.sleep(0.02)
        return seen


@pytest.fixture
def rig(tmp_path, built, keys, compiled_1, compiled_2):
    bad = make_release(tmp_path / "bad", keys, 4, scorer=built / "scorer", bias=3.0)
    (tmp_path / "bad" / "compiled" / "model.onnx").write_bytes(b"something else")
    place = make_place(tmp_path, keys)
    yield ProcessRig(place.target, first=compiled_1, second=compiled_2, bad=bad)
    for environment in (ENVIRONMENT, "staging"):
        place.target.stop(environment, revision=1_000)


class TestProcessTarget(TargetContract):
    """All of the contract."""
