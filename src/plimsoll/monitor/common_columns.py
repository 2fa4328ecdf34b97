"""The columns that two tables have in common and that can be compared: which, as what, and which not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.data.engine import name_literal
from plimsoll.data.rows import Rows
from plimsoll.kernel.nearest import nearest
from plimsoll.monitor.drift_errors import ColumnsDiffer, NothingToCompare, NotTime, UnknownColumn

if TYPE_CHECKING:
    import duckdb

_KINDS = {"BIGINT": "numbers", "DOUBLE": "numbers", "VARCHAR": "text", "BOOLEAN": "truth values"}
_MOMENTS = ("DATE", "TIMESTAMP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which columns are asked for, and which have a part of their own."""

    columns: tuple[str, ...] = ()
    """Only these; empty: all that both have."""
    exclude: tuple[str, ...] = ()
    time: str | None = None
    """A column that says when a row happened: hours are compared with hours like them."""
    group: str | None = None
    """A column whose rows belong together."""


def chosen_columns(
    selection: Selection, reference: Rows, current: Rows
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The columns to compare, in the reference's order, and those left out with the reason."""
    for side in (reference, current):
        asked = {
            "--columns": selection.columns,
            "--time": (selection.time,) if selection.time else (),
            "--group": (selection.group,) if selection.group else (),
        }
        for option, wanted in asked.items():
            _require_columns(option, wanted, side)
    either = {**reference.types, **current.types}
    for name in selection.exclude:
        if name not in either:
            raise UnknownColumn(option="--exclude", column=name, side="either side", nearest=_nearest(name, either))
    if selection.time:
        for side in (reference, current):
            if side.types[selection.time] not in _MOMENTS:
                kind = _KINDS[side.types[selection.time]]
                raise NotTime(column=selection.time, side=side.name, kind=kind)
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    for name in selection.columns or tuple(dict.fromkeys((*reference.types, *current.types))):
        because = _left_out(name, selection, reference, current)
        if because is None:
            names.append(name)
        elif because:
            skipped.append((name, because))
    if not names:
        raise NothingToCompare(reference=reference.path, current=current.path)
    return tuple(names), tuple(skipped)


def _left_out(name: str, selection: Selection, reference: Rows, current: Rows) -> str | None:
    """Why a column is not compared, empty when that was asked for; None when it is."""
    if name in selection.exclude or name == selection.time:
        return ""
    if name == selection.group and name not in selection.columns:
        return "says whose rows belong together"
    if name not in reference.types:
        return "only in CURRENT"
    if name not in current.types:
        return "only in REFERENCE"
    if reference.types[name] in _MOMENTS or current.types[name] in _MOMENTS:
        return "a moment: they move by nature"
    return None


def _require_columns(option: str, names: Sequence[str], side: Rows) -> None:
    for name in names:
        if name not in side.types:
            raise UnknownColumn(option=option, column=name, side=side.name, nearest=_nearest(name, side.types))


def _nearest(name: str, options: Sequence[str] | dict[str, str]) -> str:
    similar = nearest(name, options)
    return f"; the most similar one is {similar}" if similar else ""


def agreed_types(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], reference: Rows, current: Rows
) -> list[tuple[str, str]]:
    """Name and type of each column, of which both sides have the same kind. A side without any value has every kind."""
    agreed, conflicts = [], []
    for name in names:
        one, other = reference.types[name], current.types[name]
        if _KINDS[one] == _KINDS[other] or not _holds(connection, current, name):
            agreed.append((name, one))
        elif not _holds(connection, reference, name):
            agreed.append((name, other))
        else:
            conflicts.append(
                f"{name} holds {_KINDS[one]} in REFERENCE ({_example(connection, reference, name)}) and "
                f"{_KINDS[other]} in CURRENT ({_example(connection, current, name)})"
            )
    if conflicts:
        names_told = ",".join(conflict.partition(" holds ")[0] for conflict in conflicts)
        raise ColumnsDiffer(listing="; ".join(conflicts), columns=names_told)
    return agreed


def _holds(connection: duckdb.DuckDBPyConnection, side: Rows, name: str) -> bool:
    column = name_literal(name)
    found = connection.execute(f"SELECT 1 FROM {side.relation} WHERE {column} IS NOT NULL LIMIT 1").fetchall()
    return bool(found)


def _example(connection: duckdb.DuckDBPyConnection, side: Rows, name: str) -> str:
    """A value to show: where there is one, a text that is no number."""
    column = name_literal(name)
    asked = (
        f"SELECT CAST({column} AS VARCHAR) FROM {side.relation} WHERE {column} IS NOT NULL "
        f"ORDER BY TRY_CAST({column} AS DOUBLE) IS NOT NULL, 1 LIMIT 1"
    )
    ((value,),) = connection.execute(asked).fetchall()
    return f"such as {value[:40]!r}"
