"""A target in memory that keeps what targets promise, and fails when a test says so. No process, no socket, no time:
a release is loaded after it was looked at often enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.rollout.entities import Desired, DesiredRelease, Observed, ObservedRelease

FIRST_PORT = 40_001


class Older(PlimsollError):
    code = "fake.older"
    kind = Kind.CONFLICT
    text = "{environment} was told revision {newest} already, and not {revision} any more."


class Away(PlimsollError):
    code = "fake.away"
    kind = Kind.UNAVAILABLE
    text = "Nothing answers."


@dataclass
class Shim:
    """What holds one environment: the newest that it was told, and how often each release was looked at."""

    desired: Desired
    looked: dict[str, int]
    live: str | None = None
    """The release that answers; the one before, until the next one is loaded."""
    stopped: bool = False


@dataclass
class FakeTarget:
    """Implements rollout.ports.Target. What a test programs is public; `told` is every new thing it was told."""

    loads_after: int = 1
    """Looks until a release is ready."""
    refuses: dict[str, str] = field(default_factory=dict)
    """Digest -> the problem with which it is refused."""
    dead: set[str] = field(default_factory=set)
    """Digests that are not ready, however often they are looked at."""
    away: bool = False
    counted: dict[tuple[str, int], StageCounts] = field(default_factory=dict)
    """(rollout, stage) -> cumulative counts."""
    told: list[Desired] = field(default_factory=list)
    stops: list[tuple[str, int]] = field(default_factory=list)
    """(environment, revision) of every new stop."""
    shims: dict[str, Shim] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def prepare(self, release: DesiredRelease, *, say: Callable[[str], None]) -> None:
        """Nothing is needed to load a release into memory."""
        say(f"{release.name} needs nothing")

    def apply(self, desired: Desired) -> Observed:
        with self.lock:
            self._reach()
            name, shim = desired.environment, self.shims.get(desired.environment)
            self._refuse_older(name, desired.revision)
            if shim is None or desired.revision > shim.desired.revision:
                self.told.append(desired)
                port = desired.port or (shim.desired.port if shim else FIRST_PORT + len(self.shims))
                looked = {} if shim is None or shim.stopped else shim.looked
                self.shims[name] = Shim(
                    desired=replace(desired, port=port),
                    looked={release.digest: looked.get(release.digest, 0) for release in desired.releases},
                    live=None if shim is None or shim.stopped else shim.live,
                )
            return self._seen(self.shims[name])

    def observe(self, environment: str) -> Observed | None:
        with self.lock:
            self._reach()
            shim = self.shims.get(environment)
            if shim is None:
                return None
            shim.looked = {digest: looks + 1 for digest, looks in shim.looked.items()}
            return self._seen(shim)

    def counts(self, environment: str, rollout: str) -> Mapping[int, StageCounts]:
        with self.lock:
            self._reach()
            return {stage: counts for (name, stage), counts in self.counted.items() if name == rollout}

    def stop(self, environment: str, *, revision: int) -> None:
        with self.lock:
            self._reach()
            shim = self.shims.get(environment)
            self._refuse_older(environment, revision)
            if shim is not None and (revision > shim.desired.revision or not shim.stopped):
                self.stops.append((environment, revision))
                nothing = replace(shim.desired, revision=revision, live=None, releases=(), traffic=None)
                self.shims[environment] = Shim(desired=nothing, looked={}, stopped=True)

    def die(self, environment: str) -> None:
        """Every process of the environment ends, and what it was told is forgotten."""
        with self.lock:
            del self.shims[environment]

    def is_ready(self, digest: str, looks: int) -> bool:
        return looks >= self.loads_after and digest not in self.refuses and digest not in self.dead

    def _reach(self) -> None:
        if self.away:
            raise Away

    def _refuse_older(self, environment: str, revision: int) -> None:
        shim = self.shims.get(environment)
        if shim is not None and revision < shim.desired.revision:
            raise Older(environment=environment, newest=shim.desired.revision, revision=revision)

    def _seen(self, shim: Shim) -> Observed:
        desired = shim.desired
        releases = tuple(
            ObservedRelease(
                digest=digest, ready=self.is_ready(digest, looks), problem=self.refuses.get(digest, "")
            )
            for digest, looks in shim.looked.items()
        )  # fmt: skip
        ready = {release.digest for release in releases if release.ready}
        if desired.live in ready or shim.live not in ready:
            shim.live = desired.live if desired.live in ready else None
        return Observed(
            revision=desired.revision,
            settled=all(release.ready or release.problem for release in releases) and shim.live == desired.live,
            ready=desired.live is not None and shim.live == desired.live,
            live=shim.live,
            host=desired.host,
            port=desired.port,
            releases=releases,
            processes=() if shim.stopped else (("shim", 101), ("door", 102)),
        )
