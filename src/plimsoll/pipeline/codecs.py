"""How a step's output becomes an artifact and comes back: a tree of `codec.json` and one or two value files.

Tables are Parquet (see `parquet.py`), arrays `.npy`, plain values JSON, everything else a pickle. Equal values of the
first three give equal bytes. The order of a mapping's keys is kept, for it may matter to whoever reads it.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.canonical import canonical_json
from plimsoll.pipeline.errors import NotAFrame, NotPlain, OutputUnsupported

FRAME_FILE = "value.parquet"
_HEADER = "codec.json"
_PICKLE = "value.pkl"
_LIST = "list"
"""The codec of what several calls of a step returned, each below its position."""


def write_value(value: Any, folder: Path, *, own_modules: tuple[str, ...] = (), maker: str = "") -> str:
    """Write a value into an empty folder; returns the codec's name: frame, array, json, pickle or cloudpickle.

    own_modules: the project's modules. A pickle names its classes and does not hold their code, so one that names the
    project's own carries `maker`, the cache key of the step that made it: new code there is a new output.
    Raises OutputUnsupported when not even cloudpickle can write it.
    """
    header = _write_frame(value, folder) or _write_array(value, folder) or _write_json(value, folder)
    header = header or _write_pickle(value, folder)
    if _names_any(own_modules, folder / _PICKLE):
        header["maker"] = maker
    (folder / _HEADER).write_bytes(canonical_json(header))
    return str(header["codec"])


def read_value(folder: Path) -> Any:
    """The value that `write_value` put into the folder. Needs the project's code on sys.path for its classes."""
    return _read(lambda name: folder / name)


def read_artifact(artifacts: FolderStore, digest: str) -> Any:
    """The value of a stored output, read from where it lies. Raises ArtifactMissing."""
    entries = artifacts.tree(digest)
    return _read(lambda name: artifacts.path(entries[name]))


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
    return _read(lambda name: artifacts.path(entries[name]))


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


def _read(file: Callable[[str], Path]) -> Any:
    header = json.loads(file(_HEADER).read_bytes())
    match header["codec"]:
        case "frame":
            from plimsoll.pipeline.parquet import read_table

            return read_table(header, file)
        case "list":
            return [_read(_below(file, position)) for position in range(header["count"])]
        case "array":
            import numpy as np

            return np.load(file("value.npy"), allow_pickle=False)
        case "json":
            return json.loads(file("value.json").read_bytes())
        case _:
            with file(_PICKLE).open("rb") as stream:
                return pickle.load(stream)  # noqa: S301 - written by a step of this project into its own artifacts


def _below(file: Callable[[str], Path], position: int) -> Callable[[str], Path]:
    return lambda name: file(f"{position}/{name}")


def _write_frame(value: Any, folder: Path) -> dict[str, Any] | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) not in (pandas.DataFrame, pandas.Series):
        return None
    from plimsoll.pipeline.parquet import NotTabular, write_table

    try:
        return {"codec": "frame", **write_table(value, folder)}
    except NotTabular as problem:
        for written in folder.glob("*.parquet"):
            written.unlink()
        return {**_write_pickle(value, folder), "because": str(problem)}


def _write_array(value: Any, folder: Path) -> dict[str, Any] | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.dtype.hasobject:
        return None
    numpy.save(folder / "value.npy", numpy.asarray(value, order="C"), allow_pickle=False)
    return {"codec": "array"}


def _write_json(value: Any, folder: Path) -> dict[str, Any] | None:
    try:
        if not _is_plain(value):
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    (folder / "value.json").write_bytes(text)
    return {"codec": "json"}


def _is_plain(value: Any) -> bool:
    """Whether JSON gives exactly this value back; subclasses (numpy's floats, named tuples) are not plain."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(_is_plain(item) for item in value)
    return kind is dict and all(type(key) is str and _is_plain(item) for key, item in value.items())


def _write_pickle(value: Any, folder: Path) -> dict[str, Any]:
    """Plain pickle where it can, for its bytes are the same in every process; cloudpickle for lambdas and local classes."""
    buffer = io.BytesIO()
    codec = "pickle"
    try:
        pickle.dump(value, buffer, protocol=5)
    except Exception:  # noqa: BLE001 - a value's own __reduce__ may raise anything
        import cloudpickle

        codec, buffer = "cloudpickle", io.BytesIO()
        try:
            cloudpickle.dump(value, buffer, protocol=5)
        except Exception as error:
            raise OutputUnsupported(
                output="", type=_type_name(value), problem=str(error) or type(error).__name__
            ) from error
    (folder / _PICKLE).write_bytes(buffer.getbuffer())
    return {"codec": codec}


def _names_any(modules: tuple[str, ...], pickled: Path) -> bool:
    """Whether a pickle (protocol 5) names one of the modules; a text that equals a module's name counts as well."""
    if not modules or not pickled.exists():
        return False
    content = pickled.read_bytes()
    return any(b"\x8c" + bytes([len(name.encode())]) + name.encode() in content for name in modules if len(name) < 256)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
