"""Rows as people hold them in a notebook, and answers in the same shape: pandas, polars, or a list of records."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plimsoll.notebook.asking import advised
from plimsoll.notebook.errors import BadFrame


def as_pandas(rows: Any) -> pd.DataFrame:
    """The rows as a pandas frame: a frame as it is, with its index. Raises BadFrame."""
    if isinstance(rows, pd.DataFrame):
        return rows
    if is_polars(rows):
        return pd.DataFrame({name: _values(rows[name]) for name in rows.columns}, index=pd.RangeIndex(len(rows)))
    if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))
    raise advised(BadFrame(found=f"A value of type {type(rows).__name__}"))


def like(rows: Any, frame: pd.DataFrame, values: NDArray[Any], name: str) -> Any:
    """One value a row, as a Series of the library that the rows came in, with their index."""
    if is_polars(rows):
        return sys.modules["polars"].Series(name, values.tolist())
    return pd.Series(values, index=frame.index, name=name)


def table_like(rows: Any, frame: pd.DataFrame, values: NDArray[np.float64], names: tuple[Any, ...]) -> Any:
    """Values of shape (rows, names), as a frame of the library that the rows came in; polars' names are text."""
    if is_polars(rows):
        return sys.modules["polars"].DataFrame({str(name): values[:, place] for place, name in enumerate(names)})
    return pd.DataFrame(values, index=frame.index, columns=list(names))


def is_polars(rows: Any) -> bool:
    """Whether it is a frame of polars; who holds one has imported it."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(rows, polars.DataFrame)


def _values(column: Any) -> Any:
    """A column's values: an array where that is the same, else one by one as JSON would bring them, None for null."""
    plain = column.null_count() == 0 and (column.dtype.is_numeric() or str(column.dtype) == "Boolean")
    return column.to_numpy() if plain else pd.Series(column.to_list(), dtype=object)
