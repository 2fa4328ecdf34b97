"""The table of codecs, in the order in which they are asked. What none of them takes is pickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs import arrays, arrow, boosters, plain, polars_frames, tensors
from plimsoll.pipeline.codecs.codec import Codec, File, Header, is_any


def _write_pandas(value: Any, folder: Path) -> Header:
    from plimsoll.pipeline.codecs.frames import write_table

    return write_table(value, folder)


def _read_pandas(header: Header, file: File) -> Any:
    from plimsoll.pipeline.codecs.frames import read_table

    return read_table(header, file)


def _join_pandas(parts: Sequence[Path], headers: Sequence[Header], path: Path) -> Header:
    from plimsoll.pipeline.codecs.frames import join_tables

    return join_tables(parts, headers, path)


CODECS = (
    Codec(
        name="frame",
        applies=is_any("pandas", "DataFrame", "Series"),
        write=_write_pandas,
        read=_read_pandas,
    ),
    Codec(
        name="polars",
        applies=is_any("polars", "DataFrame", "Series", "LazyFrame"),
        write=polars_frames.write_polars,
        read=polars_frames.read_polars,
    ),
    Codec(
        name="arrow",
        applies=is_any("pyarrow", "Table", "RecordBatch"),
        write=arrow.write_arrow,
        read=arrow.read_arrow,
    ),
    Codec(name="array", applies=arrays.is_array, write=arrays.write_array, read=arrays.read_array),
    Codec(name="arrays", applies=arrays.is_arrays, write=arrays.write_arrays, read=arrays.read_arrays),
    Codec(
        name="xgboost",
        applies=is_any("xgboost", "Booster"),
        write=boosters.write_xgboost,
        read=boosters.read_xgboost,
    ),
    Codec(
        name="lightgbm",
        applies=is_any("lightgbm", "Booster"),
        write=boosters.write_lightgbm,
        read=boosters.read_lightgbm,
    ),
    Codec(
        name="catboost",
        applies=is_any("catboost", *boosters.CATBOOST_CLASSES),
        write=boosters.write_catboost,
        read=boosters.read_catboost,
    ),
    Codec(name="torch", applies=tensors.is_tensors, write=tensors.write_tensors, read=tensors.read_tensors),
    Codec(name="json", applies=plain.is_plain, write=plain.write_plain, read=plain.read_plain),
)

BY_NAME = {codec.name: codec for codec in CODECS}

JOINS = {"frame": _join_pandas, "polars": polars_frames.join_polars, "arrow": arrow.join_arrow}
"""How frames that a step yields become one table, by their codec's name."""
