"""Everything that has no codec of its own, as a pickle; what plain pickle cannot say, as cloudpickle says it.

The tensors inside of a pickle, such as the weights of a PyTorch module, lie beside it, for torch pickles addresses.
"""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, type_name
from plimsoll.pipeline.codecs.tensors import KeptTensors, TakenTensors
from plimsoll.pipeline.errors import OutputUnsupported

_PICKLE = "value.pkl"


def write_pickle(value: Any, folder: Path) -> dict[str, Any]:
    """Plain pickle where it can, for its bytes are the same in every process; cloudpickle for lambdas and local classes."""
    codec = "pickle"
    try:
        content, tensors = _pickled(value, pickle.Pickler)
    except Exception:  # noqa: BLE001 - a value's own __reduce__ may raise anything
        import cloudpickle

        codec = "cloudpickle"
        try:
            content, tensors = _pickled(value, cloudpickle.Pickler)
        except Exception as error:
            raise OutputUnsupported(
                output="", type=type_name(value), problem=str(error) or type(error).__name__
            ) from error
    (folder / _PICKLE).write_bytes(content)
    return {"codec": codec, **tensors.write(folder)}


def read_pickle(header: Header, file: File) -> Any:
    """The inverse of `write_pickle`. Needs the project's code on sys.path for its classes."""
    with file(_PICKLE).open("rb") as stream:
        return _Unpickler(stream, KeptTensors(header, file)).load()


class _Unpickler(pickle.Unpickler):
    """Reads what a step of this project wrote into its own artifacts, with the tensors that lie beside."""

    def __init__(self, stream: Any, tensors: KeptTensors) -> None:
        super().__init__(stream)
        self._tensors = tensors

    def persistent_load(self, pid: Any) -> Any:
        return self._tensors.at(pid)


def _pickled(value: Any, pickler: type[pickle.Pickler]) -> tuple[memoryview, TakenTensors]:
    """The pickle, and the tensors that it refers to by their places."""
    buffer, tensors = io.BytesIO(), TakenTensors()
    if "torch" in sys.modules:
        pickler = type("_Pickler", (pickler,), {"persistent_id": lambda _, item: tensors.place(item)})
    pickler(buffer, protocol=5).dump(value)
    return buffer.getbuffer(), tensors


def names_any(modules: tuple[str, ...], folder: Path) -> bool:
    """Whether a pickle (protocol 5) names one of the modules; a text that equals a module's name counts as well."""
    pickled = folder / _PICKLE
    if not modules or not pickled.exists():
        return False
    content = pickled.read_bytes()
    return any(b"\x8c" + bytes([len(name.encode())]) + name.encode() in content for name in modules if len(name) < 256)
