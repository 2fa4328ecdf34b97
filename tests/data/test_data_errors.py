"""What people read when their data cannot be used. The texts are held exactly: they are the product here."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.data.errors import CheckFailed
from plimsoll.kernel.errors import EXIT_CODES, PlimsollError
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    from conftest import Desk


def told(desk: Desk, path: str, columns: dict[str, Column] | None = None, **options: Any) -> str:
    """`code: text | hint` of the error that resolving a path raises."""
    with pytest.raises(PlimsollError) as caught:
        desk.resolve(path, columns, **options)
    assert desk.count("data_versions") == desk.count("data_checks") == 0
    assert EXIT_CODES[caught.value.kind] == (1 if isinstance(caught.value, CheckFailed) else 2)
    return f"{caught.value.code}: {caught.value} | {caught.value.advice}"


def test_no_file_names_the_nearest_one(desk: Desk) -> None:
    desk.write("data/sales.csv", "a\n1\n")
    hint = "Correct `data.sales.path` in plimsoll.yaml; it is a file, glob or folder relative to that file."
    assert told(desk, "data/sale.csv") == (
        "data.no_file: Dataset sales: no file matches data/sale.csv; the nearest path that exists is data/sales.csv. | " + hint
    )  # fmt: skip
    assert told(desk, "dta/*.csv") == (
        f"data.no_file: Dataset sales: no file matches dta/*.csv; the nearest path that exists is data. | {hint}"
    )
    assert told(desk, "data/2026-*.csv") == (
        f"data.no_file: Dataset sales: no file matches data/2026-*.csv; what exists is the folder data. | {hint}"
    )
    assert told(desk, "xyz") == f"data.no_file: Dataset sales: no file matches xyz. | {hint}"


def test_an_unknown_extension(desk: Desk) -> None:
    desk.write("sales.xlsx", "a\n1\n")
    assert told(desk, "sales.xlsx") == (
        "data.unknown_format: Dataset sales: sales.xlsx has an extension that says nothing about its format. | "
        "Known are .csv, .tsv, .txt, .data (CSV) and .parquet, .pq (Parquet). Say `format: csv` or `format: parquet` "
        "in `data.sales`, or choose the files with a glob such as *.csv."
    )


def test_mixed_formats(desk: Desk) -> None:
    desk.write("data/a.csv", "a\n1\n")
    desk.write_parquet("data/b.parquet", "SELECT 1 AS a")
    assert told(desk, "data") == (
        "data.mixed_formats: Dataset sales: data matches CSV files (such as data/a.csv) and Parquet files (such as "
        "data/b.parquet). | Choose one kind with a glob, such as *.parquet, in `data.sales.path`."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 field, the first line has 2"),
        ("a,b\n1,2,3\n", "line 2 has 3 fields, the first line has 2"),
        ('a,b\n1,"x\n2,y\n', "line 2 opens a quote that is not closed as it should be"),
        ('a,"b\n1,2\n', "a quote in its first line is never closed"),
        ("a,b\r\n1,2\n3,4\n5,6", "its lines end in more than one way (CRLF and LF), or its quotes are not CSV"),
        ("39,77516\n50,83311\n", "its first line must hold the names of its columns, and holds 39, 77516"),
        ("a,b,A\n1,2,3\n", "two of its columns are named A"),
    ],
)
def test_a_csv_file_that_is_not_one(desk: Desk, content: str, problem: str) -> None:
    desk.write("a.csv", content)
    assert told(desk, "a.csv") == (
        f"data.unreadable: Dataset sales: a.csv cannot be read: {problem}. | "
        "Correct the file, or leave it out of `data.sales.path`."
    )


def test_the_broken_one_of_many_files_is_named(desk: Desk) -> None:
    for name in "abc":
        desk.write(f"{name}.csv", "x,y\n1,2\n" + ("3\n" if name == "b" else ""))
    assert "b.csv cannot be read: line 3 has 1 field" in told(desk, "*.csv")


def test_a_file_that_may_not_be_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.csv", "a\n1\n")

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)

    opened = Path.open
    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, who may read everything
    assert told(desk, "a.csv").startswith("data.unreadable: Dataset sales: a.csv cannot be read: permission denied. |")


@pytest.mark.parametrize(
    ("content", "problem", "guess"),
    [
        ("a,b\n1,x\n2,café\n".encode("latin-1"), "line 3 holds the byte 0xe9", "WINDOWS-1252"),
        ("naïve,b\n1,x\n".encode("latin-1"), "line 1 holds the byte 0xef", "WINDOWS-1252"),
        ("a,b\n1,x\n".encode("utf-16"), "it begins like UTF-16", "UTF-16"),
        (b"a,b\n" + b"1,x\n" * 100_000 + b"1,\xff\n", "line 100,002 holds the byte 0xff", "WINDOWS-1252"),
    ],
)
def test_a_wrong_encoding(desk: Desk, content: bytes, problem: str, guess: str) -> None:
    desk.write("a.csv", content)
    assert told(desk, "a.csv") == (
        f"data.wrong_encoding: Dataset sales: a.csv is not UTF-8 text: {problem}. | "
        f"Write it as UTF-8, for instance with `iconv -f {guess} -t UTF-8`."
    )


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        (lambda content: content[:-7], "its end is missing"),
        (lambda content: content[:8], "its end is missing"),
        (lambda content: b"id,amount\n1,2\n", "it does not begin like one"),
        (lambda content: b"", "it does not begin like one"),
    ],
)
def test_a_truncated_parquet_file(desk: Desk, cut: Any, problem: str) -> None:
    path = desk.write_parquet("a.parquet", "SELECT range AS a FROM range(100)")
    content = cut(path.read_bytes())
    path.write_bytes(content)
    assert told(desk, "a.parquet") == (
        f"data.truncated_parquet: Dataset sales: a.parquet ({len(content):,} bytes) is not a whole Parquet file: {problem}. | "
        "Write or copy it again; a download or a job may have stopped half-way."
    )


def test_a_damaged_parquet_file(desk: Desk) -> None:
    path = desk.write_parquet("a.parquet", "SELECT range AS a FROM range(1000)")
    content = bytearray(path.read_bytes())
    content[-200:-8] = bytes(192)
    path.write_bytes(content)
    assert told(desk, "a.parquet").startswith("data.unreadable: Dataset sales: a.parquet cannot be read: ")


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ("a,c\n1,2\n", "it lacks b and has c besides"),
        ("a\n1\n", "it lacks b"),
        ("a,b,c\n1,2,3\n", "it has c besides"),
        ("b,a\n1,2\n", "column 1 is b, not a"),
        ("a;b\n1;2\n", "it lacks a, b and has a;b besides"),
    ],
)
def test_csv_files_with_other_columns(desk: Desk, second: str, problem: str) -> None:
    desk.write("1.csv", "a,b\n1,2\n")
    desk.write("2.csv", second)
    assert told(desk, "*.csv") == (
        f"data.schema_differs: Dataset sales: 2.csv has other columns than 1.csv: {problem}. | "
        "Give every file of the dataset the same columns, or make two datasets of them."
    )


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ("'x' AS a", "column a is VARCHAR, not BIGINT"),
        ("1.5::DOUBLE AS a", "column a is DOUBLE, not BIGINT"),
        ("1 AS b", "it lacks a and has b besides"),
    ],
)
def test_parquet_files_with_other_columns(desk: Desk, second: str, problem: str) -> None:
    desk.write_parquet("1.parquet", "SELECT 1 AS a")
    desk.write_parquet("2.parquet", f"SELECT {second}")
    assert f"2.parquet has other columns than 1.parquet: {problem}." in told(desk, "*.parquet")


def test_a_nested_parquet_column(desk: Desk) -> None:
    desk.write_parquet("a.parquet", "SELECT [1, 2] AS tags")
    assert told(desk, "a.parquet") == (
        "data.unsupported_type: Dataset sales: column tags of a.parquet has the type INTEGER[], which cannot be used. | "
        "Use numbers, text, truth values, dates and timestamps; split nested values into columns of their own."
    )


def test_no_rows(desk: Desk) -> None:
    desk.write("a.csv", "a,b\n")
    desk.write("b.csv", "a,b\n")
    desk.write("empty/c.csv", "")
    desk.write_parquet("d.parquet", "SELECT 1 AS a WHERE false")
    hint = "A pipeline cannot learn from nothing: check what writes"
    assert told(desk, "a.csv") == f"data.no_rows: Dataset sales: a.csv is without a single row of data. | {hint} a.csv."
    assert told(desk, "*.csv") == (
        f"data.no_rows: Dataset sales: its 2 files are without a single row of data. | {hint} *.csv."
    )
    assert told(desk, "empty") == (
        f"data.no_rows: Dataset sales: empty/c.csv is empty: no column names, without a single row of data. | {hint} empty/c.csv."
    )  # fmt: skip
    assert "d.parquet is without a single row" in told(desk, "d.parquet")


def test_broken_rules_as_people_read_them(desk: Desk) -> None:
    desk.write(
        "data/sales.csv",
        "id,amount,country,note\n1,10,GB,fine\n2,-5,XX,\n2,ten,FR,O'Neill, late\n".replace(
            "O'Neill, late", '"O\'Neill, late"'
        ),
    )
    rules = {
        "id": Column(type="int", unique=True),
        "amount": Column(type="float", min=0),
        "country": Column(type="string", in_=("GB", "FR")),
        "note": Column(type="string", nullable=False),
        "currancy": Column(type="string"),
        "conutry": Column(type="string"),
    }
    assert told(desk, "data/*.csv", rules) == (
        "data.check_failed: Dataset sales breaks 7 rules:\n"
        "  currancy, exists: there is no such column\n"
        "  conutry, exists: there is no such column; the most similar one is country\n"
        "  id, unique: true: 1 of 3 rows (33.3%)\n"
        "    data/sales.csv row 2: id=2, amount=-5, country=XX, note=(missing)\n"
        '    data/sales.csv row 3: id=2, amount=ten, country=FR, note="O\'Neill, late"\n'
        "  amount, type: float: 1 of 3 rows (33.3%)\n"
        '    data/sales.csv row 3: amount=ten, id=2, country=FR, note="O\'Neill, late"\n'
        "  amount, min: 0: 1 of 3 rows (33.3%)\n"
        "    data/sales.csv row 2: amount=-5, id=2, country=XX, note=(missing)\n"
        "  country, in: [GB, FR]: 1 of 3 rows (33.3%)\n"
        "    data/sales.csv row 2: country=XX, id=2, amount=-5, note=(missing)\n"
        "  note, nullable: false: 1 of 3 rows (33.3%)\n"
        "    data/sales.csv row 2: note=(missing), id=2, amount=-5, country=XX"
        " | Nothing was recorded and no step ran. Correct the data, or the rules under `data` in plimsoll.yaml."
    )


def test_wide_rows_and_long_values_are_shortened(desk: Desk) -> None:
    names = [f"c{number}" for number in range(20)]
    desk.write("a.csv", ",".join(names) + "\n" + ",".join(["v" * 90] * 20) + "\n")
    text = told(desk, "a.csv", {"c9": Column(type="int")})
    assert re.search(rf"row 1: c9={'v' * 39}…, c0=v+…, c1=v+…, c2=v+…, c3=v+…, c4=v+…, …", text)


def test_trouble_with_several_datasets_is_told_together(desk: Desk) -> None:
    desk.write("a.csv", "id\n1\n")
    with pytest.raises(PlimsollError) as caught:
        desk.resolve_all(
            {
                "first": Dataset(path="b.csv"),
                "second": Dataset(path="a.csv", columns={"id": Column(type="int", min=2)}),
                "good": Dataset(path="a.csv"),
            }
        )
    assert caught.value.code == "data.invalid"
    assert str(caught.value) == (
        "2 datasets cannot be used:\n"
        "  data.no_file: Dataset first: no file matches b.csv; the nearest path that exists is a.csv.\n"
        "    Correct `data.first.path` in plimsoll.yaml; it is a file, glob or folder relative to that file.\n"
        "  data.check_failed: Dataset second breaks 1 rule:\n"
        "    id, min: 2: 1 of 1 rows (100%)\n"
        "      a.csv row 1: id=1\n"
        "    Nothing was recorded and no step ran. Correct the data, or the rules under `data` in plimsoll.yaml."
    )


def test_broken_rules_survive_pickling_and_json(desk: Desk) -> None:
    desk.write("a.csv", "id\n1\n")
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.csv", {"id": Column(type="int", min=2)})
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.broken == caught.value.broken
    (fact,) = caught.value.as_dict()["facts"]["broken"]
    assert fact["examples"] == [{"file": "a.csv", "row": 1, "values": {"id": "1"}}]
