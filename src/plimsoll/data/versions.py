"""From files to a data version: hash what changed, keep a copy of the bytes, derive the version's digest.

Files are hashed while they are copied into the artifacts, several at once. A small cache by size, time of
change and inode spares what did not change; it is a file below the workspace's cache and may be deleted at any time.
"""

from __future__ import annotations

import json
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a file system knows of a file without reading it."""

    size: int
    changed_ns: int
    """The later of its modification time and its status change time; programs set the first as they like."""
    inode: int


class HashCache:
    """Digests of one dataset's files as last seen: path -> stamp and digest."""

    def __init__(self, file: Path, *, forget: bool = False) -> None:
        """forget: begin as if nothing had been remembered."""
        self._file = file
        self._known = {} if forget else _read(file)

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
    hashed: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> tuple[FileEntry, ...]:
    """Copy the files into the artifacts, unless they are known and there; returns their digests in order.

    now_ns: Unix time in nanoseconds. hashed: told the name, how many are done and how many there are, after each
    file that had to be read. Raises Unreadable, and ArtifactStoreFull when the copy cannot be written.
    """
    stamps = [_stamp(dataset, path, name) for path, name in zip(found.files, found.names, strict=True)]
    known = [cache.digest(path, stamp) for path, stamp in zip(found.files, stamps, strict=True)]
    changed = [index for index, digest in enumerate(known) if digest is None or not artifacts.has(digest)]
    digests = {index: digest for index, digest in enumerate(known) if digest is not None}

    def keep(index: int) -> str:
        try:
            return artifacts.put_file(found.files[index])
        except SourceUnreadable as error:
            raise Unreadable(dataset=dataset, file=found.names[index], problem=error.facts["problem"]) from error

    with ThreadPoolExecutor(max_workers=min(8, max(1, len(changed)))) as pool:
        for done, (index, digest) in enumerate(zip(changed, pool.map(keep, changed), strict=True), start=1):
            digests[index] = digest
            hashed(found.names[index], done, len(changed))

    settled = {}
    for index, (path, name) in enumerate(zip(found.files, found.names, strict=True)):
        stamp = stamps[index]
        if _stamp(dataset, path, name) == stamp and stamp.changed_ns < now_ns - _SETTLED_NS:
            settled[str(path)] = (stamp, digests[index])
    cache.replace(settled)
    return tuple(
        FileEntry(path=name, digest=digests[index], size=artifacts.path(digests[index]).stat().st_size)
        for index, name in enumerate(found.names)
    )


def files_now(dataset: str, found: Found, *, cache: HashCache, now_ns: int) -> FilesNow:
    """The files' digests; only those are read that changed since they were last hashed. Raises Unreadable."""
    stamps = [_stamp(dataset, path, name) for path, name in zip(found.files, found.names, strict=True)]
    digests = []
    settled = {}
    for path, name, stamp in zip(found.files, found.names, stamps, strict=True):
        try:
            digest = cache.digest(path, stamp) or digest_file(path)
        except OSError as error:
            raise Unreadable(dataset=dataset, file=name, problem=(error.strerror or str(error)).lower()) from error
        digests.append(digest)
        if _stamp(dataset, path, name) == stamp and stamp.changed_ns < now_ns - _SETTLED_NS:
            settled[str(path)] = (stamp, digest)
    cache.replace(settled)
    entries = tuple(
        FileEntry(path=name, digest=digest, size=stamp.size)
        for name, digest, stamp in zip(found.names, digests, stamps, strict=True)
    )
    return FilesNow(entries=entries, changed_ns=max(stamp.changed_ns for stamp in stamps))


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
