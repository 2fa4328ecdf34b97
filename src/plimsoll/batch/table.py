"""The predictions of all rows, kept in the engine until the last, then written beside the rows, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.batch.entities import Answer
from plimsoll.batch.errors import NamesTaken, OutputExists, OutputFailed, UnknownColumn, UnknownOutput
from plimsoll.bundle.entities import ScorerSpec
from plimsoll.data.engine import name_literal, text_literal
from plimsoll.data.rows import Rows
from plimsoll.kernel.files import new_file, sync_file, sync_folder
from plimsoll.kernel.nearest import nearest

if TYPE_CHECKING:
    import duckdb

_TABLE = "predictions"
_FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER true",
    ".jsonl": "FORMAT json",
    ".ndjson": "FORMAT json",
}
_ERROR = "error"


def require_output(out: Path, *, force: bool) -> None:
    """Raises UnknownOutput, OutputExists, OutputFailed, before an hour was spent on rows."""
    if out.suffix not in _FORMATS:
        raise UnknownOutput(out=str(out))
    if out.exists() and (out.is_dir() or not force):
        raise OutputExists(out=str(out))
    if not out.parent.is_dir():
        raise OutputFailed(out=str(out), problem=f"there is no folder {out.parent}")


def kept_columns(rows: Rows, keep: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of the rows to write. Raises UnknownColumn."""
    known = tuple(rows.types)
    for column in keep or ():
        if column not in known:
            near = nearest(column, known)
            did_you = f"Did you mean {near}? " if near else ""
            raise UnknownColumn(files=rows.path, column=column, nearest=did_you, columns=", ".join(known))
    return known if keep is None else tuple(keep)


def prediction_columns(spec: ScorerSpec, *, prefix: str, keep_bad: bool) -> dict[str, str]:
    """Column -> its type, in the order in which they are written: what the server's answer names, then the reasons."""
    label = _label_type(spec)
    if spec.task == "regression":
        columns = {"prediction": "DOUBLE"}
    elif spec.task == "binary_classification":
        columns = {"score": "DOUBLE", "decision": label}
    else:
        columns = {"probabilities": "DOUBLE[]", "decision": label}
    if keep_bad:
        columns[_ERROR] = "VARCHAR"
    return {prefix + name: type for name, type in columns.items()}


def require_free(kept: Sequence[str], predicted: Sequence[str], *, files: str) -> None:
    """Raises NamesTaken."""
    lowered = {name.lower() for name in kept}  # as SQL compares names
    taken = [name for name in predicted if name.lower() in lowered]
    if taken:
        raise NamesTaken(files=files, names=", ".join(taken))


class Predictions:
    """A table of the engine that is filled in the rows' order; what does not fit in memory spills to disk."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, columns: dict[str, str], *, prefix: str) -> None:
        self._cursor = cursor
        self._columns = columns
        self._names = {name: name.removeprefix(prefix) for name in columns}
        self.rows = 0
        self.refused = 0
        listed = ", ".join(f"{name_literal(name)} {type}" for name, type in columns.items())
        cursor.execute(f"CREATE TABLE {_TABLE} ({listed})")
        select = ", ".join(f"unnest(CAST(? AS {type}[]))" for type in columns.values())
        self._insert = f"INSERT INTO {_TABLE} SELECT {select}"

    def add(self, answer: Answer) -> None:
        """Append a batch's answer."""
        nothing = [None] * answer.rows
        given = {**answer.columns, _ERROR: list(answer.errors)}
        self._cursor.execute(self._insert, [given.get(name, nothing) for name in self._names.values()])
        self.rows += answer.rows
        self.refused += sum(error is not None for error in answer.errors)


def write_table(
    connection: duckdb.DuckDBPyConnection,
    rows: Rows,
    *,
    kept: Sequence[str],
    predicted: Sequence[str],
    out: Path,
    made_by: dict[str, str],
) -> None:
    """Write the kept columns and the predictions side by side. Raises OutputFailed."""
    import duckdb

    columns = [f"r.{name_literal(name)}" for name in kept] + [f"p.{name_literal(name)}" for name in predicted]
    how = _FORMATS[out.suffix]
    if out.suffix == ".parquet":
        pairs = ", ".join(f"{name}: {text_literal(value)}" for name, value in made_by.items())
        how += f", KV_METADATA {{{pairs}}}"
    query = f"SELECT {', '.join(columns)} FROM {rows.relation} AS r POSITIONAL JOIN {_TABLE} AS p"
    try:
        with new_file(out.parent) as new:
            connection.execute(f"COPY ({query}) TO {text_literal(str(new))} ({how})")
            sync_file(new)
            new.chmod(0o666 & ~_umask())
            new.replace(out)
        sync_folder(out.parent)
    except (OSError, duckdb.IOException) as error:
        problem = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise OutputFailed(out=str(out), problem=problem) from error


def _label_type(spec: ScorerSpec) -> str:
    kinds = {type(item) for item in spec.classes}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
