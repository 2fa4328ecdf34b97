"""What only the engine can tell about rules of a project file: whether a pattern is one, whether SQL is a condition.

A condition is read as a tree, and every part of the tree must be known to compute and nothing else: no subquery, no
aggregate or window, no function that reads a clock, a setting or chance. What runs over the rows is written anew from
that tree, never the text of the file, so nothing can ride along with it. Nothing here sees a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.data.engine import name_literal, text_literal
from plimsoll.data.reading import TYPES
from plimsoll.project.breach import Breach
from plimsoll.project.entities import Column, Dataset, RowCheck
from plimsoll.project.problems import Path, describe

if TYPE_CHECKING:
    import duckdb

_PARTS = frozenset(
    ("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR", "TYPE")
)
_MACROS = frozenset(("date_add", "days_in_month", "fdiv", "fmod", "if", "nullif", "split_part"))
"""Functions that DuckDB writes in SQL, and that only compute."""
_REFUSED = {
    "SUBQUERY": "a subquery; a foreign key goes under `references` of its column",
    "WINDOW": "a window over other rows",
    "STAR": "a star",
    "PARAMETER": "a parameter",
    "LAMBDA": "a lambda",
}
_PATTERN = "a regular expression that RE2 knows, such as [A-Z]{2}[0-9]+"
_CONDITION = "one SQL condition over the declared columns, such as amount <= credit_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition that is known to compute and nothing else."""

    sql: str
    """Over columns named `value X`, as the cells of a check have them."""
    columns: tuple[str, ...]
    """The columns that it names, in their order in it."""


class _Refused(Exception):
    """What was found instead of a condition, and the word that may have been meant."""

    def __init__(self, found: str, *, word: str = "") -> None:
        super().__init__(found)
        self.word = word


def as_row_check(check: str | RowCheck) -> RowCheck:
    """A check as its settings, however short it was written."""
    return RowCheck(sql=check) if isinstance(check, str) else check


def rule_breaches(name: str, dataset: Dataset) -> list[Breach]:
    """Every pattern of a dataset that is none, and every check that is no condition."""
    return examine(name, dataset)[0]


def examine(name: str, dataset: Dataset) -> tuple[list[Breach], list[Condition]]:
    """What is wrong with patterns and checks, and the conditions of the checks that are right."""
    patterns = {column: rules.pattern for column, rules in dataset.columns.items() if rules.pattern is not None}
    breaches: list[Breach] = []
    found: list[Condition] = []
    if not patterns and not dataset.checks:
        return breaches, found
    with _bench(dataset.columns) as connection:
        for column, pattern in patterns.items():
            problem = _pattern_problem(connection, pattern)
            if problem:
                place: Path = ("data", name, "columns", column, "pattern")
                breaches.append(Breach(path=place, found=f"{describe(pattern)} ({problem})", expected=_PATTERN))
        for position, check in enumerate(dataset.checks):
            try:
                found.append(_condition(connection, as_row_check(check).sql, dataset.columns))
            except _Refused as refused:
                place = ("data", name, "checks", position)
                breaches.append(
                    Breach(
                        path=place if isinstance(check, str) else (*place, "sql"),
                        found=str(refused),
                        expected=_CONDITION,
                        word=refused.word,
                        options=tuple(dataset.columns),
                    )
                )
    return breaches, found


