"""Column rules: what breaks them, how many rows, which rows; held to a plain-Python reading of the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.data.errors import CheckFailed
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    from conftest import Desk


def broken(desk: Desk, content: str, columns: dict[str, Column], **options: Any) -> dict[tuple[str, str], int]:
    """Column and rule -> how many rows break it."""
    desk.write("a.csv", content)
    try:
        desk.resolve("a.csv", columns, **options)
    except CheckFailed as error:
        return {(rule.column, rule.rule): rule.count for rule in error.broken}
    return {}


def test_rows_that_keep_every_rule_pass(desk: Desk) -> None:
    columns = {
        "id": Column(type="int", unique=True, nullable=False, min=1, max=3),
        "country": Column(type="string", in_=("GB", "FR")),
        "paid": Column(type="bool"),
        "at": Column(type="timestamp"),
        "day": Column(type="date"),
    }
    content = (
        "id,country,paid,at,day\n1,GB,yes,2026-01-02T03:04:05Z,2026-01-02\n2,FR,0,2026-01-02 03:04,2026-01-03\n3,,,,\n"
    )
    assert broken(desk, content, columns) == {}


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("int", ["0", "-7", "+7", "007", "3.0", "9223372036854775807"], ["1.5", "x", "1e3", "1_000", "0x1F", "9223372036854775808"]),
        ("float", ["0", ".5", "1.", "-1e-9", "inf", "nan"], ["1,5", "x", "1_0.5", "0x1F", "1.2.3"]),
        ("bool", ["true", "F", "yes", "0"], ["2", "maybe", "1.0"]),
        ("date", ["2026-02-28", "2026-02-28 00:00:00"], ["2026-02-30", "28.2.2026", "2026-02-28 10:00", "epoch"]),
        ("timestamp", ["2026-02-28", "2026-02-28T10:00:00.123456+02:00"], ["2026-02-28 25:00", "infinity", "now"]),
    ],
)  # fmt: skip
def test_a_value_that_is_not_written_as_its_type_says_breaks_the_rule(
    desk: Desk, type: Any, good: list[str], bad: list[str]
) -> None:
    content = "v\n" + "".join(f'"{value}"\n' for value in good + bad)
    assert broken(desk, content, {"v": Column(type=type)}) == {("v", f"type: {type}"): len(bad)}


@pytest.mark.parametrize(
    ("pattern", "bad"),
    [("[A-Z]{2}\\d+", ["xAB1", "AB1 x"]), ("AB1|AB22", ["xAB1", "AB1 x"]), ("AB\\d+.*", ["xAB1"]), ("'", ["AB1", "AB22", "xAB1", "AB1 x"])],
)  # fmt: skip
def test_a_pattern_must_match_the_whole_text_and_asks_nothing_of_a_missing_one(
    desk: Desk, pattern: str, bad: list[str]
) -> None:
    rules = {"code": Column(type="string", pattern=pattern)}
    content = "code,n\nAB1,1\nAB22,2\n,3\nxAB1,4\nAB1 x,5\n"
    assert broken(desk, content, rules) == {("code", f"pattern: {pattern}"): len(bad)}
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.csv", rules)
    assert [row.values["code"] for row in caught.value.broken[0].examples] == bad[:3]


def test_a_new_pattern_has_the_same_bytes_checked_again(desk: Desk) -> None:
    assert broken(desk, "code\nAB1\n", {"code": Column(type="string", pattern="AB.")}) == {}
    assert broken(desk, "code\nAB1\n", {"code": Column(type="string", pattern="AB")}) == {("code", "pattern: AB"): 1}


def test_every_broken_rule_of_every_column_and_dataset_is_told_at_once(desk: Desk) -> None:
    desk.write("a.csv", "id,amount\n1,-5\n1,\n2,900\n")
    desk.write("b.csv", "name\nx\ny\n")
    rules = {
        "id": Column(type="int", unique=True),
        "amount": Column(type="float", nullable=False, min=0, max=100, in_=(900.0,)),
    }
    with pytest.raises(CheckFailed) as caught:
        desk.resolve_all(
            {
                "sales": Dataset(path="a.csv", columns=rules),
                "people": Dataset(path="b.csv", columns={"name": Column(type="string", in_=("x",))}),
            }
        )
    assert [(rule.dataset, rule.column, rule.rule, rule.count) for rule in caught.value.broken] == [
        ("sales", "id", "unique: true", 1),
        ("sales", "amount", "nullable: false", 1),
        ("sales", "amount", "min: 0", 1),
        ("sales", "amount", "max: 100", 1),
        ("sales", "amount", "in: [900]", 1),
        ("people", "name", "in: [x]", 1),
    ]


def test_nothing_is_recorded_when_a_check_fails_and_the_next_good_state_is(desk: Desk) -> None:
    rules = {"id": Column(type="int", min=1)}
    assert broken(desk, "id\n0\n", rules)
    assert desk.count("data_versions") == desk.count("data_checks") == desk.count("audit_events") == 0
    assert broken(desk, "id\n0\n", rules), "a failed check is not remembered as passed"
    assert broken(desk, "id\n1\n", rules) == {}
    assert desk.count("data_versions") == desk.count("data_checks") == desk.count("audit_events") == 1


def test_one_good_dataset_is_not_recorded_beside_a_bad_one(desk: Desk) -> None:
    desk.write("a.csv", "id\n1\n")
    with pytest.raises(CheckFailed):
        desk.resolve_all(
            {"good": Dataset(path="a.csv"), "bad": Dataset(path="a.csv", columns={"id": Column(type="int", min=2)})}
        )
    assert desk.count("data_versions") == 0


def test_a_stricter_rule_on_known_bytes_is_checked(desk: Desk) -> None:
    desk.write("a.csv", "id\n1\n1\n")
    desk.resolve("a.csv", {"id": Column(type="int")})
    with pytest.raises(CheckFailed):
        desk.resolve("a.csv", {"id": Column(type="int", unique=True)})


def test_missing_values_break_only_nullable(desk: Desk) -> None:
    columns = {"v": Column(type="int", nullable=False, min=1, in_=(1, 2), unique=True)}
    content = 'v,w\n1,a\n,a\n"",a\n" ",a\n?,a\n'
    assert broken(desk, content, columns, missing=("?",)) == {("v", "nullable: false"): 4}


def test_nan_is_a_missing_value(desk: Desk) -> None:
    assert broken(desk, "v\nnan\n1\n", {"v": Column(type="float", nullable=False)}) == {("v", "nullable: false"): 1}
    desk.write_parquet("a.parquet", "SELECT unnest(['nan'::DOUBLE, NULL, 1.0]) AS v")
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.parquet", {"v": Column(type="float", nullable=False, max=5)})
    assert [(rule.rule, rule.count) for rule in caught.value.broken] == [("nullable: false", 2)]


def test_a_missing_column_names_the_most_similar_one(desk: Desk) -> None:
    desk.write("a.csv", "amount,when\n1,2\n")
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.csv", {"amuont": Column(type="float")}, time="wen", key="zzz")
    assert [(rule.column, rule.rule, rule.nearest) for rule in caught.value.broken] == [
        ("amuont", "exists", "amount"),
        ("wen", "exists", "when"),
        ("zzz", "exists", ""),
    ]


def test_examples_are_the_first_rows_with_their_file_and_number(desk: Desk) -> None:
    desk.write("a.csv", "id,v\n1,5\n2,-1\n")
    desk.write("b.csv", "id,v\n3,-2\n4,5\n5,-3\n6,-4\n")
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("*.csv", {"v": Column(type="int", min=0)})
    (rule,) = caught.value.broken
    assert (rule.count, rule.rows) == (4, 6)
    assert [(example.file, example.row, example.values) for example in rule.examples] == [
        ("a.csv", 2, {"id": "2", "v": "-1"}),
        ("b.csv", 1, {"id": "3", "v": "-2"}),
        ("b.csv", 3, {"id": "5", "v": "-3"}),
    ]


def test_examples_of_repeated_values_stand_together(desk: Desk) -> None:
    desk.write("a.csv", "id\n7\n1\n7\n2\n7\n")
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.csv", {"id": Column(type="int", unique=True)})
    assert [example.row for example in caught.value.broken[0].examples] == [1, 3, 5]
    assert caught.value.broken[0].count == 2


def test_column_names_and_values_with_quotes_are_only_text(desk: Desk) -> None:
    desk.write("a.csv", '"a ""b\'",row,file,value x\n1,2,3,4\n')
    columns = {
        "a \"b'": Column(type="string", in_=("o'clock", '"')),
        "row": Column(type="int", max=1),
        "file": Column(type="int", max=1),
        "value x": Column(type="int", max=1),
    }
    with pytest.raises(CheckFailed) as caught:
        desk.resolve("a.csv", columns)
    assert [rule.column for rule in caught.value.broken] == ["a \"b'", "row", "file", "value x"]
    assert caught.value.broken[1].examples[0].values == {"a \"b'": "1", "row": "2", "file": "3", "value x": "4"}


@pytest.mark.parametrize(
    ("select", "column", "breaks"),
    [
        ("1::TINYINT AS v", Column(type="int"), False),
        ("1 AS v", Column(type="float"), False),
        ("1.5::DECIMAL(9, 2) AS v", Column(type="float", max=2), False),
        ("3.0::DOUBLE AS v", Column(type="int"), False),
        ("3.5::DOUBLE AS v", Column(type="int"), True),
        ("'3' AS v", Column(type="int"), False),
        ("'x' AS v", Column(type="int"), True),
        ("3 AS v", Column(type="string"), True),
        ("1 AS v", Column(type="bool"), False),
        ("2 AS v", Column(type="bool"), True),
        ("TIMESTAMP '2026-01-02 00:00:00' AS v", Column(type="date"), False),
        ("TIMESTAMP '2026-01-02 00:00:01' AS v", Column(type="date"), True),
        ("DATE '2026-01-02' AS v", Column(type="timestamp"), False),
        ("TIMESTAMPTZ '2026-01-02 00:00:00+02' AS v", Column(type="timestamp"), False),
        ("1.5 AS v", Column(type="timestamp"), True),
    ],
)
def test_parquet_columns_are_held_to_the_declared_type_by_value(
    desk: Desk, select: str, column: Column, *, breaks: bool
) -> None:
    desk.write_parquet("a.parquet", f"SELECT {select}")
    if breaks:
        with pytest.raises(CheckFailed) as caught:
            desk.resolve("a.parquet", {"v": column})
        assert [rule.rule for rule in caught.value.broken] == [f"type: {column.type}"]
    else:
        assert desk.frame(desk.resolve("a.parquet", {"v": column})).notna().all().all()


cells = st.one_of(st.none(), st.integers(-3, 3).map(str), st.sampled_from(["x", "1.5", "?"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(cells, min_size=1, max_size=12), low=st.integers(-2, 2), data=st.data())
def test_counts_equal_those_of_a_loop_over_the_rows(
    desk: Desk, values: list[str | None], low: int, data: st.DataObject
) -> None:
    allowed = data.draw(st.lists(st.integers(-3, 3), max_size=3, unique=True))
    column = Column(type="int", nullable=False, unique=True, min=low, in_=tuple(allowed))
    content = "id,v\n" + "".join(f"{number},{'' if value is None else value}\n" for number, value in enumerate(values))
    present = [value for value in values if value not in (None, "?")]
    numbers = [int(value) for value in present if value.lstrip("-").isdigit()]
    expected = {
        "type: int": len(present) - len(numbers),
        "nullable: false": len(values) - len(present),
        f"min: {low}": sum(number < low for number in numbers),
        f"in: [{', '.join(map(str, allowed))}]": sum(number not in allowed for number in numbers),
        "unique: true": len(numbers) - len(set(numbers)),
    }
    found = broken(desk, content, {"v": column}, missing=("?",))
    assert found == {("v", rule): count for rule, count in expected.items() if count}
