"""Rows of files without a project: CSV typed by what all of its rows hold, Parquet read where it lies."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from plimsoll.data import rows as data_rows
from plimsoll.data.engine import engine
from plimsoll.data.errors import NoRows
from plimsoll.data.rows import open_rows


@pytest.fixture
def connection():
    with engine() as connection:
        yield connection


def opened(connection, folder, path):
    return open_rows(connection, path, name="REFERENCE", root=folder)


def test_csv_columns_are_typed_and_read(connection, tmp_path):
    (tmp_path / "a.csv").write_text("n,x,t,b,at\n1,1.5,one,true,2026-01-05\n,nan,,false,2026-01-06 10:00:00\n")
    found = opened(connection, tmp_path, "a.csv")
    assert found.types == {"n": "BIGINT", "x": "DOUBLE", "t": "VARCHAR", "b": "BOOLEAN", "at": "TIMESTAMP"}
    assert found.rows == 2
    read = connection.execute(f'SELECT n, x, t, b, "at" FROM {found.relation}').fetchall()
    assert read[1] == (None, None, None, False, datetime(2026, 1, 6, 10, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize(
    ("late", "type"), [("oops", "VARCHAR"), ("2.5", "DOUBLE"), ("nan", "DOUBLE"), ("7", "BIGINT"), ("007", "VARCHAR")]
)
def test_a_late_row_can_change_what_the_first_ones_said(connection, tmp_path, monkeypatch, late, type):
    monkeypatch.setattr(data_rows, "_GUESSED_FROM", 10)
    (tmp_path / "a.csv").write_text("x,y\n" + "1,a\n" * 50 + f"{late},b\n")
    found = opened(connection, tmp_path, "a.csv")
    assert found.types["x"] == type
    assert found.rows == 51
    (kept,) = connection.execute(f"SELECT count(x) FROM {found.relation}").fetchall()[0]
    assert kept == (50 if late == "nan" else 51)


def test_moments_of_parquet_files_are_utc(connection, tmp_path):
    made = "SELECT TIMESTAMPTZ '2026-01-05 12:00:00+02:00' AS \"at\", DATE '2026-01-05' AS d, 1::UTINYINT AS n"
    duckdb.sql(f"COPY ({made}) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)")
    found = opened(connection, tmp_path, "*.parquet")
    assert found.types == {"at": "TIMESTAMP", "d": "DATE", "n": "BIGINT"}
    ((at, day),) = connection.execute(f'SELECT "at", d FROM {found.relation}').fetchall()
    assert (at.hour, at.tzinfo, day.hour) == (10, None, 0)


def test_whole_and_broken_numbers_in_several_parquet_files_are_numbers(connection, tmp_path):
    for name, value in (("a", "1"), ("b", "1.5::DOUBLE")):
        duckdb.sql(f"COPY (SELECT {value} AS x) TO '{tmp_path / name}.parquet' (FORMAT parquet)")
    assert opened(connection, tmp_path, ".").types == {"x": "DOUBLE"}


def test_files_without_rows_are_refused(connection, tmp_path):
    duckdb.sql(f"COPY (SELECT 1 AS x WHERE false) TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)")
    with pytest.raises(NoRows):
        opened(connection, tmp_path, "a.parquet")
