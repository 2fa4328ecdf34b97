"""The nouns of rollouts: what an environment shall run, and what it was told to run before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Wanted = Literal["running", "stopped"]
State = Literal["live", "starting", "stopping", "stopped", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What an environment shall run, as last decided by a person."""

    project: str
    environment: str
    target: str
    release: str
    digest: str
    host: str
    port: int
    """0 until the target has chosen one."""
    wanted: Wanted
    problem: str
    """Why the last attempt to make it so failed; empty when it did not."""
    changed_by: str
    changed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentView:
    """A deployment together with what its target observes now."""

    project: str
    environment: str
    target: str
    release: str
    digest: str
    state: State
    address: str
    """`http://host:port`, empty before the first start."""
    problem: str
    changed_by: str
    changed_at: str
    processes: tuple[tuple[str, int], ...] = ()
    """Role and pid of each process, where the target has processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChange:
    """One line of an environment's history: from then on, it was told to run this."""

    id: str
    project: str
    environment: str
    release: str
    digest: str
    wanted: Wanted
    changed_by: str
    changed_at: str


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
