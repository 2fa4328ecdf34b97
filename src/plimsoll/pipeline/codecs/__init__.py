"""How a step's output becomes an artifact and comes back: a tree of `codec.json` and the files of its codec.

`table.py` has the codecs. Equal tables, arrays, tensors, boosters, files and plain values give equal bytes, in every
process.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.canonical import canonical_json
from plimsoll.pipeline.codecs.batches import is_yielded, write_batches
from plimsoll.pipeline.codecs.codec import VALUE_TABLE, File, Unfit
from plimsoll.pipeline.codecs.files import is_path, read_path, write_path
from plimsoll.pipeline.codecs.pickles import names_any, read_pickle, write_pickle
from plimsoll.pipeline.codecs.table import BY_NAME, CODECS, JOINS
from plimsoll.pipeline.errors import NotAFrame, NotPlain

FRAME_FILE = VALUE_TABLE
_HEADER = "codec.json"
_LIST = "list"
"""The codec of what several calls of a step returned, each below its position."""


def write_value(value: Any, folder: Path, *, own_modules: tuple[str, ...] = (), maker: str = "") -> str:
    """Write a value into an empty folder; returns the name of the codec that reads it.

    own_modules: the project's modules. A pickle names its classes and does not hold their code, so one that names the
    project's own carries `maker`, the cache key of the step that made it: new code there is a new output.
    Raises OutputUnsupported when not even cloudpickle can write it.
    """
    header = dict(_write(value, folder))
    if names_any(own_modules, folder):
        header["maker"] = maker
    (folder / _HEADER).write_bytes(canonical_json(header))
    return str(header["codec"])


def read_value(folder: Path) -> Any:
    """The value that `write_value` put into the folder. Needs the project's code on sys.path for its classes."""
    return _read(lambda name: folder / name, into=None)


def read_artifact(artifacts: FolderStore, digest: str, *, into: Path | None = None) -> Any:
    """The value of a stored output, read from where it lies. Raises ArtifactMissing.

    into: a folder of the reader's own where a path's files are laid out; by default a new one for temporary files.
    """
    entries = artifacts.tree(digest)
    return _read(lambda name: artifacts.path(entries[name]), into=into)


def read_plain(artifacts: FolderStore, digest: str) -> Any:
    """The value of a stored output that is plain, or a list of such; runs no code of the project. Raises NotPlain."""
    entries = artifacts.tree(digest)
    codecs = {
        json.loads(artifacts.read_bytes(entry))["codec"]
        for name, entry in entries.items()
        if name.rpartition("/")[2] == _HEADER
    }
    if strange := codecs - {"json", _LIST}:
        raise NotPlain(codec=", ".join(sorted(strange)))
    return _read(lambda name: artifacts.path(entries[name]), into=None)


def gather(artifacts: FolderStore, digests: Sequence[str]) -> str:
    """The stored output that is the list of these stored outputs; their bytes stay where they are."""
    header = artifacts.put_bytes(canonical_json({"codec": _LIST, "count": len(digests)}))
    entries = {_HEADER: header}
    for position, digest in enumerate(digests):
        entries |= {f"{position}/{name}": entry for name, entry in artifacts.tree(digest).items()}
    return artifacts.put_entries(entries)


def frame_path(artifacts: FolderStore, digest: str) -> Path:
    """The Parquet file of a DataFrame output: its columns, without its index. Raises NotAFrame, ArtifactMissing."""
    entries = artifacts.tree(digest)
    if FRAME_FILE in entries:
        return artifacts.path(entries[FRAME_FILE])
    header = json.loads(artifacts.read_bytes(entries[_HEADER])) if _HEADER in entries else {}
    problem = header.get("because") or f"it is stored as {header.get('codec', 'a folder of files')}"
    raise NotAFrame(digest=digest[:12], problem=problem)


def _write(value: Any, folder: Path) -> Mapping[str, Any]:
    if is_yielded(value):
        return write_batches(value, folder, codecs=BY_NAME, joins=JOINS)
    if is_path(value):
        return {"codec": "path", **write_path(value, folder)}
    codec = next((codec for codec in CODECS if codec.applies(value)), None)
    if codec is None:
        return write_pickle(value, folder)
    try:
        return {"codec": codec.name, **codec.write(value, folder)}
    except Unfit as problem:
        shutil.rmtree(folder)
        folder.mkdir()
        return {**write_pickle(value, folder), "because": str(problem)}


def _read(file: File, *, into: Path | None) -> Any:
    header = json.loads(file(_HEADER).read_bytes())
    name = header["codec"]
    if name == _LIST:
        return [_read_part(file, str(position), into) for position in range(header["count"])]
    if name == "path":
        return read_path(header, file, into=into or Path(tempfile.mkdtemp(prefix="plimsoll-")))
    return BY_NAME[name].read(header, file) if name in BY_NAME else read_pickle(header, file)


def _read_part(file: File, part: str, into: Path | None) -> Any:
    return _read(lambda name: file(f"{part}/{name}"), into=None if into is None else into / part)
