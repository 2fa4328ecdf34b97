"""A release as a folder: `release.json` names every file by its digest, `signature.json` signs it.

Written once, verified before anything in it is loaded. Beside these two lie `scorer/`, `lock.txt`, `columns.json`,
`verdict.json`, `model-card.md` and, when there is a compiled form, `compiled/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from plimsoll.bundle.entities import Manifest
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.hashing import digest_bytes, digest_file

if TYPE_CHECKING:
    from plimsoll.bundle.signing import Signer

MANIFEST = "release.json"
SIGNATURE = "signature.json"
PAYLOAD_TYPE = "application/vnd.plimsoll.release.v1+json"
_UNLISTED = {MANIFEST, SIGNATURE}
_NAMED = 5


class Tampered(PlimsollError):
    """A bundle that differs from what was signed."""

    code = "bundle.tampered"
    kind = Kind.DENIED
    text = "The bundle {folder} is not what was signed: {listing}."
    hint = "Do not use this copy. Remove it and let Plimsoll unpack the release anew; if that fails too, release again."


def write_bundle(
    folder: Path,
    *,
    signer: Signer,
    project: str,
    number: int,
    run: str,
    commit: str,
    authors: tuple[str, ...],
    dirty: tuple[str, ...],
    data: Mapping[str, str],
    lock_digest: str,
    verdict: str,
    created_by: str,
    created_at: str,
    compiled: str | None,
) -> str:
    """Seal a folder that holds the rest of a bundle: write its manifest and its signature.

    Returns the release's digest, the SHA-256 of release.json. Sealing again replaces both.
    Raises Tampered when the folder holds links or other things than files.
    """
    problems, files = _survey(folder)
    problems += [
        f"{path} is no name that every system can hold" for path in sorted(files) if not _is_safe(path, ours=True)
    ]
    _refuse(folder, problems)
    manifest = Manifest(
        project=project,
        number=number,
        files={name: digest_file(folder / name) for name in sorted(files - _UNLISTED)},
        run=run,
        commit=commit,
        authors=authors,
        dirty=dirty,
        data=dict(data),
        lock_digest=lock_digest,
        verdict=verdict,
        created_by=created_by,
        created_at=created_at,
        compiled=compiled,
    )
    content = canonical_json(asdict(manifest))
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(canonical_json(signer.sign(PAYLOAD_TYPE, content)))
    return digest_bytes(content)


def manifest_digest(folder: Path) -> str:
    """The release's digest. Raises Tampered when release.json is missing."""
    return digest_bytes(_read(folder, MANIFEST))


def verify_bundle(folder: Path, keys: Path, name: str = "release") -> Manifest:
    """The bundle's manifest, once signature, manifest and every file are known to be what was signed.

    Nothing in the bundle is loaded or run by this. A file's name that leads out of the folder is refused, as are links.
    Raises Tampered, naming each changed, missing and extra file, or BadSignature.
    """
    from plimsoll.bundle.signing import verify_envelope

    content = _read(folder, MANIFEST)
    signed = verify_envelope(_envelope(folder), keys, name, payload_type=PAYLOAD_TYPE)
    if signed != content:
        _refuse(folder, [f"{MANIFEST} is changed, or {SIGNATURE} belongs to another release"])
    manifest = _parse(folder, content)
    _refuse(folder, [f"{MANIFEST} names the unsafe path {path!r}" for path in manifest.files if not _is_safe(path)])
    problems, files = _survey(folder)
    listed = {*manifest.files}
    problems += [f"{path} is missing" for path in sorted(listed - files)]
    problems += [f"{path} is extra" for path in sorted(files - listed - _UNLISTED)]
    problems += [
        f"{path} is changed" for path in sorted(listed & files) if digest_file(folder / path) != manifest.files[path]
    ]
    _refuse(folder, problems)
    return manifest


def _survey(folder: Path) -> tuple[list[str], set[str]]:
    """What does not belong in any bundle, and the paths of the files."""
    problems, files, folders = [], set(), set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            problems.append(f"{name} is a link")
        elif path.is_dir():
            folders.add(name)
        elif path.is_file():
            files.add(name)
        else:
            problems.append(f"{name} is not a file")
    used = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents}
    linked = {problem.partition(" is ")[0] for problem in problems}
    used |= {parent.as_posix() for name in linked for parent in PurePosixPath(name).parents}
    problems += [f"{name} is an empty folder" for name in sorted(folders - used)]
    return problems, files


def _is_safe(path: str, *, ours: bool = False) -> bool:
    pure = PurePosixPath(path)
    odd = pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or ":" in path
    return bool(path) and not odd and pure.as_posix() == path and (ours or path not in _UNLISTED)


def _read(folder: Path, name: str) -> bytes:
    place = folder / name
    if place.is_symlink():
        _refuse(folder, [f"{name} is a link"])
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise _tampered(folder, [f"{name} is missing"]) from error


def _envelope(folder: Path) -> Any:
    try:
        return json.loads(_read(folder, SIGNATURE))
    except ValueError as error:
        raise _tampered(folder, [f"{SIGNATURE} is not JSON"]) from error


def _parse(folder: Path, content: bytes) -> Manifest:
    try:
        page = json.loads(content)
        return Manifest(**{**page, "authors": tuple(page["authors"]), "dirty": tuple(page["dirty"])})
    except (ValueError, TypeError, KeyError) as error:
        problem = f"{MANIFEST} is no manifest of this version of Plimsoll ({error})"
        raise _tampered(folder, [problem]) from error


def _refuse(folder: Path, problems: list[str]) -> None:
    if problems:
        raise _tampered(folder, problems)


def _tampered(folder: Path, problems: list[str]) -> Tampered:
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return Tampered(folder=str(folder), problems=problems, listing="; ".join(problems[:_NAMED]) + more)
