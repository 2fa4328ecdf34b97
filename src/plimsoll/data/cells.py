"""The cells of a dataset as checks look at them: as stored, and as the value that the project file declares.

Each column X is there as `raw X`, with blanks and texts for missing values settled, and each declared one as `value X`,
null where it is not what its type says. Pure text in, SQL out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plimsoll.data import reading
from plimsoll.data.engine import name_literal
from plimsoll.data.entities import Format
from plimsoll.data.headers import Header
from plimsoll.project.entities import Column, Dataset

POSITION = name_literal("position")
"""Where a row stands: the number of its file times FILE, and its number in it, which begins with 1."""
FILE = 1 << 40
_WIDENED = (("BIGINT", "DOUBLE"), ("DATE", "TIMESTAMP"))
_FILE_AT, _ROW_AT = "file_index", "file_row_number"
"""Columns that DuckDB adds to those of Parquet files, unless they have columns of these names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A dataset's files, how they are read, and what is declared of them."""

    dataset: Dataset
    format: Format
    header: Header
    files: Sequence[Path]

    @property
    def stored(self) -> dict[str, str]:
        """Column -> type as which it is read."""
        return dict(self.header.columns)

    @property
    def declared(self) -> dict[str, Column]:
        """The declared columns that are there."""
        there = self.stored
        return {name: rules for name, rules in self.dataset.columns.items() if name in there}

    def relation(self, *, first: int | None = None) -> str:
        """`(SELECT …)` of every cell. first: of so many rows only."""
        limit = "" if first is None else f" LIMIT {first}"
        return f"(SELECT *, {self._values()} FROM (SELECT {self._raws()} FROM {self._source(self.files)}{limit}))"

    def placed(self) -> str:
        """The same with the position of each row."""
        if self.format == "parquet" and not {name.lower() for name in self.stored} & {_FILE_AT, _ROW_AT}:
            at = f"CAST({_FILE_AT} AS BIGINT) * {FILE} + {_ROW_AT} + 1"
            rows = f"SELECT {at} AS {POSITION}, {self._raws()} FROM {self._source(self.files)}"
        else:
            rows = " UNION ALL BY NAME ".join(
                f"SELECT {number * FILE} + row_number() OVER () AS {POSITION}, {self._raws()} "
                f"FROM {self._source([file])}"
                for number, file in enumerate(self.files)
            )
        return f"(SELECT *, {self._values()} FROM ({rows}))"

    def text(self, name: str) -> bool:
        """Whether a column is read as text, whatever it is meant to be."""
        return self.stored[name] == "VARCHAR"

    def certain(self, name: str) -> bool:
        """Whether no stored value of a declared column can be of another type."""
        stored, wanted = self.stored[name], reading.TYPES[self.dataset.columns[name].type]
        kept = self.format == "parquet" and name in self.header.sure and not self.dataset.missing
        return kept and (stored == wanted or (stored, wanted) in _WIDENED)

    def moment(self, name: str) -> str:
        """A column's value as a moment in UTC, null where it is none."""
        if self.stored[name] in ("VARCHAR", "DATE", "TIMESTAMP"):
            return reading.value(raw(name), "TIMESTAMP", text=self.text(name))
        return "CAST(NULL AS TIMESTAMP)"

    def _raws(self) -> str:
        return ", ".join(
            f"{reading.cell(name, format=self.format, missing=self.dataset.missing)} AS {raw(name)}"
            for name, _ in self.header.columns
        )

    def _values(self) -> str:
        values = [
            f"{self._value(name, reading.TYPES[rules.type])} AS {value(name)}" for name, rules in self.declared.items()
        ]
        return ", ".join(values) or "NULL"

    def _value(self, name: str, wanted: str) -> str:
        """The stored value as the wanted type, null where it is not one."""
        stored, cell = self.stored[name], raw(name)
        if self.certain(name):
            cast = f"CAST({cell} AS {wanted})"
            return f"CASE WHEN NOT isnan({cast}) THEN {cast} END" if stored == "DOUBLE" else cast
        plain = reading.value(cell, wanted, text=self.text(name))
        if stored in ("VARCHAR", wanted) or (stored, wanted) in _WIDENED:
            return plain
        if (stored, wanted) == ("DOUBLE", "BIGINT"):
            return f"CASE WHEN {cell} = trunc({cell}) THEN {plain} END"
        if (stored, wanted) == ("TIMESTAMP", "DATE"):
            return f"CASE WHEN {cell} = date_trunc('day', {cell}) THEN {plain} END"
        if (stored, wanted) == ("BIGINT", "BOOLEAN"):
            return f"CASE WHEN {cell} IN (0, 1) THEN {plain} END"
        return f"CAST(NULL AS {wanted})"

    def _source(self, files: Sequence[Path]) -> str:
        names = [name for name, _ in self.header.columns]
        return reading.source(self.format, files, columns=names, delimiter=self.header.delimiter)


def raw(column: str) -> str:
    """The name of a column's cells as stored."""
    return name_literal(f"raw {column}")


def value(column: str) -> str:
    """The name of a declared column's values."""
    return name_literal(f"value {column}")
