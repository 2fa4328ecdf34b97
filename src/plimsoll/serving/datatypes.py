"""The protocol's datatypes: in which a field may be sent, and whether the values sent fit it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from plimsoll.bundle.entities import Field, FieldType

_INTEGERS = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS = ("FP16", "FP32", "FP64")
DATATYPES: dict[FieldType, tuple[str, ...]] = {
    "int": ("INT64", *_INTEGERS, *_FLOATS),
    "float": ("FP64", *_FLOATS, *_INTEGERS),
    "bool": ("BOOL",),
    "string": ("BYTES",),
    "timestamp": ("BYTES",),
    "date": ("BYTES",),
}
"""Datatypes in which a field may be sent; the first is the one that the metadata names."""


def misfit(field: Field, datatype: str, data: list[Any]) -> str:
    """What is wrong with the first value that does not fit; empty when all do."""
    kinds = set(map(type, data))
    if type(None) in kinds:
        if not field.nullable:
            return f"is null in row {data.index(None)}, and may not be"
        kinds.discard(type(None))
    if field.type not in _READ and kinds <= _plain_types(field.type, datatype) and _within(field.type, datatype, data):
        return ""
    fits = _check(field.type, datatype)
    for row, value in enumerate(data):
        if value is not None and not fits(value):
            return f"holds {shown(value)} in row {row}, expected {_EXPECTED[field.type]} ({datatype})"
    return ""


def _plain_types(kind: FieldType, datatype: str) -> set[type]:
    """Types whose values fit as they are, ranges aside."""
    if kind == "float":
        return {int} if datatype in _INTEGERS else {int, float}
    return {int} if kind == "int" else {bool} if kind == "bool" else {str}


def _range(kind: FieldType, datatype: str) -> tuple[float, float]:
    low, high = _INTEGERS.get(datatype, (-math.inf, math.inf))
    return (max(low, -(2**63)), min(high, 2**63 - 1)) if kind == "int" else (low, high)


def _within(kind: FieldType, datatype: str, data: list[Any]) -> bool:
    if datatype not in _INTEGERS:
        return True
    low, high = _range(kind, datatype)
    return all(value is None or low <= value <= high for value in data)


_READ = ("timestamp", "date")
_EXPECTED: dict[FieldType, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a string",
    "timestamp": "an ISO 8601 time such as 2026-03-01T12:00:00Z",
    "date": "an ISO 8601 date such as 2026-03-01",
}


def _check(kind: FieldType, datatype: str) -> Callable[[Any], bool]:
    if kind in ("int", "float"):
        low, high = _range(kind, datatype)
        whole = kind == "int" or datatype in _INTEGERS
        return lambda value: _is_number(value, whole=whole) and low <= value <= high
    if kind == "bool":
        return lambda value: isinstance(value, bool)
    if kind == "string":
        return lambda value: isinstance(value, str)
    return lambda value: isinstance(value, str) and _is_moment(value, date_only=kind == "date")


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not whole or isinstance(value, int) or value.is_integer()


def _is_moment(text: str, *, date_only: bool) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return not date_only or (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)


def shown(value: Any) -> str:
    """What was sent, as a problem quotes it: cut at 60 characters."""
    text = repr(value) if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
