"""The nouns of serving: which release to load from where, and what the limits of a door are."""

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

    @property
    def version(self) -> str:
        """The release's number, which is the protocol's model version."""
        return self.name.rpartition("@")[2]

    @classmethod
    def read(cls, page: Mapping[str, Any]) -> ReleaseRef:
        return cls(name=page["name"], digest=page["digest"], bundle=Path(page["bundle"]))

    def page(self) -> dict[str, str]:
        return {"name": self.name, "digest": self.digest, "bundle": str(self.bundle)}


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
