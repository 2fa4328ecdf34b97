"""What polars makes, as one Parquet file that polars writes and reads.

A LazyFrame is carried out while it is written, in bounded memory, and comes back as a scan of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import ROW_GROUP, VALUE_TABLE, File, Header, Unfit


def write_polars(value: Any, folder: Path) -> Header:
    """Write a DataFrame, Series or LazyFrame. Raises Unfit for Python objects and what else Parquet cannot say."""
    import polars as pl

    if isinstance(value, pl.LazyFrame):
        sink(value, folder / VALUE_TABLE)
        return {"kind": "lazy"}
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    if not frame.width:
        message = "it has no columns"
        raise Unfit(message)
    if any(dtype == pl.Object for dtype in frame.dtypes):
        message = "it holds Python objects"
        raise Unfit(message)
    try:
        sink(frame.lazy(), folder / VALUE_TABLE)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise Unfit(str(error).partition("\n")[0]) from error
    if pl.read_parquet_schema(folder / VALUE_TABLE) != frame.schema:
        message = "Parquet would change the types of its columns"
        raise Unfit(message)
    return {"kind": "series" if isinstance(value, pl.Series) else "frame"}


def read_polars(header: Header, file: File) -> Any:
    """The inverse of `write_polars`."""
    import polars as pl

    path = file(VALUE_TABLE)
    match header["kind"]:
        case "lazy":
            return pl.scan_parquet(path, glob=False)
        case "series":
            return pl.read_parquet(path, glob=False).to_series()
        case _:
            return pl.read_parquet(path, glob=False)


def join_polars(parts: Sequence[Path], headers: Sequence[Header], path: Path) -> Header:
    """Make one file of several with the same columns, in bounded memory; the bytes are those of one frame."""
    import polars as pl

    sink(pl.scan_parquet(list(parts), glob=False), path)
    return headers[0]


def sink(lazy: Any, path: Path) -> None:
    """Write rows in their order; however they were cut into chunks, equal rows give equal bytes."""
    lazy.sink_parquet(path, compression="zstd", row_group_size=ROW_GROUP, maintain_order=True)
