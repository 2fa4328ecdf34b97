"""Which artifacts are needed once some are, and how the rest is removed; and who may be at work meanwhile.

Whoever writes artifacts that no ledger names yet is `at_work`; a sweep waits until nobody is, and keeps others out.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.errors import Kind, PlimsollError

_LOCK = "at-work.lock"
_LOOK_S = 0.05
_TREE = b'{"tree":'


class StoreInUse(PlimsollError):
    """Somebody is at work on what would be swept."""

    code = "artifacts.in_use"
    kind = Kind.CONFLICT
    text = "Runs, releases or scoring are under way in {store}, so nothing is removed now."
    hint = "Wait until they are over (`plimsoll runs` shows them), or end them with `plimsoll cancel`; then try again."


@contextmanager
def at_work(store: FolderStore) -> Iterator[None]:
    """While this lasts nothing is swept. Any number of processes and threads may be at work at once."""
    with _locked(store.root, fcntl.LOCK_SH, patience_s=None):
        yield


@contextmanager
def alone(store: FolderStore, *, patience_s: float) -> Iterator[None]:
    """While this lasts nobody begins to be at work; they wait. Raises StoreInUse."""
    with _locked(store.root, fcntl.LOCK_EX, patience_s=patience_s):
        yield


def stored(store: FolderStore) -> Iterator[tuple[str, int]]:
    """The digest and size of every artifact, in no order."""
    for folder in _scan(store.root):
        if folder.is_dir() and len(folder.name) == 2:
            for file in _scan(Path(folder.path)):
                yield folder.name + file.name, file.stat().st_size


def needed(store: FolderStore, digests: Iterable[str]) -> set[str]:
    """Those of the digests that are stored, with all that trees among them hold."""
    found: set[str] = set()
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        if digest not in found and store.has(digest):
            found.add(digest)
            waiting += _parts(store, digest)
    return found


def sweep(store: FolderStore, keep: set[str]) -> tuple[int, int]:
    """Remove every artifact but these, and what writers that were killed left half-written; files and bytes removed.

    Only within `alone`. One that is killed has removed some, and the next removes the rest.
    """
    files = total = 0
    for digest, size in stored(store):
        if digest not in keep:
            store.remove(digest)
            files, total = files + 1, total + size
    for file in _scan(store.root / "incoming"):
        Path(file.path).unlink(missing_ok=True)
    return files, total


def _parts(store: FolderStore, digest: str) -> list[str]:
    with store.path(digest).open("rb") as file:
        if file.read(len(_TREE)) != _TREE:
            return []
    try:
        return list(store.tree(digest).values())
    except (ValueError, KeyError, AttributeError):  # some file that begins as a tree does
        return []


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


@contextmanager
def _locked(root: Path, how: int, *, patience_s: float | None) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(descriptor, how, root, patience_s)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, how: int, root: Path, patience_s: float | None) -> None:
    if patience_s is None:
        fcntl.flock(descriptor, how)
        return
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StoreInUse(store=str(root)) from error
            time.sleep(_LOOK_S)
        else:
            return
