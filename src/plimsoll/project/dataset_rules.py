"""What the checks of a dataset must say about themselves and each other: types, limits, references, freshness, rows.

What only the engine can tell, whether a pattern is one and whether SQL can be evaluated, is asked where the engine is at
hand: `plimsoll check` and the checks themselves (data/expressions.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.kernel.shares import parse_share
from plimsoll.project.breach import (
    Breach,
    Values,
    above_zero,
    among,
    duration,
    identifier,
    mapping,
    mappings,
    ordered,
    texts,
    unique,
)
from plimsoll.project.problems import Path, describe
from plimsoll.project.source_rules import source_breaches

_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "string": (str,),
    "bool": (bool,),
    "timestamp": (str,),
    "date": (str,),
}
_MOMENTS = ("timestamp", "date")
_ALLOWED = "a percentage such as 0.1%, or a number from 0 to 1 such as 0.001"


def dataset_breaches(project: Values) -> Iterator[Breach]:
    """What is wrong with the datasets."""
    for name, dataset in mappings(project, "data"):
        path: Path = ("data", name)
        yield from identifier(name, path, "steps receive it by this name")
        yield from source_breaches(dataset, path)
        yield from _fresh(dataset, path)
        yield from _rows(mapping(dataset, "rows"), dataset.get("rows") is not None, (*path, "rows"))
        yield from _checks(dataset, (*path, "checks"))
        for column, checks in mappings(dataset, "columns"):
            place = (*path, "columns", column)
            yield from _column(checks, place)
            yield from _reference(project, checks, (*place, "references"))


def _column(checks: Values, path: Path) -> Iterator[Breach]:
    yield from ordered(checks, path)
    kind = checks.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return
    for limit in ("min", "max"):
        if checks.get(limit) is not None and kind not in {"int", "float"}:
            yield Breach(
                path=(*path, limit),
                found=f"{limit} for a column of type {kind}",
                expected="type int or float, or no limit",
            )
    if isinstance(checks.get("pattern"), str) and kind != "string":
        found = f"pattern for a column of type {kind}"
        yield Breach(path=(*path, "pattern"), found=found, expected="type string, or no pattern")
    allowed = checks.get("in")
    if not isinstance(allowed, list | tuple):
        return
    if not allowed:
        yield Breach(path=(*path, "in"), found="an empty list", expected="the allowed values")
    for position, value in enumerate(allowed):
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
            quotes = "; put it in quotes" if _TYPES[kind] == (str,) else ""
            yield Breach(
                path=(*path, "in", position),
                found=describe(value),
                expected=f"a value of the column's type {kind}{quotes}",
            )


def _reference(project: Values, checks: Values, path: Path) -> Iterator[Breach]:
    reference = mapping(checks, "references")
    datasets = dict(mappings(project, "data"))
    name, column, kind = reference.get("dataset"), reference.get("column"), checks.get("type")
    yield from among(name, (*path, "dataset"), datasets, otherwise="a dataset of this project")
    if not isinstance(name, str) or name not in datasets:
        return
    columns = mapping(datasets[name], "columns")
    otherwise = f"a column that data.{name}.columns declares; it declares none"
    yield from among(column, (*path, "column"), columns, otherwise=otherwise)
    declared = columns.get(column) if isinstance(column, str) else None
    theirs = declared.get("type") if isinstance(declared, dict) else None
    if isinstance(kind, str) and isinstance(theirs, str) and kind != theirs:
        found = f"{name}.{column} of type {theirs}, for a column of type {kind}"
        yield Breach(path=(*path, "column"), found=found, expected="a column of the same type")


def _fresh(dataset: Values, path: Path) -> Iterator[Breach]:
    fresh = mapping(dataset, "fresh")
    if not fresh:
        return
    yield from duration(fresh.get("within"), (*path, "fresh", "within"))
    column = fresh.get("column") or dataset.get("time")
    if column is None:
        expected = "`column:`, or the dataset's `time:`"
        yield Breach(path=(*path, "fresh"), found="no column to look at", expected=expected)
        return
    kind = mapping(mapping(dataset, "columns"), column).get("type") if isinstance(column, str) else None
    if isinstance(kind, str) and kind in _TYPES and kind not in _MOMENTS:
        found = f"{column}, a column of type {kind}"
        yield Breach(path=(*path, "fresh"), found=found, expected="a column of type timestamp or date")


def _rows(rows: Values, there: bool, path: Path) -> Iterator[Breach]:
    if not there:
        return
    limits = [rows.get(name) for name in ("min", "max", "change")]
    if all(limit is None for limit in limits) and rows.keys() <= {"min", "max", "change"}:
        yield Breach(path=path, found="no limit", expected="`min:`, `max:` or `change:`")
    yield from ordered(rows, path)
    for name in ("min", "max"):
        yield from above_zero(rows.get(name), (*path, name))
    if limits[2] is not None:
        yield from _share(limits[2], (*path, "change"))


def _checks(dataset: Values, path: Path) -> Iterator[Breach]:
    checks = dataset.get("checks")
    if not isinstance(checks, list | tuple):
        return
    names = []
    for position, check in enumerate(checks):
        written = check if isinstance(check, dict) else {"sql": check}
        place = (*path, position, "sql") if isinstance(check, dict) else (*path, position)
        sql = written.get("sql")
        if isinstance(sql, str) and not sql.strip():
            yield Breach(path=place, found=describe(sql), expected="a condition such as amount <= credit_limit")
        yield from _share(written.get("max_failing", 0), (*path, position, "max_failing"))
        names.append(written.get("name") or sql)
    yield from unique(texts(names), path)


def _share(value: object, path: Path) -> Iterator[Breach]:
    try:
        if isinstance(value, str | int | float):
            parse_share(value)
    except ValueError:
        yield Breach(path=path, found=describe(value), expected=_ALLOWED)
