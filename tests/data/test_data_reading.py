"""How files become frames: CSV dialects and types that nobody declared, Parquet, dtypes, the real data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.data.engine import engine
from plimsoll.data.frames import relation_sql
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    from conftest import Desk


def types(desk: Desk, content: str | bytes, **options: Any) -> dict[str, str]:
    desk.write("a.csv", content)
    return dict(desk.resolve("a.csv", **options).columns)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("id,name\n1,Ann\n2,\n", id="plain"),
        pytest.param("id, name\n1, Ann\n2, \n", id="blanks after commas"),
        pytest.param(' id ;"name"\n 1 ;"Ann"\n2;""\n', id="semicolons, quotes, blanks"),
        pytest.param("id\tname\n1\tAnn\t\n".replace("Ann\t", "Ann") + "2\t\n", id="tabs"),
        pytest.param("id|name\r\n1|Ann\r\n2|\r\n", id="bars and CRLF"),
        pytest.param(b"\xef\xbb\xbfid,name\n1,Ann\n2,\n\n\n", id="byte order mark and blank lines at the end"),
        pytest.param("id,name\n1,Ann\n2,?", id="a text for missing and no last line end"),
    ],
)
def test_one_table_in_many_spellings_is_one_frame(desk: Desk, content: str | bytes) -> None:
    desk.write("a.csv", content)
    frame = desk.frame(desk.resolve("a.csv", missing=("?",)))
    expected = pd.DataFrame({"id": [1, 2], "name": pd.Series(["Ann", None], dtype="str")})
    pd.testing.assert_frame_equal(frame, expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "", "-2"], "BIGINT"),
        (["1", "2.5", "NaN"], "DOUBLE"),
        (["1e3", ".5", "-0.0"], "DOUBLE"),
        (["true", "FALSE", ""], "BOOLEAN"),
        (["2026-01-02", "2026-12-31"], "DATE"),
        (["2026-01-02", "2026-01-02T03:04:05Z"], "TIMESTAMP"),
        (["2026-01-02 03:04", "2026-01-02 03:04:05.5+02:00"], "TIMESTAMP"),
        (["007", "12"], "VARCHAR"),
        (["0", "10"], "BIGINT"),
        (["12345678901234567890", "1"], "VARCHAR"),
        (["yes", "no"], "VARCHAR"),
        (["2026-02-30"], "VARCHAR"),
        (["1", "x"], "VARCHAR"),
        (["1_000", "2"], "VARCHAR"),
        (["", ""], "VARCHAR"),
    ],
)
def test_undeclared_columns_take_the_narrowest_type_of_all_their_values(
    desk: Desk, values: list[str], expected: str
) -> None:
    assert types(desk, "k,v\n" + "".join(f"k,{value}\n" for value in values))["v"] == expected


def test_the_last_of_many_rows_counts_for_the_type(desk: Desk) -> None:
    assert types(desk, "v\n" + "1\n" * 50_000 + "x\n") == {"v": "VARCHAR"}


def test_a_declared_type_is_stronger_than_what_values_look_like(desk: Desk) -> None:
    found = types(desk, "zip,n\n00123,1\n12345,2\n", columns={"zip": Column(type="string"), "n": Column(type="float")})
    assert found == {"zip": "VARCHAR", "n": "DOUBLE"}
    assert types(desk, "zip\n00123\n", columns={"zip": Column(type="int")}) == {"zip": "BIGINT"}


def test_a_moment_with_a_zone_is_kept_in_utc(desk: Desk) -> None:
    desk.write("a.csv", "at\n2026-01-02 03:04:05+02:00\n2026-01-02T03:04:05Z\n2026-01-02 03:04:05\n")
    frame = desk.frame(desk.resolve("a.csv"))
    assert frame["at"].astype(str).tolist() == ["2026-01-02 01:04:05", "2026-01-02 03:04:05", "2026-01-02 03:04:05"]


def test_dtypes_are_those_that_scikit_learn_can_use(desk: Desk) -> None:
    desk.write(
        "a.csv",
        "i,f,s,b,t,d,in,bn,sn\n1,1.5,x,true,2026-01-02 03:04,2026-01-02,1,true,x\n2,2.5,y,false,2026-01-03 03:04,2026-01-03,,,\n",
    )
    frame = desk.frame(desk.resolve("a.csv"))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "i": "int64",
        "f": "float64",
        "s": "str",
        "b": "bool",
        "t": "datetime64[us]",
        "d": "datetime64[us]",
        "in": "float64",
        "bn": "object",
        "sn": "str",
    }  # fmt: skip
    assert isinstance(frame.index, pd.RangeIndex)
    assert np.isnan(frame["in"][1])
    assert frame["bn"][0] is True
    assert np.isnan(frame["bn"][1])


def test_parquet_and_csv_of_the_same_table_give_the_same_frame(desk: Desk) -> None:
    desk.write_parquet(
        "a.parquet",
        "SELECT * FROM (VALUES (1::INTEGER, 1.5::FLOAT, 'x', true, TIMESTAMP_NS '2026-01-02 03:04:05', DATE '2026-01-02'),"
        " (2, NULL, NULL, false, NULL, NULL)) t(i, f, s, b, t, d)",
    )
    desk.write("b.csv", "i,f,s,b,t,d\n1,1.5,x,true,2026-01-02 03:04:05,2026-01-02\n2,,,false,,\n")
    from_parquet = desk.frame(desk.resolve("a.parquet"))
    from_csv = desk.frame(desk.resolve("b.csv"))
    pd.testing.assert_frame_equal(from_parquet, from_csv)


def test_parquet_files_may_differ_in_the_order_and_width_of_their_columns(desk: Desk) -> None:
    desk.write_parquet("a.parquet", "SELECT 1::TINYINT AS a, 'x' AS b")
    desk.write_parquet("b.parquet", "SELECT 'y' AS b, 3000000000 AS a")
    frame = desk.frame(desk.resolve("*.parquet"))
    assert frame.to_dict("list") == {"a": [1, 3_000_000_000], "b": ["x", "y"]}


def test_whole_numbers_in_one_parquet_file_and_not_in_the_other_are_numbers_when_declared(desk: Desk) -> None:
    desk.write_parquet("a.parquet", "SELECT 1::BIGINT AS a")
    desk.write_parquet("b.parquet", "SELECT unnest([2.0::DOUBLE, NULL]) AS a")
    assert desk.frame(desk.resolve("*.parquet", {"a": Column(type="int")}))["a"].tolist()[:2] == [1.0, 2.0]


def test_missing_texts_count_in_parquet_too(desk: Desk) -> None:
    desk.write_parquet("a.parquet", "SELECT unnest(['x', '?']) AS s, unnest([1, 2]) AS n")
    frame = desk.frame(desk.resolve("a.parquet", missing=("?", "1")))
    assert frame["s"].tolist()[0] == "x"
    assert frame.isna().sum().to_dict() == {"s": 1, "n": 1}


def test_names_that_are_sql_words_or_hold_quotes_survive(desk: Desk) -> None:
    desk.write("a.csv", 'select,"a ""b""",,x y\n1,2,3,4\n')
    assert list(desk.frame(desk.resolve("a.csv")).columns) == ["select", 'a "b"', "column2", "x y"]


