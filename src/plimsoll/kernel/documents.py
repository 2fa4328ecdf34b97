"""Frozen dataclasses as JSON documents and back: how ledgers keep states, decisions and what was asked.

Types are read from the dataclasses themselves. Where one of several may stand (states, orders, effects), the document
names it under `is`.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from plimsoll.kernel.clock import from_text, to_text

_Noun = TypeVar("_Noun")
_KIND = "is"


def to_document(value: Any) -> Any:
    """A noun as what JSON can hold. Moments are the ledger's text; infinite numbers do not occur."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_document(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_KIND: type(value).__name__, **fields}
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [to_document(item) for item in value]
    return value


def from_document(kind: type[_Noun] | Any, document: Any) -> _Noun:
    """What `to_document` gave, as the type that it was or as one of a union. Raises ValueError for anything else."""
    return cast("_Noun", _read(kind, document))


def _read(kind: Any, document: Any) -> Any:
    origin = get_origin(kind)
    if origin is Union or origin is types.UnionType:
        return _read_one_of(get_args(kind), document)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in document)
    if origin is Literal:
        return document
    if dataclasses.is_dataclass(kind):
        return _read_noun(kind, document)
    if kind is datetime:
        return from_text(document)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(document)
    if kind is float:
        return float(document)
    return document


def _read_one_of(kinds: tuple[Any, ...], document: Any) -> Any:
    """The member of a union that the document says it is; None and plain values have no name."""
    if document is None or not isinstance(document, Mapping):
        plain = [kind for kind in kinds if kind is not type(None) and not dataclasses.is_dataclass(kind)]
        return None if document is None else _read(plain[0], document)
    for kind in kinds:
        if getattr(kind, "__name__", "") == document.get(_KIND):
            return _read(kind, document)
    known = ", ".join(kind.__name__ for kind in kinds)
    message = f"a document says it is {document.get(_KIND)!r}, expected one of {known}"
    raise ValueError(message)


def _read_noun(kind: Any, document: Any) -> Any:
    said = document.get(_KIND) if isinstance(document, Mapping) else document
    if said != kind.__name__ or not isinstance(document, Mapping):
        message = f"a document says it is {said!r}, expected {kind.__name__}"
        raise ValueError(message)
    fields = {name: _read(hint, document[name]) for name, hint in _hints(kind).items() if name in document}
    try:
        return kind(**fields)
    except TypeError as error:
        message = f"a document says it is {said!r}, and lacks some of it: {error}"
        raise ValueError(message) from error


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Field -> type. Fields that an older version did not write keep their default."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
