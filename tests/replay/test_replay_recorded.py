"""Recorded rows are taken once, in the order of time, whatever they are written in, and read back as requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from plimsoll.replay.entities import Tensor
from plimsoll.replay.errors import BadRows, LacksColumns, NoRows, NoTime
from plimsoll.replay.recorded import columns_of, copy_between, read_labels, read_rows, span_of, take, time_column

BEGIN = datetime(1997, 5, 2, tzinfo=UTC)
CSV = """at,price,kind,returned
1997-05-02T02:00:00Z,3.5,b,true
1997-05-02T00:00:00Z,1.5,a,false
1997-05-02T01:00:00Z,,a,
1997-05-02T01:00:00Z,2.5,a,true
"""
TENSORS = (Tensor(name="price", datatype="FP64"), Tensor(name="kind", datatype="BYTES"))


@pytest.fixture
def recorded(tmp_path):
    (tmp_path / "orders.csv").write_text(CSV)
    return tmp_path / "orders.csv"


@pytest.fixture
def rows(recorded, tmp_path):
    take(str(recorded), tmp_path / "rows.parquet", time="at")
    return tmp_path / "rows.parquet"


def test_rows_come_in_the_order_of_time_and_those_of_one_moment_in_the_files(rows):
    found = list(read_rows(rows, TENSORS, label="returned", first=0, batch=1, release="orders@1"))
    assert [(one.first, one.at - BEGIN, one.values, one.labels) for one in found] == [
        (0, timedelta(0), ((1.5, "a"),), (False,)),
        (1, timedelta(hours=1), ((None, "a"),), (None,)),
        (2, timedelta(hours=1), ((2.5, "a"),), (True,)),
        (3, timedelta(hours=2), ((3.5, "b"),), (True,)),
    ]
    assert (span_of(rows).rows, span_of(rows).begin, span_of(rows).end) == (4, BEGIN, BEGIN + timedelta(hours=2))


def test_rows_of_one_moment_go_together_as_far_as_a_request_may(rows):
    found = list(read_rows(rows, TENSORS, label="", first=1, batch=10, release="orders@1"))
    assert [(one.first, len(one.values)) for one in found] == [(1, 2), (3, 1)]


def test_a_parquet_glob_says_the_same_as_csv(recorded, rows, tmp_path):
    for number, where in enumerate(("price < 3", "price IS NULL OR price >= 3")):
        duckdb.sql(f"COPY (SELECT * FROM '{recorded}' WHERE {where}) TO '{tmp_path}/part-{number}.parquet'")
    span = take(str(tmp_path / "part-*.parquet"), tmp_path / "again.parquet", time="at")
    assert span == span_of(rows)
    again = list(read_rows(tmp_path / "again.parquet", TENSORS, label="returned", first=0, batch=1, release="orders@1"))
    assert {(one.at, one.values) for one in again} == {
        (one.at, one.values) for one in read_rows(rows, TENSORS, label="", first=0, batch=1, release="orders@1")
    }


def test_csv_columns_are_what_their_values_look_like(recorded):
    assert columns_of(str(recorded)) == (
        ("at", "TIMESTAMP"),
        ("price", "DOUBLE"),
        ("kind", "VARCHAR"),
        ("returned", "BOOLEAN"),
    )


def test_labels_of_a_span_leave_out_what_is_not_known(rows):
    found = read_labels(rows, "returned", after=BEGIN, until=BEGIN + timedelta(hours=2))
    assert [(number, label) for number, _, label in found] == [(2, True), (3, True)]


@pytest.mark.parametrize("name", ["day.parquet", "day.csv"])
def test_a_spans_rows_become_a_file_of_their_own_columns(rows, tmp_path, name):
    count = copy_between(rows, tmp_path / name, after=BEGIN, until=BEGIN + timedelta(hours=1), csv=name.endswith("csv"))
    assert count == 2
    assert duckdb.sql(f"SELECT price FROM '{tmp_path / name}'").fetchall() == [(None,), (2.5,)]
    assert duckdb.sql(f"SELECT * FROM '{tmp_path / name}'").columns == ["at", "price", "kind", "returned"]
    assert copy_between(rows, tmp_path / "none.parquet", after=BEGIN + timedelta(days=1), until=BEGIN, csv=False) == 0
    assert not (tmp_path / "none.parquet").exists()


def test_the_time_is_what_people_name_or_a_dataset_knows(recorded):
    columns = columns_of(str(recorded))
    assert time_column(columns, "", known=["at", "event_time"], files="x") == "at"
    assert time_column(columns, "kind", known=[], files="x") == "kind"
    with pytest.raises(NoTime, match="its columns are at, price, kind, returned"):
        time_column(columns, "", known=["event_time"], files="x")
    with pytest.raises(BadRows, match="no column prise") as caught:
        time_column(columns, "prise", known=[], files="x")
    assert caught.value.advice == "Did you mean price?"


def test_rows_that_cannot_be_replayed_are_refused_by_name(recorded, rows, tmp_path):
    with pytest.raises(NoRows, match=r"nothing-\*.csv"):
        take(str(tmp_path / "nothing-*.csv"), tmp_path / "x.parquet", time="at")
    with pytest.raises(BadRows, match="the column price does not hold a time"):
        take(str(recorded), tmp_path / "x.parquet", time="price")
    assert not (tmp_path / "x.parquet").exists()
    with pytest.raises(LacksColumns, match="lack what orders@7 is asked with: weight"):
        next(read_rows(rows, (Tensor(name="weight", datatype="FP64"),), label="", first=0, batch=1, release="orders@7"))
