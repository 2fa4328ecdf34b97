"""What is broken, as findings with example rows: rules of rows, values that are there twice, references that lead nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.data.cells import Cells, value
from plimsoll.data.column_rules import UNIQUE, Rule, rule_texts
from plimsoll.data.engine import name_literal
from plimsoll.data.entities import BrokenRule
from plimsoll.data.examples import chosen_rows, first_rows
from plimsoll.data.faults import reading_fault
from plimsoll.kernel.nearest import nearest

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The rows that a column refers to."""

    dataset: str
    column: str
    cells: Cells
    names: Sequence[str]
    """Its files, as people call them."""

    @property
    def keys(self) -> str:
        """`SELECT …` of the values that are there."""
        return f"SELECT {value(self.column)} FROM {self.cells.relation()} WHERE {value(self.column)} IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Findings about one dataset."""

    dataset: str
    rows: int
    cells: Cells
    names: Sequence[str]
    """Its files, as people call them."""
    connection: duckdb.DuckDBPyConnection

    def absent(self, columns: Sequence[str]) -> list[BrokenRule]:
        """Those of the columns that are not there."""
        there = self.cells.stored
        return [
            BrokenRule(
                dataset=self.dataset,
                column=column,
                rule="exists",
                count=self.rows,
                rows=self.rows,
                nearest=nearest(column, there),
            )
            for column in columns
            if column not in there
        ]

    def rows_that_break(self, counted: Sequence[tuple[Rule, int]]) -> list[BrokenRule]:
        """The rules that more rows break than may."""
        failed = [(rule, count) for rule, count in counted if count and count > rule.allowed * self.rows]
        examples = first_rows(self.connection, self.cells, [rule.test for rule, _ in failed], names=self.names)
        return [
            BrokenRule(
                dataset=self.dataset,
                column=rule.column,
                rule=rule.text,
                count=count,
                rows=self.rows,
                found=rule.told,
                about=rule.about,
                examples=shown,
            )
            for (rule, count), shown in zip(failed, examples, strict=True)
        ]

    def repeated(self, column: str, count: int) -> list[BrokenRule]:
        """A column of which so many values are there a second time."""
        if not count:
            return []
        known = value(column)
        test = f"{known} IN (SELECT {known} FROM {self.cells.relation()} GROUP BY ALL HAVING count(*) > 1)"
        return [self._chosen(column, UNIQUE, count, test, order=f"{known}, ")]

    def astray(self, column: str, target: Target) -> list[BrokenRule]:
        """Values that do not occur where they should. Raises what reading the other files raises."""
        import duckdb

        if column not in self.cells.declared or target.column not in target.cells.declared:
            return []  # told as a column that is not there
        known, keys = value(column), name_literal(f"keys of {column}")
        try:  # on its own, so that a fault of the other files is not told of these
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {keys} AS SELECT DISTINCT * FROM ({target.keys})")
        except duckdb.Error as error:
            raise reading_fault(target.dataset, error, files=target.cells.files, names=target.names) from error
        test = f"{known} IS NOT NULL AND {known} NOT IN (FROM {keys})"
        query = f"SELECT count(*) FROM {self.cells.relation()} WHERE {test}"
        ((count,),) = self.connection.execute(query).fetchall()
        if not count:
            return []
        texts = rule_texts(self.cells.declared[column])
        return [self._chosen(column, next(text for text in texts if text.startswith("references:")), count, test)]

    def _chosen(self, column: str, rule: str, count: int, test: str, *, order: str = "") -> BrokenRule:
        shown = chosen_rows(self.connection, self.cells, test, order=order, names=self.names)
        return BrokenRule(dataset=self.dataset, column=column, rule=rule, count=count, rows=self.rows, examples=shown)