@contextmanager
def _bench(columns: Mapping[str, Column]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked engine with a table `declared` that has the columns and no row."""
    import duckdb

    connection = duckdb.connect(
        config={"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        listed = ", ".join(f"{name_literal(_value(name))} {TYPES[rules.type]}" for name, rules in columns.items())
        connection.execute(f"CREATE TABLE declared ({listed or 'nothing BOOLEAN'})")
        yield connection
    finally:
        connection.close()


def _pattern_problem(connection: duckdb.DuckDBPyConnection, pattern: str) -> str:
    """What the engine says against an expression; empty when it takes it."""
    import duckdb

    try:
        connection.execute("SELECT regexp_full_match('', $1)", [pattern]).fetchall()
    except duckdb.Error as error:
        return _headline(error)
    return ""


def _condition(connection: duckdb.DuckDBPyConnection, text: str, declared: Mapping[str, Column]) -> Condition:
    import duckdb

    tree = _tree(connection, text, declared)
    parts = list(_parts(tree["statements"][0]["node"]["select_list"][0]))
    for part in parts:
        if part["class"] not in _PARTS:
            raise _Refused(f"{describe(text)}, which has {_REFUSED.get(part['class'], part['class'].lower())}")
    _require_pure(connection, text, {part["function_name"] for part in parts if part["class"] == "FUNCTION"})
    known = {name.lower(): name for name in declared}
    named = []
    for part in parts:
        if part["class"] == "COLUMN_REF":
            word = ".".join(part["column_names"])
            name = known.get(word.lower())
            if name is None:
                raise _Refused(f"{describe(text)}, which names {word}; `columns:` does not declare it", word=word)
            part["column_names"] = [_value(name)]
            named.append(name)
    written = f"SELECT json_deserialize_sql({text_literal(json.dumps(tree))})"
    ((statement,),) = connection.execute(written).fetchall()
    sql = statement.removeprefix("SELECT ")
    try:
        ((_, type, *_),) = connection.execute(f"DESCRIBE SELECT {sql} FROM declared").fetchall()
    except duckdb.Error as error:
        raise _Refused(f"{describe(text)} ({_headline(error)})") from error
    if type != "BOOLEAN":
        raise _Refused(f"{describe(text)}, which is {str(type).lower()}, not true or false")
    return Condition(sql=sql, columns=tuple(dict.fromkeys(named)))


def _tree(connection: duckdb.DuckDBPyConnection, text: str, declared: Mapping[str, Column]) -> dict[str, Any]:
    """The text as the parser sees it: one expression, and no more."""
    ((answer,),) = connection.execute("SELECT json_serialize_sql($1)", [f"SELECT ({text}\n)"]).fetchall()
    tree: dict[str, Any] = json.loads(answer)
    if tree["error"]:
        raise _Refused(f"{describe(text)} ({tree['error_message']}{_quotes(connection, text, declared)})")
    node = tree["statements"][0]["node"]
    more = node.get("from_table", {}).get("type") != "EMPTY" or any(
        node.get(part) for part in ("where_clause", "group_expressions", "having", "qualify", "sample", "modifiers")
    )
    if len(tree["statements"]) != 1 or more or len(node["select_list"]) != 1:
        raise _Refused(f"{describe(text)}, which is more than a condition")
    return tree


def _quotes(connection: duckdb.DuckDBPyConnection, text: str, declared: Mapping[str, Column]) -> str:
    """The columns in the text that SQL takes for words of its own."""
    words = {word for (word,) in connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()}
    bare = set(re.findall(r'(?<!")\b\w+\b(?!")', text))
    taken = [name_literal(name) for name in declared if name in bare and name.lower() in words]
    return f"; SQL knows that word, so write {' and '.join(taken)}" if taken else ""


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every expression within a tree, itself first."""
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for child in node.values():
            yield from _parts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _parts(child)


def _require_pure(connection: duckdb.DuckDBPyConnection, text: str, functions: set[str]) -> None:
    """Functions must give the same answer for the same row every time, since a passed check is remembered."""
    if not functions:
        return
    listed = ", ".join(text_literal(name.lower()) for name in functions)
    found = connection.execute(
        "SELECT function_name, bool_and(function_type IN ('scalar', 'macro')),"
        " bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT'), bool_or(function_type = 'scalar')"
        f" FROM duckdb_functions() WHERE lower(function_name) IN ({listed}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for name, by_row, lasting, built_in in found:
        if not by_row:
            raise _Refused(f"{describe(text)}, where {name}() looks at more than one row")
        if not lasting or not (built_in or name in _MACROS):
            raise _Refused(f"{describe(text)}, where {name}() does not depend on the row alone")


def _headline(error: Exception) -> str:
    return str(error).partition("Error: ")[2].strip().partition("\n")[0] or str(error)


def _value(column: str) -> str:
    return f"value {column}"
