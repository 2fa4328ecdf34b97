"""Who scores what: the candidate and the champions, each in a process of its own, at the same time.

Scores are kept as artifacts: an unchanged champion is not asked again about an unchanged holdout.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.errors import BadRows
from plimsoll.bundle.score import score_rows
from plimsoll.bundle.scores import Scores, load_scores, save_scores
from plimsoll.gates.errors import ChampionDiffers
from plimsoll.kernel.hashing import digest_file, digest_json

_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A scorer that is asked about the holdout: its folder, the digest of its tree, and what people call it."""

    folder: Path
    digest: str
    name: str
    live: LiveIn | None = None
    """None for the candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveIn:
    """Where a champion is live, and the digest of its release."""

    environment: str
    release: str


def tree_digest(folder: Path) -> str:
    """The digest that `FolderStore.put_tree` would give, without what Python writes beside code that it has run."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest_json({"tree": {path.relative_to(folder).as_posix(): digest_file(path) for path in files}})


def score_all(contenders: Mapping[str, Contender], rows: Path) -> dict[str, Scores]:
    """Scores by the contenders' digests, two processes at a time.

    Raises what score_rows raises; ChampionDiffers when a champion needs columns that this holdout does not have.
    """
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        waiting = {digest: pool.submit(_score, contender, rows) for digest, contender in contenders.items()}
        return {digest: future.result() for digest, future in waiting.items()}


def keep_scores(artifacts: FolderStore, scores: Scores) -> str:
    """Store scores; returns their artifact's digest."""
    buffer = io.BytesIO()
    save_scores(buffer, scores)
    return artifacts.put_bytes(buffer.getvalue())


def read_scores(artifacts: FolderStore, digest: str) -> Scores:
    """Stored scores. Raises ArtifactMissing."""
    return load_scores(artifacts.path(digest))


def _score(contender: Contender, rows: Path) -> Scores:
    try:
        return score_rows(contender.folder, rows)
    except BadRows as error:
        if contender.live is None:
            raise
        raise ChampionDiffers(
            candidate="The candidate",
            champion=contender.name,
            environment=contender.live.environment,
            problem=f"the holdout is not what it was made for ({error.facts['listing']})",
        ) from error
