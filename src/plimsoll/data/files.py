"""Finds the files of a dataset: a file, a glob or a folder, relative to the project. Looks only, reads no content."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plimsoll.data.entities import Format
from plimsoll.data.errors import MixedFormats, NoFile, UnknownFormat, Unreadable
from plimsoll.kernel.nearest import nearest

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
FOLDER_FORMATS = (".csv", ".tsv", ".parquet", ".pq")
"""What a folder stands for; other extensions must be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The files of one dataset in the order in which their rows are read, and how they are written."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    """Their paths as people know them: relative to the project, with forward slashes."""
    format: Format


def find_files(dataset: str, path: str, *, root: Path, state: Path, format: Format | None = None) -> Found:
    """The files that a dataset's path names, sorted; files in the state folder never count.

    A folder stands for every .csv, .tsv, .parquet and .pq file below it; hidden files do not count.
    Raises NoFile (with the nearest path that exists), UnknownFormat, MixedFormats, Unreadable.
    """
    base = root.absolute()
    try:
        candidates = _candidates(base, Path(path).expanduser(), format)
    except OSError as error:
        raise Unreadable(dataset=dataset, file=path, problem=(error.strerror or str(error)).lower()) from error
    files = sorted(_outside(candidates, state.resolve()), key=lambda file: file.parts)
    if not files:
        raise NoFile(dataset=dataset, path=path, nearest=_nearest(base, path))
    names = tuple(_named(files, base))
    return Found(files=tuple(files), names=names, format=format or format_of(dataset, path, names))


def _candidates(base: Path, path: Path, format: Format | None) -> list[Path]:
    place = base / path
    if place.is_dir():
        return list(_below(place, format))
    if place.is_file():
        return [place]
    if not glob.has_magic(str(path)):
        return []
    # relative to base, so that a project in a folder named [old] finds its files
    matches = glob.iglob(str(path), root_dir=base, recursive=True)  # noqa: PTH207 - patterns may be absolute
    return [base / match for match in matches if (base / match).is_file()]


def _below(folder: Path, format: Format | None) -> Iterator[Path]:
    """The files in a folder and in its folders, hidden ones apart; links to folders are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "_")):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), format)
            elif (format or entry.name.lower().endswith(FOLDER_FORMATS)) and entry.is_file():
                yield Path(entry.path)


def _outside(files: list[Path], state: Path) -> Iterator[Path]:
    """The files that do not lie in the state folder, wherever links lead; folders are looked at once each."""
    known: dict[str, bool] = {}
    for file in files:
        place = os.fspath(file)
        folder = place if os.path.islink(place) else os.path.dirname(place)  # noqa: PTH114, PTH120 - thousands of files
        if folder not in known:
            known[folder] = Path(folder).resolve().is_relative_to(state)
        if not known[folder]:
            yield file


def _named(files: list[Path], base: Path) -> Iterator[str]:
    """The files' paths relative to the project; folders are looked at once each."""
    known: dict[str, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if folder not in known:
            known[folder] = Path(os.path.relpath(folder, base)).as_posix()
        yield name if known[folder] == "." else f"{known[folder]}/{name}"


def format_of(dataset: str, path: str, names: tuple[str, ...]) -> Format:
    """How the files are written, by their extensions. Raises UnknownFormat, MixedFormats."""
    first: dict[Format, str] = {}
    for name in names:
        format = _FORMATS.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - thousands of files
        if format is None:
            raise UnknownFormat(dataset=dataset, file=name)
        first.setdefault(format, name)
    if len(first) > 1:
        raise MixedFormats(dataset=dataset, path=path, csv=first["csv"], parquet=first["parquet"])
    return next(iter(first))


def _nearest(base: Path, path: str) -> str:
    """Where the path leaves what exists: the most similar name there, or the folder that does exist."""
    parent = base
    for part in Path(path).expanduser().parts:
        if (parent / part).exists():
            parent = parent / part
            continue
        if glob.has_magic(part):
            break
        beside = sorted(item.name for item in parent.iterdir()) if parent.is_dir() else []
        similar = nearest(part, beside)
        if similar:
            return f"; the nearest path that exists is {_shown(parent / similar, base)}"
        break
    return f"; what exists is the folder {_shown(parent, base)}" if parent != base else ""


def _shown(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()
