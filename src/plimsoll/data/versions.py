"""From files to a data version: hash what changed, keep a copy of the bytes, derive the version's digest.

Files are hashed while they are copied into the artifacts, several at once. A small cache by size, time of
change and inode spares what did not change; it is a file below the workspace's cache and may be deleted at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore, SourceUnreadable
from plimsoll.data.entities import DataVersion, FileEntry, FilesNow, Format
from plimsoll.data.errors import Unreadable
from plimsoll.data.files import Found
from plimsoll.kernel.files import replace_text
from plimsoll.kernel.hashing import digest_file, digest_json

_SETTLED_NS = 1_000_000_000
"""A file changed less than a second before it was read may change again with the same time."""

_AT_ONCE = 8
Told = Callable[[str, int, int], None]
"""Takes a name, how many are done and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a file system knows of a file without reading it."""

    size: int
    changed_ns: int
    """The later of its modification time and its status change time; programs set the first as they like."""
    inode: int


class HashCache:
    """Digests of one dataset's files as last seen: path -> stamp and digest."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read(file)

    def digest(self, path: Path, stamp: Stamp) -> str | None:
        """The digest of a file that has not changed since it was hashed, else None."""
        known = self._known.get(str(path))
        return known[1] if known and known[0] == stamp else None

    def replace(self, entries: dict[str, tuple[Stamp, str]]) -> None:
        """Remember these files and no others; a cache that cannot be written is no error."""
        if entries == self._known:
            return
        document = {
            path: [stamp.size, stamp.changed_ns, stamp.inode, digest] for path, (stamp, digest) in entries.items()
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._file, json.dumps(document))
        except OSError:
            return


def keep_files(
    dataset: str,
    found: Found,
    *,
    artifacts: FolderStore,
    cache: HashCache,
    now_ns: int,
    rehash: bool = False,
    hashed: Told = lambda _name, _done, _total: None,
) -> tuple[FileEntry, ...]:
    """Copy the files into the artifacts, unless they are known and there; returns their digests in order.

    now_ns: Unix time in nanoseconds. rehash: read every file, whatever the cache says. hashed: told the name, how many
    are done and how many there are, after each file that had to be read.
    Raises Unreadable, and ArtifactStoreFull when the copy cannot be written.
    """

    def known(path: Path, stamp: Stamp) -> str | None:
        digest = None if rehash else cache.digest(path, stamp)
        return digest if digest is not None and artifacts.has(digest) else None

    def keep(path: Path, name: str) -> tuple[str, int]:
        # bytes that are read again are most likely there: reading costs less than writing them again
        digest = _digest(dataset, path, name) if rehash else ""
        try:
            digest = digest if artifacts.has(digest) else artifacts.put_file(path)
            return digest, artifacts.path(digest).stat().st_size
        except SourceUnreadable as error:
            raise Unreadable(dataset=dataset, file=name, problem=error.facts["problem"]) from error

    entries, _ = _entries(dataset, found, cache=cache, now_ns=now_ns, known=known, read=keep, told=hashed)
    return entries


def files_now(dataset: str, found: Found, *, cache: HashCache, now_ns: int) -> FilesNow:
    """The files' digests; only those are read that changed since they were last hashed. Raises Unreadable."""

    def read(path: Path, name: str) -> tuple[str, int]:
        return _digest(dataset, path, name), _stamp(dataset, path, name).size

    entries, changed_ns = _entries(
        dataset, found, cache=cache, now_ns=now_ns, known=cache.digest, read=read, told=lambda *_: None
    )
    return FilesNow(entries=entries, changed_ns=changed_ns)


def _entries(
    dataset: str,
    found: Found,
    *,
    cache: HashCache,
    now_ns: int,
    known: Callable[[Path, Stamp], str | None],
    read: Callable[[Path, str], tuple[str, int]],
    told: Told,
) -> tuple[tuple[FileEntry, ...], int]:
    """The files' entries and when the latest changed; those that nobody knows are read, several at once."""
    files = list(zip(found.files, found.names, strict=True))
    stamps = [_stamp(dataset, path, name) for path, name in files]
    digests = [known(path, stamp) or "" for (path, _), stamp in zip(files, stamps, strict=True)]
    sizes = [stamp.size for stamp in stamps]
    changed = [index for index, digest in enumerate(digests) if not digest]
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, max(1, len(changed)))) as pool:
        fresh = pool.map(lambda index: read(*files[index]), changed)
        for done, (index, (digest, size)) in enumerate(zip(changed, fresh, strict=True), start=1):
            digests[index], sizes[index] = digest, size
            told(files[index][1], done, len(changed))

    moving = {index for index in changed if _stamp(dataset, *files[index]) != stamps[index]}
    remembered = {
        os.fspath(path): (stamp, digest)
        for index, ((path, _), stamp, digest) in enumerate(zip(files, stamps, digests, strict=True))
        if index not in moving and stamp.changed_ns < now_ns - _SETTLED_NS
    }
    entries = tuple(
        FileEntry(path=name, digest=digest, size=size)
        for name, digest, size in zip(found.names, digests, sizes, strict=True)
    )
    cache.replace(remembered)
    return entries, max(stamp.changed_ns for stamp in stamps)


def make_version(
    dataset: str,
    *,
    format: Format,
    files: tuple[FileEntry, ...],
    rows: int,
    columns: tuple[tuple[str, str], ...],
    delimiter: str,
    missing: tuple[str, ...],
) -> DataVersion:
    """The version of these bytes, read in this way. Its digest holds no path: moved data is the same data."""
    manifest = {
        "format": format,
        "files": [[entry.digest, entry.size] for entry in files],
        "columns": columns,
        "delimiter": delimiter,
        "missing": missing,
    }
    return DataVersion(
        dataset=dataset,
        digest=digest_json(manifest),
        files=files,
        rows=rows,
        columns=columns,
        format=format,
        delimiter=delimiter,
        missing=missing,
    )


def _digest(dataset: str, path: Path, name: str) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise Unreadable(dataset=dataset, file=name, problem=(error.strerror or str(error)).lower()) from error


def _stamp(dataset: str, path: Path, name: str) -> Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise Unreadable(dataset=dataset, file=name, problem=(error.strerror or str(error)).lower()) from error
    return Stamp(size=status.st_size, changed_ns=max(status.st_mtime_ns, status.st_ctime_ns), inode=status.st_ino)


def _read(file: Path) -> dict[str, tuple[Stamp, str]]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return {
            path: (Stamp(size=size, changed_ns=changed_ns, inode=inode), digest)
            for path, (size, changed_ns, inode, digest) in document.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # absent, or not ours: hash again
