"""The nouns of serving: which releases to load from where, how traffic is split, and what the limits of a door are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRef:
    """A release by name and digest, and the folder that should hold exactly that."""

    name: str
    digest: str
    bundle: Path
    python: str = ""
    """The interpreter that its worker runs in; empty: the door's own."""

    @property
    def version(self) -> str:
        """The release's number, which is the protocol's model version."""
        return self.name.rpartition("@")[2]

    @classmethod
    def read(cls, page: Mapping[str, Any]) -> ReleaseRef:
        python = page.get("python", "")
        return cls(name=page["name"], digest=page["digest"], bundle=Path(page["bundle"]), python=python)

    def page(self) -> dict[str, str]:
        return {"name": self.name, "digest": self.digest, "bundle": str(self.bundle), "python": self.python}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How a rollout's stage splits the requests; the meaning of each field is told in rollout/entities.py."""

    rollout: str
    stage: int
    candidate: str
    candidate_pct: float
    shadow_pct: float = 0.0
    drawn_pct: float = 0.0
    deadline_s: float | None = None

    @property
    def split(self) -> bool:
        """Whether both arms answer callers: then each unit is drawn; else one arm answers and the other has copies."""
        return 0 < self.candidate_pct < 100

    @property
    def copying(self) -> bool:
        """Whether the stage counts pairs: the request that one arm answers, and its copy to the other."""
        return self.shadow_pct > 0 and not self.split


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a door shall have loaded, and how it shall answer; absolute."""

    revision: int
    live: str | None
    """Digest."""
    releases: Mapping[str, ReleaseRef]
    """By digest, in the order given."""
    stick_to: str
    traffic: Traffic | None

    @classmethod
    def read(cls, page: Mapping[str, Any]) -> Wanted:
        return cls(
            revision=page["revision"],
            live=page["live"],
            releases={item["digest"]: ReleaseRef.read(item) for item in page["releases"]},
            stick_to=page["stick_to"],
            traffic=Traffic(**page["traffic"]) if page["traffic"] else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one request may cost."""

    body_bytes: int = 16 * 1024 * 1024
    header_bytes: int = 32 * 1024
    rows: int = 10_000
    deadline_s: float = 30.0
    waiting: int = 512
    """Requests that may wait for one worker; the next is answered 503."""
    rows_inline: int = 256
    """Larger batches are scored beside the event loop, so that short requests need not wait for them."""
    load_s: float = 60.0
    """How long a release may take to become ready."""
    crashes: int = 3
    """Deaths of a worker that one request, or one start, may cost before it is given up."""
    copies: int = 64
    """Copies that may be in flight in one door; further ones are shed, and their requests not counted."""