def test_a_version_is_a_relation_for_sql(desk: Desk) -> None:
    desk.write("a.csv", "country,amount\nGB,1.5\nFR,2\nGB,3\n")
    sql = relation_sql(desk.resolve("a.csv"), desk.context.artifacts)
    with engine() as connection:
        rows = connection.execute(
            f"SELECT country, sum(amount) FROM {sql} GROUP BY country ORDER BY country"
        ).fetchall()
    assert rows == [("FR", 2.0), ("GB", 4.5)]


def test_the_engine_neither_downloads_nor_leaves_anything_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with engine() as connection:
        settings = dict(
            connection.execute(
                "SELECT name, value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', 'TimeZone')"
            ).fetchall()
        )
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(1000)")
    assert settings == {"autoinstall_known_extensions": "false", "TimeZone": "UTC"}
    assert list(tmp_path.iterdir()) == []


text_cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(text_cells, min_size=1, max_size=8))
def test_any_text_comes_back_without_its_surrounding_blanks(desk: Desk, values: list[str]) -> None:
    import csv
    import io

    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["k", "v"], *(["k", v] for v in values)])
    desk.write("a.csv", buffer.getvalue())
    frame = desk.frame(desk.resolve("a.csv", {"v": Column(type="string")}))
    expected = [value.strip(" \t") or None for value in values]
    assert [None if pd.isna(value) else value for value in frame["v"]] == expected


def test_adult(desk: Desk, shared_data: Path) -> None:
    rules = {
        "age": Column(type="int", nullable=False, min=17, max=90),
        "sex": Column(type="string", in_=("Male", "Female")),
        "hours-per-week": Column(type="int", min=1, max=99),
        "Y": Column(type="string", nullable=False, in_=("<=50K", ">50K")),
    }
    dataset = Dataset(path=str(shared_data / "adult.data"), columns=rules, missing=("?",))
    test = Dataset(path=str(shared_data / "adult.test"), format="csv", missing=("?",))
    versions = desk.resolve_all({"train": dataset, "test": test})
    frame = desk.frame(versions["train"])
    assert frame.shape == (32561, 15)
    assert desk.frame(versions["test"]).shape == (16281, 15)
    assert (frame["Y"] == ">50K").mean() == pytest.approx(0.2408, abs=1e-4)
    assert frame.isna().sum()[lambda counts: counts > 0].to_dict() == {
        "workclass": 1836,
        "occupation": 1843,
        "native-country": 583,
    }
    assert (frame.dtypes == "int64").sum() == 6


def test_bank(desk: Desk, shared_data: Path) -> None:
    version = desk.resolve(str(shared_data / "bank_additional_full.csv"), missing=("unknown",))
    frame = desk.frame(version)
    assert version.delimiter == ";"
    assert frame.shape == (41188, 21)
    assert (frame["y"] == "yes").mean() == pytest.approx(0.1127, abs=1e-4)
    assert frame["euribor3m"].dtype == "float64"
    assert frame["job"].isna().sum() == 330


def test_elec2(desk: Desk, shared_data: Path) -> None:
    version = desk.resolve(str(shared_data / "elec2.csv"), {"class": Column(type="bool", nullable=False)})
    frame = desk.frame(version)
    assert frame.shape == (45312, 9)
    assert frame["class"].dtype == "bool"
    assert frame["class"].mean() == pytest.approx(0.4245, abs=1e-4)
