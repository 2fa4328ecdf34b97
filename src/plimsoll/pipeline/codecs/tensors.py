"""PyTorch's tensors: single ones, mappings of text to them such as a `state_dict`, and those inside of pickles.

Their elements lie in one file of our own, described in JSON, for what torch writes shows device, strides and storages.
Reading a tensor or a state runs nobody's code. Tensors come back on the CPU, in C order; those that were one piece of
memory, as tied weights are, are one again. Of tensors that share only a part of their memory, each gets its own.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, Unfit
from plimsoll.pipeline.codecs.plain import is_plain

_FILE = "value.tensors"
_ALIGNED = 64
"""Tensors begin at multiples of as many bytes, so that the file can be mapped into memory."""


def is_tensors(value: Any) -> bool:
    """Whether a value is a tensor, a parameter, or a mapping of text to these."""
    if "torch" not in sys.modules:
        return False
    if type(value) in (dict, OrderedDict):
        return bool(value) and all(type(key) is str and _is_tensor(item) for key, item in value.items())
    return _is_tensor(value)


def write_tensors(value: Any, folder: Path) -> Header:
    """Raises Unfit for tensors that are more than their elements, and for mappings that are more than their items."""
    single = _is_tensor(value)
    taken = TakenTensors()
    places = [taken.place(item) for item in ([value] if single else value.values())]
    if None in places:
        message = "it holds a tensor that is sparse, quantized, without memory, or with attributes of its own"
        raise Unfit(message)
    header = {"places": places, **taken.write(folder)}
    if single:
        return {"kind": "tensor", **header}
    attributes = dict(getattr(value, "__dict__", {}))
    versions = dict(attributes.pop("_metadata", {}))
    if attributes or not is_plain(versions):
        message = "it has attributes beside its tensors"
        raise Unfit(message)
    kind = "ordered" if type(value) is OrderedDict else "dict"
    return {"kind": kind, "names": list(value), "versions": versions, **header}


def read_tensors(header: Header, file: File) -> Any:
    """The inverse of `write_tensors`."""
    kept = KeptTensors(header, file)
    found = [kept.at(place) for place in header["places"]]
    if header["kind"] == "tensor":
        return found[0]
    pairs = zip(header["names"], found, strict=True)
    if header["kind"] == "dict":
        return dict(pairs)
    state = OrderedDict(pairs)
    if header["versions"]:
        vars(state)["_metadata"] = OrderedDict(header["versions"])  # where torch looks for them
    return state


class TakenTensors:
    """Tensors on their way into a folder, each under its place: a number from 0."""

    def __init__(self) -> None:
        self._taken: dict[int, tuple[int, Any]] = {}
        self._pieces: dict[Any, tuple[int, Any]] = {}
        self._described: list[list[Any]] = []

    def place(self, value: Any) -> int | None:
        """The place of a tensor, the same for the same object; None for what is no tensor or more than its elements."""
        if not _is_tensor(value) or not _is_elements(value):
            return None
        import torch  # type: ignore[import-not-found]  # users bring it

        if id(value) not in self._taken:
            piece, _ = self._pieces.setdefault(_memory(value), (len(self._pieces), value))
            self._taken[id(value)] = (len(self._taken), value)  # the object is kept, so that its id stays its own
            self._described.append([piece, type(value) is torch.nn.Parameter, value.requires_grad])
        return self._taken[id(value)][0]

    def write(self, folder: Path) -> Header:
        """Write the elements; returns what a reader needs to know, which is nothing when there is no tensor."""
        if not self._pieces:
            return {}
        pieces = []
        with (folder / _FILE).open("wb") as stream:
            for _, tensor in self._pieces.values():
                stream.write(bytes(-stream.tell() % _ALIGNED))
                kind = str(tensor.dtype).removeprefix("torch.")
                pieces.append({"dtype": kind, "shape": list(tensor.shape), "offset": stream.tell()})
                stream.write(_elements(tensor).data)
        return {"pieces": pieces, "tensors": self._described}


class KeptTensors:
    """The tensors in a folder, by place; two questions for one place get one object."""

    def __init__(self, header: Header, file: File) -> None:
        self._header = header
        self._file = file
        self._pieces: dict[int, Any] = {}
        self._tensors: dict[int, Any] = {}

    def at(self, place: int) -> Any:
        import torch

        if place not in self._tensors:
            piece, is_parameter, requires_grad = self._header["tensors"][place]
            tensor = self._piece(piece).detach()
            self._tensors[place] = (
                torch.nn.Parameter(tensor, requires_grad=requires_grad)
                if is_parameter
                else tensor.requires_grad_(requires_grad)
            )
        return self._tensors[place]

    def _piece(self, number: int) -> Any:
        import numpy as np
        import torch

        if number not in self._pieces:
            described = self._header["pieces"][number]
            dtype = getattr(torch, described["dtype"])
            count = int(np.prod(described["shape"], dtype=np.int64)) * dtype.itemsize
            found = torch.from_numpy(
                np.fromfile(self._file(_FILE), dtype=np.uint8, count=count, offset=described["offset"])
            )
            shaped = found.view(dtype) if count else torch.empty(0, dtype=dtype)
            self._pieces[number] = shaped.reshape(described["shape"])
        return self._pieces[number]


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter)


def _is_elements(tensor: Any) -> bool:
    """Whether a tensor is nothing but its elements, shape and type."""
    import torch

    return (
        tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_nested
        and tensor.device.type != "meta"
        and not tensor.__dict__
    )


def _memory(tensor: Any) -> Any:
    """Equal for tensors that are one piece of memory, seen in the same way."""
    if not tensor.numel():
        return id(tensor)
    start = tensor.untyped_storage().data_ptr(), tensor.storage_offset()
    view = tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_conj(), tensor.is_neg()
    return str(tensor.device), *start, *view


def _elements(tensor: Any) -> Any:
    """The elements as numpy's bytes, in C order."""
    import torch

    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy()
