"""A request and its turn in a rollout: all that is decided before any arm tries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plimsoll.capture.entities import Role, RolloutPart
from plimsoll.serving.ports import Release
from plimsoll.serving.routing import Draw, Split

Arm = Literal["champion", "candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in: its parsed body, its headers, and when its last byte was there."""

    page: Mapping[str, Any]
    headers: Sequence[tuple[bytes, bytes]]
    received_us: int
    begun: float
    """The same moment on the clock that measures."""

    @property
    def seconds(self) -> float:
        """How long the caller has waited."""
        return time.perf_counter() - self.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a request is in a rollout."""

    asked: Asked
    champion: Release
    split: Split[Any]
    drawn: Draw
    deadline_s: float
    """By then the outcome of every arm is known: it has answered, it has failed, or it is late."""
    copying: bool
    """Whether the arm that does not answer gets a copy."""
    compared: bool
    """Whether the arms are compared by it: both workers were there, and in a stage of copies it has its copy."""

    @property
    def candidate(self) -> Release:
        candidate: Release = self.split.candidate
        return candidate

    @property
    def answering(self) -> Arm:
        """The arm that the caller's answer comes from, unless it fails."""
        return "candidate" if self.drawn.candidate else "champion"

    def release(self, arm: Arm) -> Release:
        return self.candidate if arm == "candidate" else self.champion

    def part(self, role: Role, **more: Any) -> RolloutPart:
        """What the capture says of a prediction of this request."""
        traffic = self.split.traffic
        drawn: dict[str, Any] = {"propensity": self.drawn.propensity, **more}
        return RolloutPart(role=role, rollout=traffic.rollout, stage=traffic.stage, **drawn)
