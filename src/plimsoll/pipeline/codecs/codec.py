"""What a codec is: a name, which values are its own, how they are written and how they come back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VALUE_TABLE = "value.parquet"
"""The file of every output that is kept as a table."""

ROW_GROUP = 122_880

Header = Mapping[str, Any]
"""What a codec notes beside its files, in JSON's types; `codec` names the codec that reads them."""

File = Callable[[str], Path]
"""Where the file of that name lies; its folder may hold other things, and its name there may differ."""


class Unfit(Exception):
    """A value that a codec cannot give back as it was, although its type is right; the text says what is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One row of the table of codecs. A write puts files into an empty folder; Unfit leaves the value to pickle."""

    name: str
    applies: Callable[[Any], bool]
    """By type alone, and without an import: a library that the project did not import made no value."""
    write: Callable[[Any, Path], Header]
    read: Callable[[Header, File], Any]


def is_any(library: str, *names: str) -> Callable[[Any], bool]:
    """Whether a value is of one of a library's types itself, not of a subclass, which may hold more."""

    def applies(value: Any) -> bool:
        module = sys.modules.get(library)
        return module is not None and any(type(value) is getattr(module, name, None) for name in names)

    return applies


def type_name(value: Any) -> str:
    """A value's type as one would import it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
