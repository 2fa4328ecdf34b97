"""Numpy's arrays, single numbers and mappings of arrays, as `.npy` files. The order in memory does not count."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, Unfit


def is_array(value: Any) -> bool:
    """Whether a value is an array, or a single number of numpy's."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and (type(value) is numpy.ndarray or isinstance(value, numpy.generic))


def is_arrays(value: Any) -> bool:
    """Whether a value is a mapping of text to arrays and single numbers."""
    return (
        type(value) is dict and bool(value) and all(type(key) is str and is_array(item) for key, item in value.items())
    )


def write_array(value: Any, folder: Path) -> Header:
    """Raises Unfit for an array of Python objects."""
    return {"single": _save(value, folder / "value.npy")}


def read_array(header: Header, file: File) -> Any:
    """The inverse of `write_array`."""
    return _load(file("value.npy"), single=header.get("single", False))


def write_arrays(value: dict[str, Any], folder: Path) -> Header:
    """Raises Unfit for an array of Python objects."""
    return {
        "names": list(value),
        "single": [_save(item, folder / f"{number}.npy") for number, item in enumerate(value.values())],
    }


def read_arrays(header: Header, file: File) -> Any:
    """The inverse of `write_arrays`."""
    pairs = enumerate(zip(header["names"], header["single"], strict=True))
    return {name: _load(file(f"{number}.npy"), single=single) for number, (name, single) in pairs}


def _save(value: Any, path: Path) -> bool:
    """Whether it was a single number."""
    import numpy as np

    array = np.asarray(value, order="C")
    if array.dtype.hasobject:
        message = "it holds Python objects"
        raise Unfit(message)
    np.save(path, array, allow_pickle=False)
    return isinstance(value, np.generic)


def _load(path: Path, *, single: bool) -> Any:
    import numpy as np

    array = np.load(path, allow_pickle=False)
    return array[()] if single else array
