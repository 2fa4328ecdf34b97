"""A path to a file or folder that a step wrote: its bytes are taken in, and whoever needs it gets a copy of its own."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, type_name
from plimsoll.pipeline.errors import OutputUnsupported

_INSIDE = "files/"


def is_path(value: Any) -> bool:
    """Whether a value is a path of this system."""
    return type(value) is type(Path())


def write_path(value: Path, folder: Path) -> Header:
    """Copy a file, or every file of a folder; names count, and times, owners and empty folders do not.

    Raises OutputUnsupported when there is nothing to copy, or something that is neither a file nor a folder.
    """
    source = value.resolve()
    if not source.exists():
        raise _refused(value, "there is no file or folder of that name; write it before the step returns")
    if not source.is_dir():
        names = {source.name: source}
    else:
        found = sorted(path for path in source.rglob("*") if not path.is_dir())
        names = {path.relative_to(source).as_posix(): path for path in found}
    if not names:
        raise _refused(value, "the folder holds no file")
    for name, path in names.items():
        _copy(value, path, folder / _INSIDE / name)
    return {"name": source.name, "folder": source.is_dir(), "files": sorted(names)}


def read_path(header: Header, file: File, *, into: Path) -> Path:
    """Lay the files out below an empty folder, read-only; returns the path of the file or folder."""
    top = into / header["name"] if header["folder"] else into
    for name in header["files"]:
        target = top / name
        if not target.resolve().is_relative_to(into.resolve()):
            message = f"{name!r} lies outside of the folder that it belongs to"
            raise ValueError(message)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file(_INSIDE + name), target)
        target.chmod(0o444)
    return into / str(header["name"])


def _copy(value: Path, source: Path, target: Path) -> None:
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise _refused(value, f"{source.name} is neither a file nor a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise _refused(value, f"{source.name} cannot be read: {(error.strerror or str(error)).lower()}") from error


def _refused(value: Path, problem: str) -> OutputUnsupported:
    return OutputUnsupported(output="", type=type_name(value), problem=f"{value}: {problem}")
