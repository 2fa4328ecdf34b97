"""Plain values as JSON: text, finite numbers, truth, None, and lists and mappings of them, in the order of their keys."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, Unfit

_FILE = "value.json"


def is_plain(value: Any) -> bool:
    """Whether JSON gives exactly this value back."""
    try:
        return _is_plain(value)
    except RecursionError:
        return False


def write_plain(value: Any, folder: Path) -> Header:
    """Raises Unfit for text that is no Unicode, and for what is nested too deeply."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unfit(str(error)) from error
    (folder / _FILE).write_bytes(text)
    return {}


def read_plain(header: Header, file: File) -> Any:  # noqa: ARG001 - the file says everything
    """The inverse of `write_plain`."""
    return json.loads(file(_FILE).read_bytes())


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
