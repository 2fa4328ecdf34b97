"""The nouns of rollouts: what an environment shall run, and what it was told to run before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.rollouts import Arrangement, RolloutSpec

Wanted = Literal["running", "stopped"]
State = Literal["live", "starting", "stopping", "stopped", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What an environment runs by the last decision about it: its live release, or none."""

    project: str
    environment: str
    target: str
    release: str
    """The live release; empty while the first one is still starting."""
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
class Rollout:
    """One change of an environment from one release to another, and where it stands."""

    id: str
    project: str
    environment: str
    spec: RolloutSpec
    latest: Decision
    version: int
    """Grows with every decision that is saved."""
    doors: int = 1
    """Processes that answer while it lasts."""
    started_by: str
    started_at: str
    ended_at: str
    """Empty while it is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a target is told; host, port and bundles are added when it is."""

    wanted: Arrangement | None
    """None: nothing shall run."""
    rollout: str = ""
    candidate: str = ""
    stick_to: str = ""
    deadline_s: float | None = None
    doors: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """An entry of the outbox: written in the transaction that decided it, performed afterwards, at least once."""

    project: str
    environment: str
    revision: int
    told: Told
    because: str
    created_at: str
    performed_at: str
    """Empty until the target was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRelease:
    """A release that a door must be able to answer with: its name, digest and unpacked bundle."""

    name: str
    digest: str
    bundle: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How a rollout splits the requests, and under which stage they are counted."""

    rollout: str
    """The rollout's id, under which the door counts; also what the draw of arms is salted with."""
    stage: int
    candidate: str
    """Digest. Every request that is not the candidate's is the live release's."""
    candidate_pct: float
    """Share of requests that the candidate answers, in percent, in steps of 0.1."""
    shadow_pct: float = 0.0
    """Share of requests of which the arm that does not answer gets a copy."""
    drawn_pct: float = 0.0
    """The largest share of an earlier stage: what sticks and had the candidate then has it still, and is not counted."""
    deadline_s: float | None = None
    """The candidate's deadline; None: twice the champion's 99 % quantile, as the door measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The whole wanted state of one environment; absolute, so applying it twice changes nothing."""

    project: str
    environment: str
    revision: int
    """Grows with every change of what is wanted; a target refuses one that is older than what it was told before."""
    host: str
    port: int
    """0: the target chooses a free port and keeps it."""
    live: str | None
    """Digest of the release that answers; None while the first one is still starting."""
    releases: tuple[DesiredRelease, ...]
    """All that shall be loaded and ready: the live one, a candidate, a previous one that is kept warm."""
    doors: int = 1
    """Processes that answer."""
    stick_to: str = ""
    """What decides the arm: a column of the request, or `header:NAME`; empty: each request is drawn anew."""
    traffic: Traffic | None = None
    """None: the live release answers everything and nothing is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRelease:
    """One release that a target was told to load."""

    digest: str
    ready: bool
    """Whether every door can answer with it at once."""
    problem: str = ""
    """Why it was refused, as `code: text`; empty while it is still loading."""
    deaths: int = 0
    """How often its worker has died in the last hour; 0 for one that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The state that a target found."""

    revision: int
    """The newest that the target was told; what follows may still be becoming so."""
    settled: bool
    """Whether all of that revision is done, or refused."""
    ready: bool
    """Whether the doors answer predictions with the live release."""
    live: str | None
    """Digest of the release that answers."""
    host: str
    port: int
    releases: tuple[ObservedRelease, ...] = ()
    processes: tuple[tuple[str, int], ...] = ()
    """Role and pid of each process: shim, door, worker."""
    problem: str = ""
    """What the target itself cannot do, as `code: text`."""

    def release(self, digest: str) -> ObservedRelease | None:
        """What is known of one release; None when the target was not told of it, or has not heard of it yet."""
        return next((item for item in self.releases if item.digest == digest), None)
