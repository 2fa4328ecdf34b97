"""Finds a dataset's objects in a bucket: a file, a glob or a folder; and brings what changed, hashed on its way.

An object is unchanged while size, ETag, version and time of change are; a small file below the workspace's cache
remembers them with the digest, and may be deleted at any time. Several objects are fetched at once, in pieces.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.clouds import Bucket, CloudObject
from plimsoll.data.entities import FileEntry, FilesNow, Format
from plimsoll.data.errors import NoObject
from plimsoll.data.files import FOLDER_FORMATS, format_of
from plimsoll.data.versions import Told
from plimsoll.kernel.files import replace_text

_AT_ONCE = 8
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObjects:
    """The objects of one dataset in the order in which their rows are read."""

    bucket: Bucket
    objects: tuple[CloudObject, ...]
    format: Format

    def name(self, item: CloudObject) -> str:
        """What people call it: its URL."""
        return f"{self.bucket.url}/{item.key}"


def find_objects(dataset: str, path: str, *, format: Format | None = None) -> FoundObjects:
    """The objects that a path such as s3://bucket/folder/*.parquet names, sorted by key.

    A folder stands for every .csv, .tsv, .parquet and .pq object below it, hidden ones apart. `**` crosses folders.
    Raises NoObject, UnknownFormat, MixedFormats and what Bucket raises.
    """
    scheme, _, rest = path.partition("://")
    name, _, key = rest.partition("/")
    bucket = Bucket(dataset, scheme, name)
    objects = sorted(_candidates(bucket, key, format), key=lambda item: item.key)
    if not objects:
        raise NoObject(dataset=dataset, path=path)
    names = tuple(f"{bucket.url}/{item.key}" for item in objects)
    return FoundObjects(bucket=bucket, objects=tuple(objects), format=format or format_of(dataset, path, names))


def keep_objects(
    found: FoundObjects, *, artifacts: FolderStore, memory: Path, rehash: bool, told: Told
) -> tuple[FileEntry, ...]:
    """Bring the objects into the artifacts, unless they are known and there; returns their digests in order.

    rehash: bring all of them. told: the name, how many are done, how many there are, after each one brought.
    Raises what Bucket raises, and ArtifactStoreFull.
    """
    known = {} if rehash else _read(memory)

    def digest(item: CloudObject) -> str | None:
        remembered = _remembered(known, found.name(item), item)
        return remembered if remembered and artifacts.has(remembered) else None

    return _entries(found, memory, digest, lambda item: artifacts.put_pieces(found.bucket.read(item)), told)


def objects_now(found: FoundObjects, *, memory: Path) -> FilesNow:
    """The objects' digests; only those are read that changed since, and none is kept. Raises what Bucket raises."""
    known = _read(memory)

    def fetch(item: CloudObject) -> str:
        hasher = hashlib.sha256()
        for piece in found.bucket.read(item):
            hasher.update(piece)
        return hasher.hexdigest()

    entries = _entries(found, memory, lambda item: _remembered(known, found.name(item), item), fetch, lambda *_: None)
    changed = max(item.changed for item in found.objects)
    return FilesNow(entries=entries, changed_ns=int(changed.timestamp()) * 1_000_000_000)


def _entries(
    found: FoundObjects,
    memory: Path,
    known: Callable[[CloudObject], str | None],
    fetch: Callable[[CloudObject], str],
    told: Told,
) -> tuple[FileEntry, ...]:
    digests = {item.key: known(item) for item in found.objects}
    changed = [item for item in found.objects if digests[item.key] is None]
    if changed:
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(changed))) as pool:
            try:
                for done, (item, digest) in enumerate(zip(changed, pool.map(fetch, changed), strict=True), start=1):
                    digests[item.key] = digest
                    told(found.name(item), done, len(changed))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    entries = tuple(
        FileEntry(path=found.name(item), digest=digests[item.key] or "", size=item.size) for item in found.objects
    )
    _remember(
        memory, {entry.path: [*item.stamp, entry.digest] for entry, item in zip(entries, found.objects, strict=True)}
    )
    return entries


def _candidates(bucket: Bucket, key: str, format: Format | None) -> list[CloudObject]:
    if _MAGIC.search(key):
        folder = _MAGIC.split(key)[0].rpartition("/")[0]
        pattern = re.compile(_pattern(key))
        deep = "/" in key[len(folder) :].lstrip("/")
        return [item for item in bucket.below(folder, deep=deep) if pattern.fullmatch(item.key)]
    exact = bucket.find(key) if key and not key.endswith("/") else None
    if exact is not None and (exact.size or _known(exact.key)):
        return [exact]
    folder = key.strip("/")
    return [
        item
        for item in bucket.below(folder, deep=True)
        if not any(part.startswith((".", "_")) for part in item.key[len(folder) :].split("/"))
        and (_known(item.key) or (format is not None and item.size > 0))
    ]


def _known(key: str) -> bool:
    return key.lower().endswith(FOLDER_FORMATS)


def _pattern(glob: str) -> str:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**/` is any number of folders."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]]+\])", glob)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        signs.get(part)
        or (part.replace("[!", "[^") if part.startswith("[") and part.endswith("]") else re.escape(part))
        for part in parts
    )


def _remembered(known: dict[str, list[Any]], name: str, item: CloudObject) -> str | None:
    last = known.get(name)
    return str(last[-1]) if last and item.stamp and last[:-1] == item.stamp else None


def _read(memory: Path) -> dict[str, list[Any]]:
    try:
        document = json.loads(memory.read_text(encoding="utf-8"))
        return {name: list(value) for name, value in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # absent, or not ours: fetch again


def _remember(memory: Path, entries: dict[str, list[Any]]) -> None:
    """A memory that cannot be written is no error."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        replace_text(memory, json.dumps(entries))
    except OSError:
        return
