"""Where a dataset's bytes come from, and the one way to have them: files of this machine, objects of a cloud, a query.

Kept bytes lie in the artifacts under their digest; nothing here decides whether they are good, or records them.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.databases import RESULT
from plimsoll.data.entities import FileEntry, FilesNow, Format
from plimsoll.data.files import find_files
from plimsoll.data.objects import find_objects, keep_objects, objects_now
from plimsoll.data.queries import write_result
from plimsoll.data.versions import HashCache, Told, files_now, keep_files
from plimsoll.kernel.hashing import digest_file
from plimsoll.project.entities import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A dataset of a project, and what the machine gives to bring its bytes."""

    name: str
    dataset: Dataset
    root: Path
    state: Path
    """The workspace's own folder; files below it never count."""
    memory: Path
    """A folder for what is remembered of files and objects; it may be deleted at any time."""
    now_ns: int
    """Unix time in nanoseconds."""

    @property
    def place(self) -> str:
        """What the project file says, for people."""
        return self.dataset.path or RESULT

    def keep(self, artifacts: FolderStore, *, rehash: bool, told: Told) -> tuple[tuple[FileEntry, ...], Format]:
        """Bring what changed into the artifacts, and say how it is written.

        rehash: trust nothing that is remembered. told: the name, how many are done, how many there are.
        """
        path = self.dataset.path
        if path is None:
            return (self._ask(artifacts, told),), "parquet"
        if "://" in path:
            objects = find_objects(self.name, path, format=self.dataset.format)
            entries = keep_objects(objects, artifacts=artifacts, memory=self._objects, rehash=rehash, told=told)
            return entries, objects.format
        files = find_files(self.name, path, root=self.root, state=self.state, format=self.dataset.format)
        cache = HashCache(self._files)
        return keep_files(
            self.name, files, artifacts=artifacts, cache=cache, now_ns=self.now_ns, rehash=rehash, hashed=told
        ), files.format

    def look(self) -> FilesNow:
        """What lies there now, with digests: only what changed is read. A query is asked, whatever it costs."""
        path = self.dataset.path
        if path is None:
            with tempfile.TemporaryDirectory(prefix="plimsoll-query-") as folder:
                file = self._written(Path(folder))
                entry = FileEntry(path=RESULT, digest=digest_file(file), size=file.stat().st_size)
                return FilesNow(entries=(entry,), changed_ns=self.now_ns)
        if "://" in path:
            return objects_now(find_objects(self.name, path, format=self.dataset.format), memory=self._objects)
        found = find_files(self.name, path, root=self.root, state=self.state, format=self.dataset.format)
        return files_now(self.name, found, cache=HashCache(self._files), now_ns=self.now_ns)

    def _ask(self, artifacts: FolderStore, told: Told) -> FileEntry:
        with tempfile.TemporaryDirectory(prefix="plimsoll-query-") as folder:
            file = self._written(Path(folder))
            entry = FileEntry(path=RESULT, digest=artifacts.put_file(file), size=file.stat().st_size)
        told("asked its query", 1, 1)
        return entry

    def _written(self, folder: Path) -> Path:
        query, url = self.dataset.query, self.dataset.url
        assert query is not None, "the project's rules want a path or a query"
        assert url is not None, "the project's rules want a database for each query"
        file = folder / "result.parquet"
        write_result(self.name, query=query, url=url, root=self.root, into=file)
        return file

    @property
    def _files(self) -> Path:
        return self.memory / f"{self.name}.json"

    @property
    def _objects(self) -> Path:
        return self.memory / f"{self.name}.objects.json"
