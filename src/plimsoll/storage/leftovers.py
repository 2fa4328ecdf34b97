"""What lies beside the artifacts and can go: logs of runs that are not kept, scratch folders, runtimes of no release."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from plimsoll.kernel.workspace import Workspace

_REMEMBERED = "data"
"""The folder of the cache in which the digests of files are remembered: without, all data is read again."""
_RUNTIME = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"run-[0-9a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file or folder that can go."""

    what: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes of its files."""
        if not self.path.is_dir():
            return self.path.lstat().st_size
        return sum(file.lstat().st_size for file in self.path.rglob("*") if not file.is_dir())

    def remove(self) -> None:
        """Remove it; what is gone already is fine."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            self.path.unlink(missing_ok=True)


def leftovers(workspace: Workspace, *, runs: Collection[str], locks: Collection[str]) -> Iterator[Leftover]:
    """runs: those that are kept. locks: digests of the locks of releases, whose runtimes are kept."""
    for log in _children(workspace.logs):
        if _RUN.fullmatch(log.name) and log.name not in runs:
            yield Leftover(what="logs", path=log)
    for scratch in _children(workspace.cache):
        if scratch.name != _REMEMBERED:
            yield Leftover(what="scratch", path=scratch)
    for runtime in _children(workspace.runtimes):
        if _RUNTIME.fullmatch(runtime.name) and runtime.name not in locks:
            yield Leftover(what="runtimes", path=runtime)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
