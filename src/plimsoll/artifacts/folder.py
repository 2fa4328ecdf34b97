"""Artifacts in a local folder: files named by the SHA-256 of their content, written once, read-only.

A tree (a folder of files) is an artifact too: a small JSON manifest of relative path to digest.
A write is temp file, fsync, rename: a killed process leaves no half-written artifact under a digest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.files import new_file, sync_file, sync_folder
from plimsoll.kernel.hashing import digest_bytes, digest_file

_PIECE = 1 << 20
_SMALL = 1 << 16
"""Up to so many bytes a file is read first, and written only if it is new: making a file costs more than hashing it."""
_DIGITS = 64


class ArtifactMissing(PlimsollError):
    """A digest that the store does not hold."""

    code = "artifacts.missing"
    kind = Kind.MISSING
    text = "Artifact {digest} is not in {store}."
    hint = "It was removed by `plimsoll gc`, or made on another machine. Run the pipeline again to make it."


class ArtifactStoreFull(PlimsollError):
    """The disk under the store refused a write."""

    code = "artifacts.write_failed"
    kind = Kind.UNAVAILABLE
    text = "Cannot write to {store}: {problem}."
    hint = "Nothing was half-written. Free some space or repair the disk, then run the same command again."


class SourceUnreadable(PlimsollError):
    """A file that was to be stored and cannot be read to its end."""

    code = "artifacts.source_unreadable"
    kind = Kind.INVALID
    text = "{source} cannot be read: {problem}."
    hint = "Check that it exists, that you may read it, and that its disk is sound."


class FolderStore:
    """Artifacts under one folder, spread over 256 subfolders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._text = os.fspath(root)

    def put_bytes(self, content: bytes) -> str:
        """Store bytes; returns their digest. Storing the same again changes nothing."""
        digest = digest_bytes(content)
        if not self.has(digest):
            with self._incoming() as temporary:
                temporary.write_bytes(content)
                self._commit({digest: temporary})
        return digest

    def put_file(self, source: Path) -> str:
        """Store a copy of a file, hashed while it is copied; returns its digest. Raises SourceUnreadable."""
        content = _small(source)
        return self.put_pieces(_pieces(source)) if content is None else self.put_bytes(content)

    def put_pieces(self, pieces: Iterable[bytes | memoryview]) -> str:
        """Store the bytes that come piece by piece, hashed on their way; returns their digest.

        What the pieces' own source raises ends it, and nothing is kept; an OSError is taken for one of this disk.
        """
        hasher = hashlib.sha256()
        with self._incoming() as temporary:
            with temporary.open("wb", buffering=0) as writer:
                for piece in pieces:
                    hasher.update(piece)
                    _write(writer, piece)
            digest = hasher.hexdigest()
            if not self.has(digest):
                self._commit({digest: temporary})
        return digest

    def put_tree(self, folder: Path) -> str:
        """Store every file below a folder; returns the digest of their manifest. Times and owners do not count."""
        return self.put_files(_below(folder))

    def take_tree(self, folder: Path) -> str:
        """Store every file below a folder as `put_tree` does, and leave the folder spent: what is new is moved.

        For folders that nobody else writes to. What lies on another disk than the store is copied.
        """
        files = _below(folder)
        digests = {name: digest_file(path) for name, path in files.items()}
        manifest = canonical_json({"tree": digests})
        digest = digest_bytes(manifest)
        new = {entry: files[name] for name, entry in digests.items() if not self.has(entry)}
        if new or not self.has(digest):
            with self._incoming() as temporary:
                temporary.write_bytes(manifest)
                self._commit({**new, digest: temporary})
        return digest

    def put_files(self, files: Mapping[str, Path]) -> str:
        """Store some files as a tree: relative path in the tree -> file. Returns the digest of their manifest."""
        return self.put_entries({name: self.put_file(path) for name, path in files.items()})

    def put_entries(self, entries: Mapping[str, str]) -> str:
        """Store a tree of what is stored: relative path -> digest. Returns the digest of their manifest."""
        return self.put_bytes(canonical_json({"tree": dict(entries)}))

    def has(self, digest: str) -> bool:
        return len(digest) == _DIGITS and os.path.exists(f"{self._text}/{digest[:2]}/{digest[2:]}")  # noqa: PTH110 - asked for thousands

    def path(self, digest: str) -> Path:
        """Where the artifact's bytes lie; read-only. Raises ArtifactMissing."""
        if not self.has(digest):
            raise ArtifactMissing(digest=digest, store=str(self.root))
        return self._place(digest)

    def read_bytes(self, digest: str) -> bytes:
        """The artifact's content. Raises ArtifactMissing."""
        return self.path(digest).read_bytes()

    def remove(self, digest: str) -> None:
        """Remove an artifact, and nothing that it names; one that is gone already is fine. See sweeping.py."""
        self._place(digest).unlink(missing_ok=True)

    def tree(self, digest: str) -> dict[str, str]:
        """Relative path to digest of a stored tree. Raises ArtifactMissing."""
        entries: dict[str, str] = json.loads(self.read_bytes(digest))["tree"]
        return entries

    def unpack(self, digest: str, into: Path) -> Path:
        """Lay a stored tree out as a folder, whole or not at all; an existing folder is kept. Raises ArtifactMissing."""
        if into.exists():
            return into
        into.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=into.parent))
        try:
            for name, entry in self.tree(digest).items():
                target = scratch / name
                if not target.resolve().is_relative_to(scratch.resolve()):
                    message = f"the tree {digest} holds {name!r}, which lies outside of it"
                    raise ValueError(message)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path(entry), target)
            try:
                scratch.rename(into)
            except OSError:
                if not into.exists():
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return into

    def _place(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:]

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        folder = self.root / "incoming"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with new_file(folder) as temporary:
                yield temporary
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> ArtifactStoreFull:
        return ArtifactStoreFull(store=str(self.root), problem=error.strerror or str(error))

    def _commit(self, files: Mapping[str, Path]) -> None:
        """Move files to the places of their digests, durably: first their content, then their names."""
        for file in files.values():
            sync_file(file)
        folders = {Path(f"{self._text}/{digest[:2]}") for digest in files}
        made = [folder for folder in folders if _make(folder)]
        for digest, file in files.items():
            file.chmod(0o444)
            self._move(file, self._place(digest))
        for folder in folders:
            sync_folder(folder)
        if made:
            sync_folder(self.root)

    def _move(self, file: Path, place: Path) -> None:
        try:
            file.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with new_file(self.root / "incoming") as near:
                shutil.copyfile(file, near)
                sync_file(near)
                near.chmod(0o444)
                near.replace(place)


def _make(folder: Path) -> bool:
    """Make a folder unless it is there; returns whether this call made it."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _below(folder: Path) -> dict[str, Path]:
    """The files below a folder by their paths in it."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _small(source: Path) -> bytes | None:
    """A small file's content; None for a larger one, and for a pipe, whose size nobody knows. Raises SourceUnreadable."""
    try:
        facts = source.stat()
        return source.read_bytes() if stat.S_ISREG(facts.st_mode) and facts.st_size <= _SMALL else None
    except OSError as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Path, error: OSError) -> SourceUnreadable:
    return SourceUnreadable(source=str(source), problem=(error.strerror or str(error)).lower())


def _write(writer: FileIO, piece: bytes | memoryview) -> None:
    left = memoryview(piece)
    while left:
        left = left[writer.write(left) :]


def _pieces(source: Path) -> Iterator[memoryview]:
    """One buffer, filled anew for each piece: allocating it anew costs a tenth of the speed."""
    buffer = memoryview(bytearray(_PIECE))
    try:
        with source.open("rb", buffering=0) as reader:
            while size := reader.readinto(buffer):
                yield buffer[:size]
    except OSError as error:
        raise _unreadable(source, error) from error
