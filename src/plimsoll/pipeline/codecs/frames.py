"""DataFrames and Series as Parquet files, written and read by DuckDB, with what Parquet cannot say kept in a header.

Values, dtypes, row order and index come back as they were; equal tables give equal bytes. Missing values of every kind
are NULL in the file, so that SQL over it means what pandas means. The index lies in a file of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import pandas as pd

from plimsoll.data.engine import text_literal
from plimsoll.pipeline.codecs.codec import ROW_GROUP, File, Header, Unfit

_MASKED = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)


def write_table(table: pd.DataFrame | pd.Series[Any], folder: Path) -> dict[str, Any]:
    """Write `value.parquet` (and `index.parquet` for an index of its own); returns the header. Raises Unfit."""
    if isinstance(table, pd.Series):
        frame, header = table.to_frame(name="value"), {"kind": "series", "name": _plain_name(table.name)}
    else:
        frame, header = table, {"kind": "frame", "name": _plain_name(table.columns.name)}
    columns = _write(frame, folder / "value.parquet")
    return {**header, "columns": columns, "index": _write_index(table.index, folder)}


def read_table(header: Header, file: File) -> pd.DataFrame | pd.Series[Any]:
    """The inverse of `write_table`."""
    frame = _read(file("value.parquet"), header["columns"])
    frame.index = _read_index(header["index"], file)
    if header["kind"] == "series":
        return frame["value"].rename(header["name"])
    frame.columns.name = header["name"]
    return frame


def join_tables(parts: Sequence[Path], headers: Sequence[Header], path: Path) -> dict[str, Any]:
    """Make one file of several with the same columns, in bounded memory; the rows are counted anew. Raises Unfit."""
    if any("range" not in header["index"] for header in headers):
        message = "their index would be lost; call reset_index first"
        raise Unfit(message)
    first = headers[0]
    if any({**header, "index": None} != {**first, "index": None} for header in headers):
        message = "their columns differ in name, order or type"
        raise Unfit(message)
    files = ", ".join(text_literal(str(part)) for part in parts)
    with _connection() as connection:
        schemas = {
            str(connection.execute(f"DESCRIBE SELECT * FROM read_parquet({text_literal(str(part))})").fetchall())
            for part in parts
        }
        if len(schemas) > 1:
            message = "their columns hold different kinds of values"
            raise Unfit(message)
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{files}])) TO {text_literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
        )
        counted = connection.execute(f"SELECT count(*) FROM read_parquet({text_literal(str(path))})").fetchone()
    assert counted is not None
    return {**first, "index": {"range": [0, counted[0], 1], "names": first["index"]["names"]}}


def _write(frame: pd.DataFrame, path: Path) -> list[dict[str, Any]]:
    names = list(frame.columns)
    if not names:
        raise Unfit("it has no columns")
    for name in names:
        if type(name) is not str or not name:
            raise Unfit(f"the column name {name!r} is not text")
    if len({name.casefold() for name in names}) < len(names):
        raise Unfit("two of its columns have the same name (capitals do not count)")
    prepared, header = {}, []
    for name in names:
        values, description = _prepare(name, frame[name])
        prepared[name] = values
        header.append({"name": name, **description})
    with _connection() as connection:
        connection.register("prepared", pd.DataFrame(prepared))
        try:
            connection.execute(
                f"COPY (SELECT * FROM prepared) TO {text_literal(str(path))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
            )
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise Unfit(str(error).partition("\n")[0]) from error
    return header


def _read(path: Path, columns: list[dict[str, Any]]) -> pd.DataFrame:
    with _connection() as connection:
        arrays = connection.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchnumpy()
    return pd.DataFrame({column["name"]: _restore(arrays[column["name"]], column) for column in columns}, copy=False)


def _connection() -> duckdb.DuckDBPyConnection:
    """One thread: rows stay in order, and the same rows give the same bytes."""
    return duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})


def _prepare(name: str, series: Any) -> tuple[Any, dict[str, Any]]:
    """A column in a form that DuckDB writes without guessing, and what is needed to restore it."""
    dtype = series.dtype
    series = series.reset_index(drop=True)
    described = {"dtype": str(dtype)}
    match dtype:
        case pd.CategoricalDtype():
            categories = _categories(name, dtype)
            values = series.astype(_nullable(categories))
            return values, {"dtype": "category", "of": str(categories.dtype), "ordered": bool(dtype.ordered)} | {
                "categories": categories.tolist()
            }
        case pd.DatetimeTZDtype() if pd.api.types.pandas_dtype(str(dtype)) == dtype:
            return series.dt.tz_convert("UTC").dt.tz_localize(None), described
        case pd.StringDtype() if pd.api.types.pandas_dtype(str(dtype)) == dtype:
            return series.astype("str"), described
        case np.dtype() if dtype.kind == "m":
            return series.to_numpy().view("int64"), described
        case np.dtype() if dtype.kind == "O":
            return _prepare_objects(name, series)
        case np.dtype() if dtype.isnative and (
            dtype.kind in "iubM" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
        ):
            return series, described
        case pd.api.extensions.ExtensionDtype() if isinstance(series.array, _MASKED):
            return series, described
    raise Unfit(f"the column {name!r} has the type {dtype}")


def _prepare_objects(name: str, series: Any) -> tuple[Any, dict[str, Any]]:
    kind = pd.api.types.infer_dtype(series, skipna=True)
    missing = series[series.isna()]
    all_none = all(value is None for value in missing)
    if not all_none and not all(type(value) is float for value in missing):
        raise Unfit(f"the column {name!r} mixes kinds of missing values")
    described = {"dtype": "object", "missing": "none" if all_none else "nan"}
    if kind in ("string", "empty"):
        try:
            return series.astype("str"), described
        except UnicodeEncodeError as error:
            raise Unfit(f"the column {name!r} holds text that is no Unicode: {error.reason}") from error
    if kind == "boolean":
        return series.astype("boolean"), described
    raise Unfit(f"the column {name!r} holds Python objects ({kind})")


def _restore(array: Any, column: dict[str, Any]) -> Any:
    """A column as it was, from DuckDB's array (masked where there are NULLs)."""
    mask = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else None
    values = np.ma.getdata(array)
    name = column["dtype"]
    if name == "category":
        filled: Any = pd.Series(values)
        filled = filled.astype(_nullable(pd.Index([], dtype=column["of"])))
        if mask is not None:
            filled[mask] = None
        categories = pd.Index(column["categories"], dtype=column["of"])
        return pd.Categorical(filled, categories=categories, ordered=column["ordered"])
    if name == "object":
        objects = values.astype(object)
        if mask is not None:
            objects[mask] = None if column["missing"] == "none" else np.nan
        return pd.Series(objects, dtype=object)
    dtype = pd.api.types.pandas_dtype(name)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments: Any = pd.Series(_with_missing(values, mask, np.datetime64("NaT")))
        moments = moments.astype(f"datetime64[{dtype.unit}]")
        return moments.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "m":
            return values.view(dtype)
        absent = np.datetime64("NaT") if dtype.kind == "M" else np.nan
        return _with_missing(values, mask, absent).astype(dtype, copy=False)
    if isinstance(dtype, pd.StringDtype):
        objects = values.astype(object, copy=False)
        return pd.array(_with_missing(objects, mask, None), dtype=dtype)
    restored: Any = pd.array(values, dtype=name)
    if mask is not None:
        restored[mask] = pd.NA
    return restored


