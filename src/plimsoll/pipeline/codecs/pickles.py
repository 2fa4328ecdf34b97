"""Everything that has no codec of its own, as a pickle; what plain pickle cannot say, as cloudpickle says it."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, type_name
from plimsoll.pipeline.errors import OutputUnsupported

_PICKLE = "value.pkl"


def write_pickle(value: Any, folder: Path) -> dict[str, Any]:
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
                output="", type=type_name(value), problem=str(error) or type(error).__name__
            ) from error
    (folder / _PICKLE).write_bytes(buffer.getbuffer())
    return {"codec": codec}


def read_pickle(file: File) -> Any:
    """The inverse of `write_pickle`. Needs the project's code on sys.path for its classes."""
    with file(_PICKLE).open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 - written by a step of this project into its own artifacts


def names_any(modules: tuple[str, ...], folder: Path) -> bool:
    """Whether a pickle (protocol 5) names one of the modules; a text that equals a module's name counts as well."""
    pickled = folder / _PICKLE
    if not modules or not pickled.exists():
        return False
    content = pickled.read_bytes()
    return any(b"\x8c" + bytes([len(name.encode())]) + name.encode() in content for name in modules if len(name) < 256)
