"""Arrow's tables and record batches, as one Parquet file that pyarrow writes and reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import ROW_GROUP, VALUE_TABLE, File, Header, Unfit


def write_arrow(value: Any, folder: Path) -> Header:
    """Write a Table or RecordBatch. Raises Unfit for types that Parquet would change."""
    import pyarrow as pa  # type: ignore[import-untyped]  # it has no types

    batch = isinstance(value, pa.RecordBatch)
    table = pa.Table.from_batches([value]) if batch else value
    if not table.num_columns:
        message = "it has no columns"
        raise Unfit(message)
    _write(iter([table]), table.schema, folder / VALUE_TABLE)
    return {"kind": "batch" if batch else "table"}


def read_arrow(header: Header, file: File) -> Any:
    """The inverse of `write_arrow`."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types

    with pq.ParquetFile(file(VALUE_TABLE)) as reader:
        table = reader.read()
    if header["kind"] == "table":
        return table
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def join_arrow(parts: Sequence[Path], headers: Sequence[Header], path: Path) -> Header:
    """Make one file of several with the same columns, in bounded memory; the bytes are those of one table."""
    import pyarrow.parquet as pq

    def tables() -> Iterator[Any]:
        for part in parts:
            with pq.ParquetFile(part) as reader:
                for group in range(reader.num_row_groups):
                    yield reader.read_row_group(group)

    _write(tables(), pq.read_schema(parts[0]), path)
    return {**headers[0], "kind": "table"}


def _write(tables: Iterator[Any], schema: Any, path: Path) -> None:
    """Row groups of one size, whatever the size of the tables that bring the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetWriter(path, schema, compression="zstd", use_compliant_nested_type=False) as writer:
            waiting = schema.empty_table()
            for table in tables:
                waiting = pa.concat_tables([waiting, table])
                whole = waiting.num_rows - waiting.num_rows % ROW_GROUP
                for start in range(0, whole, ROW_GROUP):
                    writer.write_table(_compact(waiting.slice(start, ROW_GROUP)), row_group_size=ROW_GROUP)
                waiting = waiting.slice(whole)
            if waiting.num_rows:
                writer.write_table(_compact(waiting), row_group_size=ROW_GROUP)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise Unfit(str(error).partition("\n")[0]) from error
    if not pq.read_schema(path).equals(schema, check_metadata=True):
        message = "Parquet would change the types of its columns"
        raise Unfit(message)


def _compact(table: Any) -> Any:
    """The same rows in one chunk each, with one dictionary, for chunks leave traces in the file."""
    return table.unify_dictionaries().combine_chunks()
