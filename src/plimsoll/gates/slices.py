"""The holdout as gates look at it: its label, its order in time, and the groups that `model.slices` names.

Slices are SQL from a project file. They see one table, `holdout`, in a DuckDB of its own without access to files, the
network, extensions or settings; each is parsed as one expression, so it can compute and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.data.engine import name_literal
from plimsoll.gates.checks import Slice
from plimsoll.gates.errors import BadSlices, GroupMissing, LabelMissing
from plimsoll.gates.grouped import Grouping
from plimsoll.kernel.nearest import nearest

if TYPE_CHECKING:
    import duckdb

MOST_VALUES = 20
"""A column makes at most this many slices: its most frequent values. The rest is named in the verdict's notes."""

_NOT_FOUND = re.compile(r'Referenced column "([^"]+)" not found')


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """The slices of a holdout, and what was left out, in sentences."""

    slices: tuple[Slice, ...]
    notes: tuple[str, ...]


class HoldoutTable:
    """The holdout's rows in memory. Row numbers follow the file's order, as scores do."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        described = connection.execute("DESCRIBE holdout").fetchall()
        self.types = {str(name): str(type) for name, type, *_ in described}
        self.rows = int(connection.execute("SELECT COUNT(*) FROM holdout").fetchall()[0][0])

    def column(self, name: str) -> list[Any]:
        """A column's values in row order; None where there is none, NaN included."""
        (values,) = self._connection.execute(f"SELECT {name_literal(name)} FROM holdout").fetchnumpy().values()
        return [None if value is None or value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN

    def order_by(self, name: str) -> NDArray[np.intp]:
        """Row numbers in ascending order of a column, equal values in row order."""
        sql = f"SELECT rowid FROM holdout ORDER BY {name_literal(name)} NULLS FIRST, rowid"
        return np.array([row[0] for row in self._connection.execute(sql).fetchall()], dtype=np.intp)

    def require_label(self, label: str, *, holdout: str) -> None:
        """Raises LabelMissing, with the nearest column."""
        if label not in self.types:
            raise LabelMissing(
                holdout=holdout, label=label, nearest=_advice(label, self.types), columns=", ".join(self.types)
            )

    def group_by(self, name: str, *, holdout: str) -> Grouping:
        """The rows' groups by a column, numbered in the order of its values; nulls are one group. Raises GroupMissing."""
        if name not in self.types:
            raise GroupMissing(
                holdout=holdout, group=name, nearest=_advice(name, self.types), columns=", ".join(self.types)
            )
        sql = f"SELECT dense_rank() OVER (ORDER BY {name_literal(name)}) - 1 FROM holdout ORDER BY rowid"
        codes = np.array([row[0] for row in self._connection.execute(sql).fetchall()], dtype=np.intp)
        return Grouping(column=name, codes=codes)

    def slice_by(self, slices: Sequence[str]) -> Slicing:
        """The groups that these columns and conditions name. Raises BadSlices that names every bad one."""
        found: list[Slice] = []
        notes: list[str] = []
        problems: list[str] = []
        for text in slices:
            try:
                if text in self.types:
                    values, left_out = self._values_of(text)
                    found.extend(values)
                    notes.extend(left_out)
                else:
                    found.append(self._condition(text))
            except _BadSlice as problem:
                problems.append(str(problem))
        if problems:
            raise BadSlices(problems=problems, listing=" ".join(problems))
        return Slicing(slices=tuple(found), notes=tuple(notes))

    def _values_of(self, column: str) -> tuple[list[Slice], list[str]]:
        """One slice a value, the most frequent first, absent values last and together."""
        name = name_literal(column)
        counts = self._connection.execute(
            f"SELECT CAST({name} AS VARCHAR) AS value, COUNT(*) AS rows FROM holdout GROUP BY ALL ORDER BY rows DESC, value"
        ).fetchall()
        texts = [row[0] for row in self._connection.execute(f"SELECT CAST({name} AS VARCHAR) FROM holdout").fetchall()]
        values = np.array(texts, dtype=object)
        present = [(value, rows) for value, rows in counts if value is not None]
        slices = [
            Slice(source=column, name=f"{column} = {value}", rows=np.asarray(values == value))
            for value, _ in present[:MOST_VALUES]
        ]
        if len(present) < len(counts):
            missing = np.array([text is None for text in texts], dtype=np.bool_)
            slices.append(Slice(source=column, name=f"{column} is missing", rows=missing))
        rest = present[MOST_VALUES:]
        if not rest:
            return slices, []
        share = sum(rows for _, rows in rest) / self.rows
        note = (
            f"Slice {column}: its {MOST_VALUES} most frequent values are looked at; {len(rest):,} others with {share:.1%} of "
            "the rows are not. A condition can name a range or a group of them."
        )
        return slices, [note]

    def _condition(self, text: str) -> Slice:
        import duckdb

        if text.isidentifier():
            raise _BadSlice(f"The slice {text} is no column of the holdout.{_advice(text, self.types)}")
        try:
            chosen = self._connection.table("holdout").select(duckdb.SQLExpression(text).alias("chosen"))
            types, rows = [str(type) for type in chosen.types], chosen.fetchall()
        except duckdb.Error as error:
            raise _BadSlice(self._explain(text, str(error))) from error
        if types != ["BOOLEAN"]:
            raise _BadSlice(f"The slice {text!r} is {', '.join(types).lower()}, not a condition that is true or false.")
        if len(rows) != self.rows:
            raise _BadSlice(
                f"The slice {text!r} gives {len(rows)} answers for {self.rows} rows; it must look at each row."
            )
        return Slice(source=text, name=text, rows=np.array([row[0] is True for row in rows], dtype=np.bool_))

    def _explain(self, text: str, error: str) -> str:
        unknown = _NOT_FOUND.search(error)
        if unknown:
            return f"The slice {text!r} names {unknown[1]}, which is no column of the holdout.{_advice(unknown[1], self.types)}"
        return f"The slice {text!r} is not a condition that can be evaluated: {error.splitlines()[0].rstrip('.')}."


@contextmanager
def open_holdout(parquet: Path) -> Iterator[HoldoutTable]:
    """The holdout in a locked DuckDB: once its rows are read, no statement reaches a file or changes a setting."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "autoinstall_known_extensions": False})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE holdout AS SELECT * FROM read_parquet($path)", {"path": str(parquet)})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield HoldoutTable(connection)
    finally:
        connection.close()


class _BadSlice(Exception):
    pass


def _advice(word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    return f" Did you mean {near}?" if near else f" It has: {', '.join(known)}."
