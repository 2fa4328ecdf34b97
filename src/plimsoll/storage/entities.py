"""The nouns of a collection: what a run has been, why things stay, and what was, or would be, removed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What decides whether a run's bytes are kept."""

    id: str
    project: str
    running: bool
    started_at: str


class Reason(StrEnum):
    """Why a run's bytes are kept; the first that holds is told."""

    RELEASED = "a release was made of it"
    RUNNING = "it is under way"
    LATEST = "it is one of the latest runs of its project"
    YOUNG = "it is young"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """What may go. Times in seconds."""

    apply: bool = False
    """Whether it is removed; else it is only told."""
    keep_runs: int = 10
    """So many latest runs of each project are kept, whatever their age."""
    older_than_s: float = 30 * 86400.0
    """Younger runs are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Things of one kind that share their fate."""

    what: str
    why: str
    count: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedVersion:
    """A data version that is kept because a release, or a run that is kept, used it."""

    version: str
    """`dataset@digest`, the digest's first digits."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a collection removed, or would remove, and what it kept."""

    applied: bool
    removed: tuple[Group, ...]
    kept: tuple[Group, ...]
    versions: tuple[PinnedVersion, ...]
    """The data versions that are kept."""
