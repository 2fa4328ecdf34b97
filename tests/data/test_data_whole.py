"""Checks over rows, references, freshness and the number of rows: what keeps them, what breaks them, on every source."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.data.entities import BrokenRule, DataVersion
from plimsoll.data.errors import CheckFailed, NoFile, SeveralDatasets
from plimsoll.project.entities import Column, Dataset, Freshness, Reference, RowCheck, RowCount

if TYPE_CHECKING:
    from conftest import Desk

    Place = Callable[[Desk, str], dict[str, Any]]

AMOUNTS = {"id": Column(type="int"), "amount": Column(type="float"), "paid": Column(type="float")}
CUSTOMERS = Dataset(path="customers.csv", columns={"id": Column(type="int")})
ORDERS = {"customer": Column(type="int", references=Reference(dataset="customers", column="id"))}


def broken(desk: Desk, **datasets: Dataset) -> list[BrokenRule]:
    """What the datasets break; then nothing was recorded."""
    before = desk.count("data_versions"), desk.count("data_checks"), desk.count("audit_events")
    try:
        desk.resolve_all(datasets)
    except CheckFailed as error:
        assert (desk.count("data_versions"), desk.count("data_checks"), desk.count("audit_events")) == before
        return list(error.broken)
    return []


def as_csv(desk: Desk, select: str) -> dict[str, Any]:
    desk.write_parquet("made.parquet", select)
    desk.root.joinpath("rows.csv").unlink(missing_ok=True)
    import duckdb

    duckdb.sql(f"COPY (FROM '{desk.root}/made.parquet') TO '{desk.root}/rows.csv' (HEADER)")
    return {"path": "rows.csv"}


def as_parquet(desk: Desk, select: str) -> dict[str, Any]:
    desk.write_parquet("rows.parquet", select)
    return {"path": "rows.parquet"}


def as_glob(desk: Desk, select: str) -> dict[str, Any]:
    """The rows in two files."""
    desk.write_parquet("part-1.parquet", f"FROM ({select}) WHERE id < 3")
    desk.write_parquet("part-2.parquet", f"FROM ({select}) WHERE id >= 3")
    return {"path": "part-*.parquet"}


def as_query(desk: Desk, select: str) -> dict[str, Any]:
    import duckdb

    with sqlite3.connect(desk.root / "shop.db") as database:
        cursor = duckdb.sql(select)
        database.execute("DROP TABLE IF EXISTS rows")
        database.execute(f"CREATE TABLE rows ({', '.join(name for name, *_ in cursor.description)})")
        rows = cursor.fetchall()
        database.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(rows[0]))})", rows)
    database.close()
    return {"query": "SELECT * FROM rows ORDER BY id", "url": "sqlite:///shop.db"}


SELECT = "SELECT * FROM (VALUES (1, 1e1, 5e0), (2, 1e1, 11e0), (3, NULL, 1e0), (4, 7e0, 7e0)) t(id, amount, paid)"


@pytest.mark.parametrize("place", [as_csv, as_parquet, as_glob, as_query])
def test_rows_of_which_a_condition_is_false_or_unknown_break_it(desk: Desk, place: Place) -> None:
    source = place(desk, SELECT)
    assert (
        broken(desk, sales=Dataset(**source, columns=AMOUNTS, checks=("paid < 20", "amount IS NULL OR amount > 5")))
        == []
    )
    strict = Dataset(**source, columns=AMOUNTS, checks=("paid <= amount",))
    (rule,) = broken(desk, sales=strict)
    assert (rule.rule, rule.column, rule.count, rule.rows, rule.about) == ("checks: paid <= amount", "", 2, 4, ("paid", "amount"))  # fmt: skip
    assert [int(example.values["id"]) for example in rule.examples] == [2, 3]
    glob = place is as_glob
    assert [example.row for example in rule.examples] == ([2, 1] if glob else [2, 3])
    assert len({example.file for example in rule.examples}) == (2 if glob else 1)


def test_a_check_as_people_read_it(desk: Desk) -> None:
    as_csv(desk, SELECT)
    checks = (RowCheck(sql="paid <= amount", name="paid at most the amount"), RowCheck(sql="id > 1", max_failing="20%"))
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("rows.csv", AMOUNTS, checks=checks)
    assert str(caught.value) == (
        "Dataset sales breaks 2 rules:\n"
        "  checks: paid at most the amount: 2 of 4 rows (50%)\n"
        "    rows.csv row 2: paid=11.0, amount=10.0, id=2\n"
        "    rows.csv row 3: paid=1.0, amount=(missing), id=3\n"
        "  checks: id > 1: 1 of 4 rows (25%), of which 20% is allowed\n"
        "    rows.csv row 1: id=1, amount=10.0, paid=5.0"
    )


def test_so_many_rows_as_are_allowed_may_break_a_check(desk: Desk) -> None:
    source = as_parquet(desk, SELECT)
    assert (
        broken(desk, sales=Dataset(**source, columns=AMOUNTS, checks=(RowCheck(sql="id > 1", max_failing="25%"),)))
        == []
    )
    assert broken(desk, sales=Dataset(**source, columns=AMOUNTS, checks=(RowCheck(sql="id > 1", max_failing=0.24),)))


def test_a_row_for_which_a_condition_cannot_be_computed_breaks_it_and_the_file_is_not_blamed(desk: Desk) -> None:
    desk.write("a.csv", "note\n12\nx\n")
    (rule,) = broken(
        desk,
        sales=Dataset(path="a.csv", columns={"note": Column(type="string")}, checks=("CAST(note AS INTEGER) > 1",)),
    )
    assert [example.values for example in rule.examples] == [{"note": "x"}]


def test_a_new_condition_has_the_same_bytes_checked_again(desk: Desk) -> None:
    source = as_parquet(desk, SELECT)
    assert broken(desk, sales=Dataset(**source, columns=AMOUNTS)) == []
    assert broken(desk, sales=Dataset(**source, columns=AMOUNTS, checks=("id > 1",)))


cells = st.one_of(st.none(), st.integers(-3, 3))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=12), keys=st.lists(st.integers(-3, 3), min_size=1))
def test_counts_equal_those_of_a_loop_over_the_rows(desk: Desk, rows: list[tuple[Any, Any]], keys: list[int]) -> None:
    body = "".join(f"{'' if a is None else a},{'' if b is None else b},x\n" for a, b in rows)
    desk.write("a.csv", "a,b,c\n" + body)
    desk.write("keys.csv", "k,c\n" + "".join(f"{key},x\n" for key in keys) + ",x\n")
    columns = {"a": Column(type="int", references=Reference(dataset="keys", column="k")), "b": Column(type="int")}
    found = broken(
        desk,
        keys=Dataset(path="keys.csv", columns={"k": Column(type="int")}),
        sales=Dataset(path="a.csv", columns=columns, checks=("a + b > 0", "a IS NOT DISTINCT FROM b")),
    )
    expected = {
        "references: keys.k": [at for at, (a, _) in enumerate(rows, 1) if a is not None and a not in keys],
        "checks: a + b > 0": [at for at, (a, b) in enumerate(rows, 1) if a is None or b is None or a + b <= 0],
        "checks: a IS NOT DISTINCT FROM b": [at for at, (a, b) in enumerate(rows, 1) if a != b],
    }
    assert {rule.rule: rule.count for rule in found} == {rule: len(at) for rule, at in expected.items() if at}
    for rule in found:
        assert [example.row for example in rule.examples] == expected[rule.rule][:3]


def test_values_must_occur_where_they_refer_to(desk: Desk) -> None:
    desk.write("customers.csv", "id,name\n1,a\n2,b\n")
    desk.write("orders.csv", "customer,n\n1,1\n3,2\n,3\n2,4\n4,5\n")
    (rule,) = broken(desk, orders=Dataset(path="orders.csv", columns=ORDERS), customers=CUSTOMERS)
    assert (rule.dataset, rule.column, rule.rule, rule.count) == ("orders", "customer", "references: customers.id", 2)
    assert [example.row for example in rule.examples] == [2, 5]
    desk.write("customers.csv", "id,name\n1,a\n2,b\n3,c\n4,d\n")
    assert broken(desk, orders=Dataset(path="orders.csv", columns=ORDERS), customers=CUSTOMERS) == []


def test_rows_that_are_no_longer_there_break_a_reference_of_data_that_did_not_change(desk: Desk) -> None:
    desk.write("customers.csv", "id,name\n1,a\n2,b\n")
    desk.write("orders.csv", "customer,n\n1,1\n2,1\n")
    datasets = {"orders": Dataset(path="orders.csv", columns=ORDERS), "customers": CUSTOMERS}
    assert broken(desk, **datasets) == []
    desk.write("customers.csv", "id,name\n1,a\n")
    assert [rule.count for rule in broken(desk, **datasets)] == [1]


def test_a_reference_may_be_to_the_same_dataset_and_two_may_refer_to_each_other(desk: Desk) -> None:
    desk.write("staff.csv", "id,boss\n1,\n2,1\n3,9\n")
    staff = Dataset(
        path="staff.csv",
        columns={
            "id": Column(type="int"),
            "boss": Column(type="int", references=Reference(dataset="staff", column="id")),
        },
    )
    assert [(rule.column, rule.count) for rule in broken(desk, staff=staff)] == [("boss", 1)]
    desk.write("a.csv", "id,other\n1,1\n")
    desk.write("b.csv", "id,other\n1,2\n")
    pair = {
        mine: Dataset(
            path=f"{mine}.csv",
            columns={
                "id": Column(type="int"),
                "other": Column(type="int", references=Reference(dataset=other, column="id")),
            },
        )
        for mine, other in (("a", "b"), ("b", "a"))
    }
    assert [(rule.dataset, rule.count) for rule in broken(desk, **pair)] == [("b", 1)]


def test_trouble_with_what_is_referred_to_is_told_as_its_own_and_once(desk: Desk) -> None:
    desk.write("orders.csv", "customer,n\n1,1\n")
    with pytest.raises(NoFile) as caught:
        desk.resolve_all({"orders": Dataset(path="orders.csv", columns=ORDERS), "customers": CUSTOMERS})
    assert caught.value.facts["dataset"] == "customers"
    desk.write("customers.csv", "id,name\n1,a\n2\n")
    with pytest.raises(Exception, match=r"^Dataset customers: customers.csv cannot be read: line 3") as again:
        desk.resolve_all({"orders": Dataset(path="orders.csv", columns=ORDERS), "customers": CUSTOMERS})
    assert not isinstance(again.value, SeveralDatasets)
    desk.write("customers.csv", "ident,name\n1,a\n")
    found = broken(desk, orders=Dataset(path="orders.csv", columns=ORDERS), customers=CUSTOMERS)
    assert [(rule.dataset, rule.rule) for rule in found] == [("customers", "exists")]
    assert desk.count("data_versions") == 0


@pytest.mark.parametrize("place", [as_csv, as_parquet])
def test_the_newest_row_may_be_so_old_and_data_grows_stale_without_a_change(desk: Desk, place: Place) -> None:
    moments = (
        "SELECT * FROM (VALUES (1, TIMESTAMP '2126-11-01 08:00:00'), (2, TIMESTAMP '2126-10-01 00:00:00')) t(id, made)"
    )
    sales = Dataset(**place(desk, moments), time="made", fresh=Freshness(within="2d"))
    assert broken(desk, sales=sales) == []
    assert desk.count("data_checks") == 1
    desk.clock.advance(timedelta(days=1, hours=1))
    (rule,) = broken(desk, sales=sales)
    assert (rule.column, rule.rule, rule.count) == ("made", "fresh, within: 2d", 0)
    assert rule.found == "the newest value, 2126-11-01 08:00:00, is 2d2h old"
    assert "made, fresh, within: 2d: the newest" in str(CheckFailed.of([rule]))
    desk.clock.advance(timedelta(days=-1))
    assert broken(desk, sales=sales) == []


def test_only_one_column_is_read_again_to_see_how_old_unchanged_data_is(desk: Desk) -> None:
    desk.write("a.csv", "made,n\n2126-11-01,1\n")
    sales = Dataset(path="a.csv", columns={"n": Column(type="int")}, fresh=Freshness(within="3d", column="made"))
    first = desk.resolve_all({"sales": sales})
    desk.seen.clear()
    assert desk.resolve_all({"sales": sales}) == first
    assert [progress.message for progress in desk.seen] == []


def test_values_of_the_future_and_none_at_all_say_nothing_about_freshness(desk: Desk) -> None:
    desk.write("a.csv", "made,n\n2199-01-01,1\n,2\n2126-01-01T10:00:00+02:00,3\n")
    sales = Dataset(path="a.csv", fresh=Freshness(within="30d", column="made"))
    assert [rule.found for rule in broken(desk, sales=sales)] == [
        "the newest value, 2126-01-01 08:00:00, is 305d1h old"
    ]
    desk.write("a.csv", "made,n\n2199-01-01,1\n,2\n")
    assert [rule.found for rule in broken(desk, sales=sales)] == ["no row has a value up to now"]
    desk.write("a.csv", "mode,n\n2126-01-01,1\n")
    assert [(rule.rule, rule.nearest) for rule in broken(desk, sales=sales)] == [("exists", "mode")]


def test_the_number_of_rows_has_limits(desk: Desk) -> None:
    desk.write("a.csv", "n\n1\n2\n3\n")
    found = broken(
        desk, sales=Dataset(path="a.csv", rows=RowCount(min=4)), more=Dataset(path="a.csv", rows=RowCount(max=2))
    )
    assert [(rule.dataset, rule.column, rule.rule, rule.found) for rule in found] == [
        ("sales", "", "rows, min: 4", "there are 3"),
        ("more", "", "rows, max: 2", "there are 3"),
    ]
    assert "  rows, min: 4: there are 3" in str(CheckFailed.of(found))
    assert broken(desk, sales=Dataset(path="a.csv", rows=RowCount(min=3, max=3))) == []


def rows_of(desk: Desk, count: int, change: str | None = "20%") -> DataVersion:
    desk.write("a.csv", "n\n" + "".join(f"{number}\n" for number in range(count)))
    desk.clock.advance(timedelta(hours=1))
    return desk.resolve("a.csv", rows=RowCount(min=1, change=change))


def test_a_new_version_may_have_so_many_more_or_fewer_rows_than_the_last_one(desk: Desk) -> None:
    first = rows_of(desk, 10)
    for count, told in ((7, "30% fewer"), (13, "30% more")):
        with pytest.raises(CheckFailed) as caught:
            rows_of(desk, count)
        (rule,) = caught.value.broken
        assert rule.rule == "rows, change: 20%"
        assert rule.found == f"there are {count}, {told} than the 10 of sales@{first.digest[:12]}, recorded 2126-11-02"
    assert desk.count("data_versions") == 1
    rows_of(desk, 12)
    rows_of(desk, 14)
    assert rows_of(desk, 10) == first, "what was accepted once is not asked again"
    assert rows_of(desk, 5, change=None).rows == 5
    assert rows_of(desk, 5).rows == 5
    assert rows_of(desk, 6).rows == 6


def test_bytes_twice_in_a_dataset_have_their_rows_told_by_file(desk: Desk) -> None:
    for name in ("a.parquet", "b.parquet"):
        desk.write_parquet(name, "SELECT 1 AS id UNION ALL SELECT -1")
    (rule,) = broken(desk, sales=Dataset(path="*.parquet", columns={"id": Column(type="int", min=0)}))
    assert (rule.count, [(one.file, one.row) for one in rule.examples]) == (2, [("a.parquet", 2), ("b.parquet", 2)])


def test_columns_named_like_those_of_the_engine_are_only_columns(desk: Desk) -> None:
    desk.write_parquet(
        "a.parquet", 'SELECT -7 AS file_row_number, 9 AS file_index, \'x\' AS "position", 1 AS "value position"'
    )
    (rule,) = broken(desk, sales=Dataset(path="*.parquet", columns={"file_row_number": Column(type="int", min=0)}))
    assert [(one.row, one.values["position"]) for one in rule.examples] == [(1, "x")]


def test_uniqueness_of_more_values_than_fit_in_memory_spills_to_disk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write_parquet("a.parquet", "SELECT i AS id, 'a rather long text ' || i AS name FROM range(3000000) t(i) UNION ALL SELECT 7, 'x'")  # fmt: skip
    monkeypatch.setattr("plimsoll.data.checking._MEMORY_MIB", 128)
    columns = {"id": Column(type="int", unique=True), "name": Column(type="string", unique=True)}
    (rule,) = broken(desk, sales=Dataset(path="a.parquet", columns=columns))
    assert (rule.column, rule.count, len(rule.examples)) == ("id", 1, 2)


def test_values_are_looked_at_whatever_the_footer_says_of_them(desk: Desk) -> None:
    low, high = (-987654321).to_bytes(8, "little", signed=True), (5).to_bytes(8, "little")
    path = desk.write_parquet("a.parquet", "SELECT unnest([-987654321, 5, 7, -987654321])::BIGINT AS n")
    content = path.read_bytes()
    begin = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[begin:]
    assert low in footer
    path.write_bytes(content[:begin] + footer.replace(low, high))
    (rule,) = broken(desk, sales=Dataset(path="a.parquet", columns={"n": Column(type="int", min=0)}))
    assert (rule.count, [one.row for one in rule.examples]) == (2, [1, 4])


def test_a_dataset_of_many_columns_is_counted_as_one_of_few(desk: Desk) -> None:
    names = [f"c{number}" for number in range(40)]
    row = ", ".join(f"CASE WHEN i = {number} THEN -1 ELSE i END AS {name}" for number, name in enumerate(names))
    desk.write_parquet("a.parquet", f"SELECT {row} FROM range(50) t(i)")
    columns = {name: Column(type="int", min=0, max=48, unique=True) for name in names}
    checks = (" + ".join(names) + " < 2000", "c1 = c39")
    found = broken(desk, sales=Dataset(path="a.parquet", columns=columns, checks=checks))
    assert [(rule.column, rule.rule, rule.count) for rule in found] == [
        *((name, f"{word}: {bound}", 1) for name in names for word, bound in (("min", 0), ("max", 48))),
        ("", f"checks: {checks[1]}", 2),
    ]
    assert [one.row for one in found[0].examples] == [1]