def _with_missing(values: Any, mask: Any, absent: Any) -> Any:
    if mask is None or not mask.any():
        return values
    values = values.copy()
    values[mask] = absent
    return values


def _categories(name: str, dtype: pd.CategoricalDtype) -> pd.Index[Any]:
    categories = dtype.categories
    text = pd.api.types.infer_dtype(categories) == "string"
    if text or (isinstance(categories.dtype, np.dtype) and categories.dtype.kind in "iufb"):
        return categories
    raise Unfit(f"the column {name!r} has categories of the type {categories.dtype}")


def _nullable(categories: pd.Index[Any]) -> str:
    """The dtype that holds these categories' values and missing ones without a change of type."""
    kind = categories.dtype.kind if isinstance(categories.dtype, np.dtype) else "O"
    return {"i": "Int64", "u": "UInt64", "f": "float64", "b": "boolean"}.get(kind, "str")


def _write_index(index: pd.Index[Any], folder: Path) -> dict[str, Any]:
    names = [_plain_name(name) for name in index.names]
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}
    levels = [str(level) for level in range(index.nlevels)]
    frame = index.to_frame(index=False)
    frame.columns = pd.Index(levels)
    columns = _write(frame, folder / "index.parquet")
    return {
        "columns": columns,
        "names": names,
        "freq": getattr(index, "freqstr", None),
        "multi": isinstance(index, pd.MultiIndex),
    }


def _read_index(header: Header, file: File) -> pd.Index[Any]:
    names = header["names"]
    if "range" in header:
        start, stop, step = header["range"]
        return pd.RangeIndex(start, stop, step, name=names[0])
    frame = _read(file("index.parquet"), header["columns"])
    if header["multi"]:
        return pd.MultiIndex.from_frame(frame, names=names)
    index: Any = pd.Index(frame["0"]).rename(names[0])
    if header["freq"]:
        index.freq = header["freq"]
    return cast("pd.Index[Any]", index)


def _plain_name(name: Any) -> str | None:
    if name is None or type(name) is str:
        return name
    raise Unfit(f"the name {name!r} is not text")
