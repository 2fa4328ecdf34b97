"""Data versions as pandas frames and as SQL relations, always from the artifacts, never from the project's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.engine import engine, name_literal
from plimsoll.data.entities import DataVersion
from plimsoll.data.reading import relation

if TYPE_CHECKING:
    import pandas as pd


def read_frame(version: DataVersion, artifacts: FolderStore) -> pd.DataFrame:
    """The rows of a version in file order, with a plain RangeIndex.

    int64 (float64 with NaN when the column holds nulls), float64, str, bool (object of True, False and NaN when it
    holds nulls) and datetime64[us] (dates too, at midnight): what a scorer casts its rows to. Raises ArtifactMissing.
    """
    import pandas as pd

    columns = ", ".join(_column(name, type) for name, type in version.columns)
    with engine() as connection:
        frame = connection.execute(f"SELECT {columns} FROM {relation_sql(version, artifacts)}").df()
    frame.columns = pd.Index([name for name, _ in version.columns])
    for name, type in version.columns:
        if type == "BIGINT" and frame[name].hasnans:
            frame[name] = frame[name].astype("float64")
        elif type == "BOOLEAN" and frame[name].hasnans:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), float("nan"))
        elif type == "VARCHAR":
            frame[name] = frame[name].astype("str")
    return frame


def relation_sql(version: DataVersion, artifacts: FolderStore) -> str:
    """The version as `(SELECT …)` for a FROM clause, to be run on a connection of `engine()`. Raises ArtifactMissing."""
    files = [artifacts.path(entry.digest) for entry in version.files]
    return relation(
        version.format, files, columns=version.columns, delimiter=version.delimiter, missing=version.missing
    )


def _column(name: str, type: str) -> str:
    column = name_literal(name)
    return f"CAST({column} AS TIMESTAMP) AS {column}" if type == "DATE" else column
