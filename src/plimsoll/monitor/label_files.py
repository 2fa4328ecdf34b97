"""Reads files of labels, CSV or Parquet, into what `labels.add` takes. Runs where the file is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.monitor.errors import BadLabelFile

OUTCOME = "outcome."


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColumns:
    """Which columns of a file say what."""

    prediction: str = "prediction"
    label: str = "label"
    row: str = "row"
    at: str = "at"


def read_label_file(path: Path, columns: LabelColumns) -> Iterator[dict[str, Any]]:
    """The file's labels, row by row. Raises BadLabelFile before the first when it cannot be one."""
    import duckdb

    from plimsoll.data.engine import engine, text_literal

    if not path.is_file():
        raise BadLabelFile(path=str(path), problem="there is no such file")
    source = text_literal(str(path))
    parquet = path.suffix.lower() in (".parquet", ".pq")
    table = f"read_parquet({source})" if parquet else f"read_csv({source}, all_varchar = true)"
    with engine() as connection:
        try:
            found = connection.execute(f"SELECT * FROM {table}")
            names = [item[0] for item in found.description or ()]
            _require(path, names, columns)
            while rows := found.fetchmany(10_000):
                for row in rows:
                    yield _item(dict(zip(names, row, strict=True)), columns)
        except duckdb.Error as error:
            raise BadLabelFile(path=str(path), problem=str(error).partition("\n")[0]) from error


def _require(path: Path, names: list[str], columns: LabelColumns) -> None:
    if columns.prediction not in names:
        raise BadLabelFile(path=str(path), problem=f"it has no column {columns.prediction!r}, only {', '.join(names)}")
    if columns.label not in names and not any(name.startswith(OUTCOME) for name in names):
        problem = f"it has no column {columns.label!r} and none named {OUTCOME}NAME, only {', '.join(names)}"
        raise BadLabelFile(path=str(path), problem=problem)


def _item(row: dict[str, Any], columns: LabelColumns) -> dict[str, Any]:
    outcomes = {
        name.removeprefix(OUTCOME): float(value)
        for name, value in row.items()
        if name.startswith(OUTCOME) and value is not None
    }
    at, label = row.get(columns.at), row.get(columns.label)
    plain = label if isinstance(label, bool | int | float | str) or label is None else str(label)
    return {
        "prediction": str(row[columns.prediction]),
        "row": int(row.get(columns.row) or 0),
        "label": plain,
        "outcomes": outcomes,
        "at": "" if at is None else at.isoformat() if hasattr(at, "isoformat") else str(at),
    }
