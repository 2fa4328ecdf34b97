"""A node's own artifacts, kept between runs up to a size, and filled from the depot.

A job gets a folder of artifacts of its own, of links into this store, so that what is dropped here is missed by nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.sizes import parse_size
from plimsoll.pipeline.executors.ray_depot import PIECE, SMALL, TOGETHER, DamagedOnTheWay

_FOLDER, _SIZE = "PLIMSOLL_NODE_CACHE", "PLIMSOLL_NODE_CACHE_SIZE"
_DEFAULT_SIZE = "20Gi"
_IN_FLIGHT = 3


def node_folder() -> Path:
    """Where Plimsoll keeps things on this node: PLIMSOLL_NODE_CACHE, else a folder of the user's cache."""
    named = os.environ.get(_FOLDER)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(home) / "plimsoll" / "node"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class NodeStore:
    """Artifacts on this node. depot: a handle of the actor of ray_depot.py."""

    def __init__(self, folder: Path, depot: Any) -> None:
        self._store = FolderStore(folder / "artifacts")
        self._lock = folder / "lock"
        self._depot = depot

    def lend(self, digests: Iterable[str], job: FolderStore) -> None:
        """Put artifacts into a job's own store, fetched first where this node lacks them. Raises what the depot raises."""
        wanted = [digest for digest in dict.fromkeys(digests) if not job.has(digest)]
        lacking = [digest for digest in wanted if not self._link(self._store, job, digest)]
        for start in range(0, len(lacking), TOGETHER):
            some = lacking[start : start + TOGETHER]
            for digest, found in zip(some, self._ask(self._depot.fetch.remote(some)), strict=True):
                pieces = [found] if isinstance(found, bytes) else self._pieces(digest, found)
                if job.put_pieces(pieces) != digest:
                    raise DamagedOnTheWay(digest)
                self._link(job, self._store, digest)

    def send(self, job: FolderStore, digests: Iterable[str], scratch: str) -> None:
        """Give the depot what a job made, as far as it lacks it, and keep it here. scratch: the job's folder there."""
        made = list(digests)
        small: list[bytes] = []
        for digest in self._ask(self._depot.lacking.remote(made)):
            if job.path(digest).stat().st_size > SMALL:
                self._send_big(job.path(digest), digest, scratch)
                continue
            small.append(job.read_bytes(digest))
            if len(small) == TOGETHER:
                self._ask(self._depot.keep.remote(small))
                small = []
        self._ask(self._depot.keep.remote(small))
        for digest in made:
            self._link(job, self._store, digest)

    def shrink(self) -> None:
        """Drop what was used longest ago until the rest fits PLIMSOLL_NODE_CACHE_SIZE, 20 GiB by default."""
        most = parse_size(os.environ.get(_SIZE, _DEFAULT_SIZE))
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return  # somebody else is at it
            files = [(file, file.stat()) for file in self._store.root.glob("??/*")]
            total = sum(stat.st_size for _, stat in files)
            for file, stat in sorted(files, key=lambda each: each[1].st_mtime):
                if total <= most:
                    return
                file.unlink(missing_ok=True)
                total -= stat.st_size

    def _pieces(self, digest: str, size: int) -> Iterator[bytes]:
        """A big artifact, a few pieces of it on their way at once."""
        offsets = iter(range(0, size, PIECE))
        coming: list[Any] = []
        while True:
            while len(coming) < _IN_FLIGHT and (offset := next(offsets, None)) is not None:
                coming.append(self._depot.piece.remote(digest, offset))
            if not coming:
                return
            yield self._ask(coming.pop(0))

    def _send_big(self, file: Path, digest: str, scratch: str) -> None:
        going: list[Any] = []
        with file.open("rb") as stream:
            offset = 0
            while content := stream.read(PIECE):
                going.append(self._depot.receive.remote(scratch, digest, offset, content))
                offset += len(content)
                if len(going) == _IN_FLIGHT:
                    self._ask(going.pop(0))
        self._ask(going)
        self._ask(self._depot.commit.remote(scratch, digest))

    @staticmethod
    def _ask(reference: Any) -> Any:
        import ray

        return ray.get(reference)

    @staticmethod
    def _link(source: FolderStore, target: FolderStore, digest: str) -> bool:
        """Have an artifact in another store on this disk, too; returns whether the source has it."""
        name = f"{digest[:2]}/{digest[2:]}"
        place = target.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.utime(source.root / name)
            os.link(source.root / name, place)
        except FileNotFoundError:
            return False
        except FileExistsError:
            pass
        return True


@contextlib.contextmanager
def folder_below(folder: Path, name: str) -> Iterator[Path]:
    """A new folder, gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder, ignore_cleanup_errors=True) as own:
        yield Path(own)
