"""A dataset that a database answers: its result is kept as Parquet and becomes a version as files do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.data import databases
from plimsoll.data.entities import DataVersion
from plimsoll.data.errors import DatabaseUnreachable, NoRows, QueryRefused, UnsupportedType
from plimsoll.data.operations import look_at_files
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    from conftest import Desk

SQLITE = "sqlite:///shop.db"
DUCKDB = "duckdb:///shop.duckdb"
SALES = "CREATE TABLE sales (id INTEGER, amount REAL, country TEXT, day TEXT)"
ROWS = [(1, 2.5, "GB", "2026-01-01"), (2, None, "FR", "2026-01-02"), (3, 4.0, None, None)]


def fill(desk: Desk, rows: Iterable[tuple[Any, ...]] = ROWS, table: str = SALES) -> Path:
    file = desk.root / "shop.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(table)
        rows = list(rows)
        if rows:
            connection.executemany(f"INSERT INTO sales VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return file


def fill_duckdb(desk: Desk, *statements: str) -> None:
    import duckdb

    with closing(duckdb.connect(str(desk.root / "shop.duckdb"))) as connection:
        for statement in statements:
            connection.execute(statement)


def ask(desk: Desk, query: str, url: str = SQLITE, **options: Any) -> DataVersion:
    return desk.resolve(query=query, url=url, **options)


def test_a_result_is_a_version_with_rows_columns_and_a_copy_in_the_artifacts(desk: Desk) -> None:
    fill(desk)
    version = ask(desk, "SELECT * FROM sales ORDER BY id;")
    assert (version.format, version.rows) == ("parquet", 3)
    assert version.columns == (("id", "BIGINT"), ("amount", "DOUBLE"), ("country", "VARCHAR"), ("day", "VARCHAR"))
    assert [entry.path for entry in version.files] == ["the result of its query"]
    frame = desk.frame(version)
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["amount"].isna().tolist() == [False, True, False]
    assert frame["country"].isna().tolist() == [False, False, True]


def test_equal_rows_are_the_same_version_and_another_row_is_another(desk: Desk) -> None:
    fill(desk)
    query = "SELECT id, amount FROM sales ORDER BY id"
    first = ask(desk, query)
    fill(desk, reversed(ROWS))
    assert ask(desk, query).digest == first.digest
    assert desk.count("data_versions") == 1
    fill(desk, ROWS[:2])
    assert ask(desk, query).digest != first.digest


def test_a_result_of_many_batches_comes_whole_and_in_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BATCH", 700)
    fill(desk, [(number, number / 2, f"c{number % 7}", None) for number in range(5000)])
    frame = desk.frame(ask(desk, "SELECT id, amount, country FROM sales ORDER BY id DESC"))
    assert frame["id"].tolist() == list(range(4999, -1, -1))
    assert frame["amount"].tolist() == [number / 2 for number in range(4999, -1, -1)]


def test_a_result_does_not_depend_on_the_size_of_its_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk, [(number, number / 2, f"c{number % 7}", None) for number in range(5000)])
    first = ask(desk, "SELECT * FROM sales ORDER BY id")
    monkeypatch.setattr(databases, "BATCH", 321)
    assert ask(desk, "SELECT * FROM sales ORDER BY id").digest == first.digest


def test_declared_columns_hold_for_a_result(desk: Desk) -> None:
    fill(desk)
    columns = {"day": Column(type="date"), "id": Column(type="int", unique=True)}
    version = ask(desk, "SELECT id, day FROM sales ORDER BY id", columns=columns)
    assert version.columns == (("id", "BIGINT"), ("day", "DATE"))


def test_a_query_is_asked_anew_each_time(desk: Desk) -> None:
    fill(desk)
    assert ask(desk, "SELECT id FROM sales").rows == 3
    fill(desk, ROWS[:1])
    assert ask(desk, "SELECT id FROM sales").rows == 1


def test_a_look_asks_and_keeps_nothing(desk: Desk) -> None:
    fill(desk)
    dataset = Dataset(query="SELECT id FROM sales ORDER BY id", url=SQLITE)
    version = desk.resolve_all({"sales": dataset})["sales"]
    assert not look_at_files(desk.context, "sales", dataset, root=desk.root).differ_from(version)
    fill(desk, ROWS[:1])
    now = look_at_files(desk.context, "sales", dataset, root=desk.root)
    assert now.differ_from(version)
    assert not desk.context.artifacts.has(now.entries[0].digest)


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        ("SELECT gone FROM sales", QueryRefused, "no such column: gone"),
        ("SELEC 1", QueryRefused, "syntax error"),
        ("DELETE FROM sales", QueryRefused, "readonly database"),
        ("SELECT id AS a, amount AS A FROM sales", QueryRefused, "two columns are named A"),
        ("SELECT id, x'00' AS raw FROM sales", UnsupportedType, "raw .* blob"),
        ("SELECT CASE id WHEN 1 THEN 'one' ELSE id END AS mixed FROM sales", UnsupportedType, "integer and text"),
        ("SELECT id FROM sales WHERE id > 99", NoRows, "without a single row"),
    ],
)
def test_a_query_that_cannot_be_used_is_told_in_the_words_of_the_database(
    desk: Desk, query: str, error: type[Exception], words: str
) -> None:
    fill(desk)
    with pytest.raises(error, match=words):
        ask(desk, query)
    assert desk.count("data_versions") == 0


@pytest.mark.parametrize("url", [SQLITE, DUCKDB])
def test_a_database_that_is_not_there_is_named_and_not_made(desk: Desk, url: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="shop"):
        ask(desk, "SELECT 1 AS one", url)
    assert not list(desk.root.glob("shop*"))


@pytest.mark.parametrize("url", [SQLITE, DUCKDB])
def test_a_file_that_is_no_database_is_named(desk: Desk, url: str) -> None:
    desk.write(url.rpartition("/")[2], "this is a text and no database" * 500)
    with pytest.raises(DatabaseUnreachable, match="shop"):
        ask(desk, "SELECT 1 AS one", url)


def test_types_of_duckdb_become_those_of_plimsoll(desk: Desk) -> None:
    fill_duckdb(
        desk,
        "CREATE TABLE t AS SELECT 7::TINYINT AS small, 1.25::DECIMAL(9,2) AS price, true AS yes, 'x' AS word,"
        " DATE '2026-03-01' AS day, TIMESTAMP '2026-03-01 12:00:00.5' AS at,"
        " TIMESTAMPTZ '2026-03-01 12:00:00+02' AS zoned, DATE '1931-01-01' AS early",
        "INSERT INTO t SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
    )
    version = ask(desk, "SELECT * FROM t", DUCKDB)
    assert [type for _, type in version.columns] == [
        "BIGINT",
        "DOUBLE",
        "BOOLEAN",
        "VARCHAR",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP",
        "DATE",
    ]
    row = desk.frame(version).iloc[0]
    assert (row["small"], row["price"], row["yes"], row["word"]) == (7, 1.25, True, "x")
    assert row["at"].isoformat() == "2026-03-01T12:00:00.500000"
    assert row["zoned"].isoformat() == "2026-03-01T10:00:00"
    assert str(row["day"])[:10] == "2026-03-01"
    assert str(row["early"])[:10] == "1931-01-01"


def test_duckdb_is_only_read(desk: Desk) -> None:
    fill_duckdb(desk, "CREATE TABLE t AS SELECT 1 AS id")
    with pytest.raises(QueryRefused):
        ask(desk, "DELETE FROM t RETURNING id", DUCKDB)
    with pytest.raises(QueryRefused, match="nothing"):
        ask(desk, "SELECT nothing FROM t", DUCKDB)
    with pytest.raises(UnsupportedType, match=r"INTEGER\[\]"):
        ask(desk, "SELECT [1, 2] AS list FROM t", DUCKDB)


@pytest.mark.system
def test_types_of_postgresql_become_those_of_plimsoll(desk: Desk, postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        connection.execute(
            "CREATE TYPE mood AS ENUM ('ok', 'bad');"
            "CREATE TABLE t (small int2, price numeric(9,2), yes bool, word text, day date, at timestamp,"
            " zoned timestamptz, feel mood, tags int[])"
        )
        connection.execute(
            "INSERT INTO t VALUES (7, 1.25, true, 'x', '2026-03-01', '2026-03-01 12:00:00.5',"
            " '2026-03-01 12:00:00+02', 'ok', '{1}'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
    version = ask(desk, "SELECT small, price, yes, word, day, at, zoned, feel FROM t ORDER BY 1;", postgres_url)
    assert version.rows == 2
    types = "BIGINT DOUBLE BOOLEAN VARCHAR DATE TIMESTAMP TIMESTAMP VARCHAR"
    assert " ".join(type for _, type in version.columns) == types
    row = desk.frame(version).iloc[0]
    assert (row["small"], row["price"], row["yes"], row["word"], row["feel"]) == (7, 1.25, True, "x", "ok")
    assert row["at"].to_pydatetime() == datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC).replace(tzinfo=None)
    assert row["zoned"].isoformat() == "2026-03-01T10:00:00"
    with pytest.raises(UnsupportedType, match=r"tags .* _int4"):
        ask(desk, "SELECT tags FROM t", postgres_url)


@pytest.mark.system
def test_postgresql_is_only_read_and_its_words_are_told(desk: Desk, postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 50000) AS id")
    assert ask(desk, "SELECT id FROM t ORDER BY id", postgres_url).rows == 50_000
    for query, words in (
        ("SELECT nothing FROM t", 'column "nothing" does not exist'),
        ("SELECT 1 / (id - 30000) AS x FROM t", "division by zero"),
        ("DELETE FROM t RETURNING id", "syntax error"),
        ("SELECT nextval('s')", 'relation "s" does not exist'),
        ("SELECT id, 1 FROM t", "has no name"),
    ):
        with pytest.raises(QueryRefused, match=words):
            ask(desk, query, postgres_url)
    with pytest.raises(NoRows):
        ask(desk, "SELECT id FROM t WHERE id < 0", postgres_url)


@pytest.mark.system
def test_a_postgresql_that_is_not_there_is_named_without_its_password(desk: Desk) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnreachable) as raised:
        ask(desk, "SELECT 1 AS one", "postgresql://ada:secret@127.0.0.1:9/shop")
    assert "postgresql://ada:***@127.0.0.1:9/shop" in str(raised.value)
    assert "secret" not in str(raised.value)
