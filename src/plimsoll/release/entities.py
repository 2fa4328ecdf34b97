"""The nouns of releasing: a release as the ledger knows it, and what a trace tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An immutable signed bundle, `fraud@12`. `digest` is its identity; `tree` finds its bytes in the artifacts."""

    name: str
    """`project@number`."""
    project: str
    number: int
    digest: str
    tree: str
    run: str
    verdict: str
    lock_digest: str
    commit: str
    dirty: tuple[str, ...]
    authors: tuple[str, ...]
    """Who wrote the code, ran the pipeline or made the release: they cannot approve it."""
    compiled: str | None
    """`onnx` when the door can answer by itself, None when a worker process does."""
    compile_note: str
    """How the compiled form compares with the original, or why there is none."""
    created_by: str
    created_at: str
    because: str = ""
    """Why a trigger began its run; empty when a person did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """A reproduction as the ledger lists it; its report lies signed in the artifacts."""

    id: str
    grade: str
    envelope: str
    """Artifact digest of the signed report."""
    runtime: str
    """Artifact digest of what the second run ran on."""
    created_by: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One station of a trace: what it is, its name, and its facts in reading order."""

    kind: str
    """prediction, release, reproduction, run, commit, data, runtime, verdict, approval, deployment."""
    name: str
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where something comes from: from the thing asked about back to commit, data, verdict and approver."""

    subject: str
    links: tuple[Link, ...]
