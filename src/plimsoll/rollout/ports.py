"""What carries a deployment: the Protocol that every target implements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRelease:
    """A release that a door must be able to answer with: its name, digest and unpacked bundle."""

    name: str
    digest: str
    bundle: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The whole wanted state of one environment; absolute, so applying it twice changes nothing."""

    project: str
    environment: str
    host: str
    port: int
    """0: the target chooses a free port and keeps it."""
    live: DesiredRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The state that a target found."""

    ready: bool
    """Whether the door answers predictions with the live release."""
    live: str | None
    """Digest of the release that answers."""
    host: str
    port: int
    processes: tuple[tuple[str, int], ...] = ()
    """Role and pid of each process: shim, door, worker."""
    problem: str = ""


class Target(Protocol):
    """Carries deployments. Every method may be called again at any time, from any process."""

    def apply(self, desired: Desired) -> Observed:
        """Make it so and return once the live release answers. Raises PlimsollError of kind unavailable."""

    def observe(self, environment: str) -> Observed | None:
        """What runs now; None when nothing was ever applied."""

    def stop(self, environment: str) -> None:
        """End every process of the environment."""
