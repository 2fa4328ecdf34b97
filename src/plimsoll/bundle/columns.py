"""Raw rows as frames: which fields a frame has, and a frame's columns cast strictly to these fields.

Nothing is guessed: the text "1" is not the number 1, and 1 is not true. What a cast frame holds depends on the fields
and the rows alone, so gates, batch and server give the same frame to the same model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from plimsoll.bundle.entities import Field, FieldType
from plimsoll.bundle.errors import BadHoldout, BadRows
from plimsoll.kernel.nearest import nearest

_T = TypeVar("_T")
_TIME = "datetime64[us]"


class _IllTyped(Exception):
    def __init__(self, row: int, value: Any) -> None:
        super().__init__(row, value)
        self.row, self.value = row, value


def infer_fields(frame: pd.DataFrame, names: Iterable[str]) -> tuple[Field, ...]:
    """The fields of these columns, in this order; nullable are those that hold a null.

    Whole numbers with nulls are `float`, because that is how frames hold them.
    Raises BadHoldout that names every column that is missing or of no supported type.
    """
    fields, problems = [], []
    repeated = {*frame.columns[frame.columns.duplicated()]}
    for name in names:
        if name not in frame.columns:
            near = nearest(name, frame.columns)
            problems.append(f"there is no column {name}" + (f" (did you mean {near}?)" if near else ""))
            continue
        if name in repeated:
            problems.append(f"the column {name} occurs twice")
            continue
        column = frame[name]
        found = _infer(column)
        if found is None:
            what = (
                "only nulls" if column.isna().all() else f"values that are not of one supported type ({column.dtype})"
            )
            problems.append(f"the column {name} holds {what}")
        else:
            fields.append(Field(name=name, type=found, nullable=bool(column.isna().any())))
    if problems:
        raise BadHoldout(problems=problems, listing="; ".join(problems))
    return tuple(fields)


def cast_rows(rows: pd.DataFrame, fields: Sequence[Field]) -> pd.DataFrame:
    """The fields' columns in the fields' order, cast to their types, with a fresh index 0..n-1.

    Dtypes: int -> int64 (float64 in a frame where it has nulls), float -> float64, string -> str with NaN for null,
    bool -> bool (object of True, False and NaN when the field is nullable), timestamp and date -> datetime64[us],
    in UTC without a zone. Timestamps may be ISO 8601 text. Other columns are ignored: a request, and a holdout, may
    carry label, key and context.
    Raises BadRows that names every missing column and the first value of each ill-typed one.
    """
    columns: dict[str, Any] = {}
    problems = []
    present, repeated = {*rows.columns}, {*rows.columns[rows.columns.duplicated()]}
    for field in fields:
        if field.name not in present:
            problems.append(_missing(field, rows, fields))
            continue
        if field.name in repeated:
            problems.append(f"the column {field.name} occurs twice")
            continue
        try:
            columns[field.name] = _CASTS[field.type](rows[field.name], field.nullable)
        except _IllTyped as found:
            problems.append(_ill_typed(field, found))
    if problems:
        expected = ", ".join(f"{item.name} ({item.type}{', may be null' * item.nullable})" for item in fields)
        raise BadRows(problems=problems, listing="; ".join(problems), expected=expected)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def _missing(field: Field, rows: pd.DataFrame, fields: Sequence[Field]) -> str:
    known = {item.name for item in fields}
    near = nearest(field.name, (name for name in rows.columns if name not in known))
    return f"the column {field.name} is missing" + (f" (there is {near})" if near else "")


def _ill_typed(field: Field, found: _IllTyped) -> str:
    if _is_null(found.value):
        return f"{field.name} is null in row {found.row}, and may not be"
    shown = repr(found.value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"{field.name} holds {shown} in row {found.row}, expected {field.type}"


def _infer(column: pd.Series[Any]) -> FieldType | None:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "bool"
    if pd.api.types.is_integer_dtype(dtype):
        return "float" if column.isna().any() else "int"
    if pd.api.types.is_float_dtype(dtype):
        return "float"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "timestamp"
    values = [value for value in column.tolist() if not _is_null(value)]
    kinds: tuple[tuple[FieldType, Callable[[Any], bool]], ...] = (
        ("string", lambda value: isinstance(value, str)),
        ("bool", lambda value: isinstance(value, bool | np.bool_)),
        ("timestamp", lambda value: isinstance(value, datetime)),
        ("date", lambda value: isinstance(value, date)),
        ("int", _is_whole),
        ("float", _is_number),
    )
    found = next((kind for kind, fits in kinds if values and all(map(fits, values))), None)
    return "float" if found == "int" and len(values) < len(column) else found


def _cast_int(column: pd.Series[Any], nullable: bool) -> Any:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "i" or (dtype.kind == "u" and dtype.itemsize < 8):
            return column.to_numpy(dtype=np.int64)
        if dtype.kind == "f":
            return _whole(column.to_numpy(dtype=np.float64), nullable)
    elif pd.api.types.is_integer_dtype(dtype):
        return (
            _whole(column.to_numpy(dtype=np.float64, na_value=np.nan), nullable)
            if column.isna().any()
            else (column.to_numpy(dtype=np.int64))
        )
    values = _each(column, nullable, lambda value: int(value) if _is_whole(value) else None)
    if None not in values:
        return _array(values, np.int64)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _whole(values: np.ndarray[Any, Any], nullable: bool) -> Any:
    nulls = np.isnan(values)
    if nulls.any() and not nullable:
        raise _IllTyped(int(nulls.argmax()), None)
    broken = ~nulls & (np.isinf(values) | (values != np.trunc(values)))
    if broken.any():
        row = int(broken.argmax())
        raise _IllTyped(row, float(values[row]))
    return values if nulls.any() else values.astype(np.int64)


def _cast_float(column: pd.Series[Any], nullable: bool) -> Any:
    dtype = column.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype) and dtype.kind != "c":
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = _each(column, nullable, lambda value: float(value) if _is_number(value) else None)
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if not nullable:
        nulls = np.isnan(numbers)
        if nulls.any():
            raise _IllTyped(int(nulls.argmax()), None)
    return numbers


def _cast_string(column: pd.Series[Any], nullable: bool) -> Any:
    if isinstance(column.dtype, pd.StringDtype):
        if not nullable and column.isna().any():
            raise _IllTyped(int(column.isna().to_numpy().argmax()), None)
        return column.astype("str").array
    values = _each(column, nullable, lambda value: value if isinstance(value, str) else None)
    return pd.array(values, dtype="str")


def _cast_bool(column: pd.Series[Any], nullable: bool) -> Any:
    if column.dtype == np.bool_:
        values: list[Any] = column.tolist()
    else:
        values = _each(column, nullable, lambda value: bool(value) if isinstance(value, bool | np.bool_) else None)
    if not nullable:
        return _array(values, np.bool_)
    result = np.empty(len(values), dtype=object)
    result[:] = [np.nan if value is None else value for value in values]
    return result


def _cast_timestamp(column: pd.Series[Any], nullable: bool) -> Any:
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _array(_each(column, nullable, _moment), _TIME)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = column.to_numpy(dtype=_TIME)
    nulls = np.isnat(moments)
    if not nullable and nulls.any():
        raise _IllTyped(int(nulls.argmax()), None)
    return moments


def _cast_date(column: pd.Series[Any], nullable: bool) -> Any:
    moments = _cast_timestamp(column, nullable)
    broken = ~np.isnat(moments) & (moments != moments.astype("datetime64[D]"))
    if broken.any():
        row = int(broken.argmax())
        raise _IllTyped(row, str(column.iloc[row]))
    return moments


_CASTS: dict[FieldType, Callable[[pd.Series[Any], bool], Any]] = {
    "int": _cast_int,
    "float": _cast_float,
    "string": _cast_string,
    "bool": _cast_bool,
    "timestamp": _cast_timestamp,
    "date": _cast_date,
}


def _each(column: pd.Series[Any], nullable: bool, read: Callable[[Any], _T | None]) -> list[_T | None]:
    """Every value read by itself, None for a null. Raises _IllTyped at the first that `read` answers None for."""
    result: list[_T | None] = []
    for row, value in enumerate(column.tolist()):
        if _is_null(value):
            if not nullable:
                raise _IllTyped(row, None)
            result.append(None)
            continue
        known = read(value)
        if known is None:
            raise _IllTyped(row, value)
        result.append(known)
    return result


def _array(values: list[Any], dtype: Any) -> np.ndarray[Any, Any]:
    try:
        return np.array(values, dtype=dtype)
    except OverflowError as error:
        row = next(row for row, value in enumerate(values) if not -(2**63) <= value < 2**63)
        raise _IllTyped(row, values[row]) from error


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None  # noqa: DTZ001 - UTC, by rule


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value) and value == int(value)
