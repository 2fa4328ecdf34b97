"""The rules of columns and rows as SQL over the cells of a dataset: what counts the rows that break one, what picks them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plimsoll.data import reading
from plimsoll.data.cells import Cells, raw, value
from plimsoll.data.engine import text_literal
from plimsoll.data.expressions import Condition, as_row_check
from plimsoll.kernel.shares import parse_share
from plimsoll.project.entities import Column, RowCheck

UNIQUE = "unique: true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that can be told of each row alone."""

    column: str
    """Empty for a check over several."""
    text: str
    test: str
    """SQL that is true for a row that breaks it."""
    count: str
    """SQL that counts them."""
    allowed: float = 0
    """The share of rows that may."""
    about: tuple[str, ...] = ()
    told: str = ""
    """What is allowed, for people."""


def rule_texts(column: Column) -> tuple[str, ...]:
    """A column's rules as written in the project file; for people and for the identity of a check."""
    texts = [f"type: {column.type}"]
    if not column.nullable:
        texts.append("nullable: false")
    if column.unique:
        texts.append(UNIQUE)
    texts += [
        f"{word}: {_number(bound)}" for word, bound in (("min", column.min), ("max", column.max)) if bound is not None
    ]
    if column.in_ is not None:
        texts.append(f"in: [{', '.join(_plain(item) for item in column.in_)}]")
    if column.pattern is not None:
        texts.append(f"pattern: {column.pattern}")
    if column.references is not None:
        texts.append(f"references: {column.references.dataset}.{column.references.column}")
    return tuple(texts)


def column_rules(cells: Cells) -> list[Rule]:
    """Every rule of every declared column that looks at one row at a time, in the order of the file."""
    return [rule for name, wanted in cells.declared.items() for rule in _rules(cells, name, wanted)]


def row_rules(cells: Cells, conditions: Sequence[Condition]) -> list[Rule]:
    """The checks over rows, those that name only columns that are there. conditions: what each of them says."""
    there = cells.declared
    checks = [as_row_check(check) for check in cells.dataset.checks]
    rules = []
    for check, condition in zip(checks, conditions, strict=True):
        if set(condition.columns) <= there.keys():
            test = f"NOT coalesce(TRY({condition.sql}), false)"
            share = parse_share(check.max_failing)
            rules.append(
                Rule(
                    column="",
                    text=f"checks: {check.name or check.sql}",
                    test=test,
                    count=f"count_if({test})",
                    allowed=share,
                    about=condition.columns,
                    told=_told(check, share),
                )
            )
    return rules


def uniqueness(column: str) -> str:
    """SQL that counts the values of a column that are there a second time."""
    return f"count({value(column)}) - count(DISTINCT {value(column)})"


def _rules(cells: Cells, name: str, wanted: Column) -> Iterator[Rule]:
    texts = {text.partition(":")[0]: text for text in rule_texts(wanted)}
    for word, test in _tests(cells, name, wanted):
        plain = word == "nullable" and cells.stored[name] != "DOUBLE"
        plain = plain and not (cells.text(name) and wanted.type == "float")
        count = f"count(*) - count({raw(name)})" if plain else f"count_if({test})"
        yield Rule(column=name, text=texts[word], test=test, count=count)


def _tests(cells: Cells, name: str, wanted: Column) -> Iterator[tuple[str, str]]:
    """Rule word and SQL that is true for a row that breaks it; comparisons with a missing value are not."""
    cell, known = raw(name), value(name)
    is_null = _is_null(cells, name, wanted)
    double = cells.stored[name] == "DOUBLE" and cells.certain(name)
    number = f"CAST({cell} AS DOUBLE)" if double else known
    if not cells.certain(name):
        yield "type", f"{known} IS NULL AND NOT {is_null}"
    if not wanted.nullable:
        yield "nullable", is_null
    if wanted.min is not None:
        yield "min", f"{number} < {_bound(wanted.min, wanted)}"  # NaN is greater than every number
    if wanted.max is not None:
        yield "max", f"{number} > {_bound(wanted.max, wanted)}" + (f" AND NOT isnan({number})" if double else "")
    if wanted.in_ is not None:
        yield "in", _not_in(known, wanted)
    if wanted.pattern is not None:
        yield "pattern", f"NOT regexp_full_match({known}, {text_literal(wanted.pattern)})"


def _is_null(cells: Cells, name: str, wanted: Column) -> str:
    """Whether there is no value: NaN is none, as a number and written as text in a column of numbers."""
    if cells.stored[name] == "DOUBLE":
        return f"({raw(name)} IS NULL OR isnan({raw(name)}))"
    if cells.text(name) and wanted.type == "float":
        return f"({raw(name)} IS NULL OR lower({raw(name)}) = 'nan')"
    return f"({raw(name)} IS NULL)"


def _not_in(known: str, wanted: Column) -> str:
    items = wanted.in_ or ()
    if not items:
        return f"{known} IS NOT NULL"
    listed = ", ".join(_literal(item, wanted) for item in items)
    if wanted.type == "string" or (wanted.type in ("int", "float") and not any(isinstance(one, str) for one in items)):
        return f"{known} NOT IN ({listed})"
    return f"NOT coalesce({known} IN ({listed}), {known} IS NULL)"  # what is written there may be no such value


def _bound(bound: float, wanted: Column) -> str:
    """A limit as SQL; a fraction without its type would be a decimal, for which every value is converted."""
    whole = wanted.type == "int" and float(bound).is_integer() and abs(bound) < 2**53
    return str(int(bound)) if whole else f"CAST({bound!r} AS DOUBLE)"


def _literal(item: str | float | bool, wanted: Column) -> str:
    """An allowed value as SQL; null, which equals nothing, when it cannot be of the column's type."""
    if wanted.type in ("int", "float") and not isinstance(item, str):
        return f"CAST({float(item)!r} AS DOUBLE)" if isinstance(item, float) else str(int(item))
    type = "DOUBLE" if wanted.type == "int" else reading.TYPES[wanted.type]
    return reading.value(text_literal(_plain(item)), type, text=True)


def _told(check: RowCheck, share: float) -> str:
    if not share:
        return ""
    told = check.max_failing if isinstance(check.max_failing, str) else f"{100 * share:.3g}%"
    return f"of which {told} is allowed"


def _plain(item: str | float | bool) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return item if isinstance(item, str) else _number(item)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
