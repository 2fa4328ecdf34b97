"""Every column check of a dataset in one pass over its rows, then example rows for what is broken.

The same pass counts the rows and finds the types of CSV columns that the project file does not declare. The
statement is built here and run on DuckDB; which rules there are is the project file's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.data import reading
from plimsoll.data.engine import name_literal, text_literal
from plimsoll.data.entities import BrokenRule, ExampleRow, Format
from plimsoll.data.headers import Header
from plimsoll.kernel.nearest import nearest
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    import duckdb

_EXAMPLES = 3
_UNIQUE = "unique: true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one pass over a dataset found: its rows, the type of each column, the rules that rows break."""

    rows: int
    columns: tuple[tuple[str, str], ...]
    broken: tuple[BrokenRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One rule of one column: SQL that counts the rows that break it, and SQL that picks them."""

    column: str
    text: str
    count: str
    where: str


def measure(
    name: str,
    dataset: Dataset,
    *,
    format: Format,
    header: Header,
    files: Sequence[Path],
    names: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    first: int | None = None,
) -> Measured:
    """Check a dataset's rows against its rules. files: where the bytes lie; names: what people call them.

    first: look at so many rows only, which makes the types of undeclared columns a guess.
    Raises duckdb.Error when a file cannot be read to its end.
    """
    present = dict(header.columns)
    declared = {column: rules for column, rules in dataset.columns.items() if column in present}
    guessed = [column for column, _ in header.columns if format == "csv" and column not in declared]
    cells = _cells(dataset, declared, format, header, files, first=first)
    rules = [rule for column, wanted in declared.items() for rule in _rules(column, wanted, header)]

    figures = ["count(*)", *(rule.count for rule in rules)]
    figures += [_guess_figure(_raw(column), type) for column in guessed for type in reading.GUESSES]
    figures += [f"count({_raw(column)})" for column in guessed]
    figures += [_overflow_figure(_raw(column)) for column in guessed]
    row = connection.execute(f"SELECT {', '.join(figures)} FROM {cells}").fetchall()[0]

    rows, counts, guesses = row[0], row[1 : 1 + len(rules)], row[1 + len(rules) :]
    types = _types(dataset, header, guessed, guesses)
    absent = [*dataset.columns, *(named for named in (dataset.time, dataset.key) if named)]
    broken = [_absent(name, column, present, rows) for column in dict.fromkeys(absent) if column not in present]
    failed = [(rule, count) for rule, count in zip(rules, counts, strict=True) if count]
    if failed:
        pick = _ExamplePicker(connection, dataset, declared, format, header, files, names)
        broken += [
            BrokenRule(
                dataset=name, column=rule.column, rule=rule.text, count=count, rows=rows, examples=pick.rows(rule)
            )
            for rule, count in failed
        ]
    return Measured(rows=rows, columns=types, broken=tuple(broken))


def rule_texts(column: Column) -> tuple[str, ...]:
    """A column's rules as written in the project file; for people and for the identity of a check."""
    texts = [f"type: {column.type}"]
    if not column.nullable:
        texts.append("nullable: false")
    if column.unique:
        texts.append(_UNIQUE)
    texts += [
        f"{word}: {_number(bound)}" for word, bound in (("min", column.min), ("max", column.max)) if bound is not None
    ]
    if column.in_ is not None:
        texts.append(f"in: [{', '.join(_plain(item) for item in column.in_)}]")
    if column.pattern is not None:
        texts.append(f"pattern: {column.pattern}")
    return tuple(texts)


def _cells(
    dataset: Dataset,
    declared: Mapping[str, Column],
    format: Format,
    header: Header,
    files: Sequence[Path],
    *,
    first: int | None,
) -> str:
    """A relation with `raw X` (as stored, nulls settled) of every column and `value X` of the declared ones."""
    table = reading.source(format, files, columns=[name for name, _ in header.columns], delimiter=header.delimiter)
    limit = "" if first is None else f" LIMIT {first}"
    raws = f"SELECT {_raws(dataset, format, header)} FROM {table}{limit}"
    return f"(SELECT *, {_values(declared, header)} FROM ({raws}))"


def _raws(dataset: Dataset, format: Format, header: Header) -> str:
    return ", ".join(
        f"{reading.cell(name, format=format, missing=dataset.missing)} AS {_raw(name)}" for name, _ in header.columns
    )


def _values(declared: Mapping[str, Column], header: Header) -> str:
    stored = dict(header.columns)
    values = [
        f"{_value(_raw(name), stored[name], reading.TYPES[column.type])} AS {name_literal(f'value {name}')}"
        for name, column in declared.items()
    ]
    return ", ".join(values) or "NULL"


def _value(raw: str, stored: str, wanted: str) -> str:
    """The stored value as the wanted type, null where it is not one."""
    plain = reading.value(raw, wanted, text=stored == "VARCHAR")
    if stored in ("VARCHAR", wanted) or (stored, wanted) in (("BIGINT", "DOUBLE"), ("DATE", "TIMESTAMP")):
        return plain
    if (stored, wanted) == ("DOUBLE", "BIGINT"):
        return f"CASE WHEN {raw} = trunc({raw}) THEN {plain} END"
    if (stored, wanted) == ("TIMESTAMP", "DATE"):
        return f"CASE WHEN {raw} = date_trunc('day', {raw}) THEN {plain} END"
    if (stored, wanted) == ("BIGINT", "BOOLEAN"):
        return f"CASE WHEN {raw} IN (0, 1) THEN {plain} END"
    return f"CAST(NULL AS {wanted})"


def _rules(column: str, wanted: Column, header: Header) -> list[_Rule]:
    raw, value = _raw(column), name_literal(f"value {column}")
    is_null = _is_null(raw, stored=dict(header.columns)[column], wanted=wanted)
    tests = {"type": f"{value} IS NULL AND NOT {is_null}"}
    if not wanted.nullable:
        tests["nullable"] = is_null
    if wanted.min is not None:
        tests["min"] = f"{value} < {wanted.min!r}"
    if wanted.max is not None:
        tests["max"] = f"{value} > {wanted.max!r}"
    if wanted.in_ is not None:
        allowed = ", ".join(["NULL", *(_literal(item, wanted) for item in wanted.in_)])
        tests["in"] = f"{value} IS NOT NULL AND NOT COALESCE({value} IN ({allowed}), FALSE)"
    if wanted.pattern is not None:
        tests["pattern"] = f"NOT regexp_full_match({value}, {text_literal(wanted.pattern)})"
    texts = {text.partition(":")[0]: text for text in rule_texts(wanted)}
    rules = [
        _Rule(column=column, text=texts[word], count=f"count_if({test})", where=test) for word, test in tests.items()
    ]
    if wanted.unique:
        repeated = f"{value} IN (SELECT {value} FROM cells GROUP BY ALL HAVING count(*) > 1)"
        count = f"count({value}) - count(DISTINCT {value})"
        rules.append(_Rule(column=column, text=_UNIQUE, count=count, where=repeated))
    return rules


def _is_null(raw: str, *, stored: str, wanted: Column) -> str:
    """Whether there is no value: NaN is none, as a number and written as text in a column of numbers."""
    if stored == "DOUBLE":
        return f"({raw} IS NULL OR isnan({raw}))"
    if stored == "VARCHAR" and wanted.type == "float":
        return f"({raw} IS NULL OR lower({raw}) = 'nan')"
    return f"({raw} IS NULL)"


def _guess_figure(raw: str, type: str) -> str:
    return f"count_if({reading.looks_like(raw, type)})"


def _overflow_figure(raw: str) -> str:
    """How many texts are whole numbers too large for 64 bits: identifiers, not quantities."""
    return f"count_if(regexp_full_match({raw}, '[+-]?\\d{{19,}}') AND TRY_CAST({raw} AS BIGINT) IS NULL)"


def _types(dataset: Dataset, header: Header, guessed: list[str], figures: Sequence[int]) -> tuple[tuple[str, str], ...]:
    width = len(reading.GUESSES)
    filled = figures[width * len(guessed) : (width + 1) * len(guessed)]
    overflowing = figures[(width + 1) * len(guessed) :]
    found = {}
    for index, column in enumerate(guessed):
        fits = dict(zip(reading.GUESSES, figures[width * index : width * (index + 1)], strict=True))
        fitting = [type for type in reading.GUESSES if fits[type] == filled[index]]
        found[column] = fitting[0] if fitting and filled[index] and not overflowing[index] else "VARCHAR"
    declared = {column: reading.TYPES[rules.type] for column, rules in dataset.columns.items()}
    return tuple((name, declared.get(name) or found.get(name) or stored) for name, stored in header.columns)


def _absent(dataset: str, column: str, present: Mapping[str, str], rows: int) -> BrokenRule:
    near = nearest(column, present)
    return BrokenRule(dataset=dataset, column=column, rule="exists", count=rows, rows=rows, nearest=near)


class _ExamplePicker:
    """Finds rows that break a rule, with the file and the row number at which people find them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        dataset: Dataset,
        declared: Mapping[str, Column],
        format: Format,
        header: Header,
        files: Sequence[Path],
        names: Sequence[str],
    ) -> None:
        self._connection = connection
        self._names = names
        self._columns = [name for name, _ in header.columns]
        raws = _raws(dataset, format, header)
        tables = [
            f"SELECT {number} AS file, row_number() OVER () AS row, {raws} "
            f"FROM {reading.source(format, [file], columns=self._columns, delimiter=header.delimiter)}"
            for number, file in enumerate(files)
        ]
        self._query = (
            f"WITH stored AS NOT MATERIALIZED ({' UNION ALL BY NAME '.join(tables)}), "
            f"cells AS NOT MATERIALIZED (SELECT *, {_values(declared, header)} FROM stored) "
            f"SELECT file, row, {', '.join(_raw(name) for name in self._columns)} FROM cells"
        )

    def rows(self, rule: _Rule) -> tuple[ExampleRow, ...]:
        """The first rows that break the rule."""
        order = f"{_raw(rule.column)}, " if rule.text == _UNIQUE else ""
        query = f"{self._query} WHERE {rule.where} ORDER BY {order}file, row LIMIT {_EXAMPLES}"
        return tuple(
            ExampleRow(
                file=self._names[file],
                row=number,
                values={name: _jsonable(value) for name, value in zip(self._columns, values, strict=True)},
            )
            for file, number, *values in self._connection.execute(query).fetchall()
        )


def _raw(column: str) -> str:
    return name_literal(f"raw {column}")


def _literal(item: str | float | bool, wanted: Column) -> str:
    """An allowed value as SQL; null, which equals nothing, when it cannot be of the column's type."""
    if wanted.type in ("int", "float") and not isinstance(item, str):
        return repr(float(item)) if isinstance(item, float) else str(int(item))
    type = "DOUBLE" if wanted.type == "int" else reading.TYPES[wanted.type]
    return reading.value(text_literal(_plain(item)), type, text=True)


def _plain(item: str | float | bool) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return item if isinstance(item, str) else _number(item)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
