"""The one door between the nodes of a Ray cluster and the files of whoever runs the pipeline.

An actor on the driver's own node: it reads the artifacts for nodes that lack some, takes in what steps made, and
writes their logs where local steps would have written them. Big files go in pieces. It ends with its driver.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore

PIECE = 4 << 20
"""Bytes of a big artifact that travel at once."""
SMALL = 256 << 10
"""An artifact of at most so many bytes travels whole, together with others."""
TOGETHER = 16


class DamagedOnTheWay(Exception):
    """Bytes that arrived are not those of their digest."""


class Depot:
    """Answers nodes. `append` is called by one caller for a file at a time, and waits for its turn."""

    def __init__(self, artifacts: str) -> None:
        self._artifacts = FolderStore(Path(artifacts))

    def holds(self, digest: str) -> bool:
        """Whether it sees the artifacts: that one is among them."""
        return self._artifacts.has(digest)

    def fetch(self, digests: Sequence[str]) -> list[bytes | int]:
        """Each artifact's content, or its size in bytes when it is not small. Raises ArtifactMissing."""
        paths = [self._artifacts.path(digest) for digest in digests]
        sizes = [path.stat().st_size for path in paths]
        return [path.read_bytes() if size <= SMALL else size for path, size in zip(paths, sizes, strict=True)]

    def piece(self, digest: str, offset: int) -> bytes:
        """The next bytes of a big artifact."""
        with self._artifacts.path(digest).open("rb") as stream:
            return os.pread(stream.fileno(), PIECE, offset)

    def lacking(self, digests: Sequence[str]) -> list[str]:
        """Which of them are not among the artifacts."""
        return [digest for digest in digests if not self._artifacts.has(digest)]

    def keep(self, contents: Sequence[bytes]) -> None:
        """Take small artifacts in."""
        for content in contents:
            self._artifacts.put_bytes(content)

    def receive(self, scratch: str, digest: str, offset: int, content: bytes) -> None:
        """Lay a piece of a big artifact down in the folder of the step that made it; `commit` takes it in."""
        place = os.open(Path(scratch, f"arriving-{digest}"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(place, content, offset)
        finally:
            os.close(place)

    def commit(self, scratch: str, digest: str) -> None:
        """Take a big artifact in that has arrived. Raises DamagedOnTheWay when it is another than was said."""
        place = Path(scratch, f"arriving-{digest}")
        found = self._artifacts.put_file(place)
        place.unlink()
        if found != digest:
            raise DamagedOnTheWay(digest)

    def append(self, file: str, content: bytes) -> None:
        """Add to a log or to what a step logged."""
        place = Path(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as stream:
            stream.write(content)

    def begin(self, file: str, content: bytes) -> None:
        """Write a file unless it is there: what an import printed first, for each process that imports."""
        place = Path(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), place.open("xb") as stream:
            stream.write(content)
