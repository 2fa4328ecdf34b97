"""Raw columns become frames of exact dtypes, or one error that names every problem."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.bundle.columns import cast_rows, infer_fields
from plimsoll.bundle.entities import Field
from plimsoll.bundle.errors import BadHoldout, BadRows


def cast(kind, values, *, nullable=True, dtype=object):
    column = values if isinstance(values, pd.Series) else pd.Series(values, dtype=dtype)
    return cast_rows(pd.DataFrame({"x": column}), [Field(name="x", type=kind, nullable=nullable)])["x"]


@pytest.mark.parametrize(
    ("kind", "values", "dtype", "expected"),
    [
        ("int", [1, 2], "int64", [1, 2]),
        ("int", [1.0, 2.0], "int64", [1, 2]),
        ("int", [1, None], "float64", [1.0, np.nan]),
        ("int", pd.Series([1, 2], dtype="Int32"), "int64", [1, 2]),
        ("int", pd.Series([1, None], dtype="Int32"), "float64", [1.0, np.nan]),
        ("int", pd.Series([1.0, np.nan]), "float64", [1.0, np.nan]),
        ("int", pd.Series([1, 2], dtype="uint8"), "int64", [1, 2]),
        ("float", [1, 2.5], "float64", [1.0, 2.5]),
        ("float", [None, 2.5], "float64", [np.nan, 2.5]),
        ("float", pd.Series([1, 2]), "float64", [1.0, 2.0]),
        ("float", pd.Series([1, None], dtype="Float64"), "float64", [1.0, np.nan]),
        ("string", ["a", None], "str", ["a", np.nan]),
        ("string", pd.Series(["a", None], dtype="string"), "str", ["a", np.nan]),
        ("string", pd.Series(["a", None], dtype="category"), "str", ["a", np.nan]),
        ("bool", [True, None], "object", [True, np.nan]),
        ("bool", pd.Series([True, None], dtype="boolean"), "object", [True, np.nan]),
        ("bool", [True, False], "object", [True, False]),
        ("timestamp", ["2026-01-02T03:04:05Z", None], "datetime64[us]", ["2026-01-02T03:04:05", None]),
        ("timestamp", ["2026-01-02T03:04:05+02:00"], "datetime64[us]", ["2026-01-02T01:04:05"]),
        ("timestamp", ["2026-01-02"], "datetime64[us]", ["2026-01-02"]),
        ("timestamp", [datetime(2026, 1, 2, tzinfo=UTC)], "datetime64[us]", ["2026-01-02"]),
        ("timestamp", pd.to_datetime(pd.Series(["2026-01-02 03:00+02:00"])), "datetime64[us]", ["2026-01-02T01:00"]),
        ("date", ["2026-01-02", date(2026, 1, 3)], "datetime64[us]", ["2026-01-02", "2026-01-03"]),
    ],
)
def test_values_are_cast_to_the_dtype_of_their_field(kind, values, dtype, expected):
    found = cast(kind, values)

    assert str(found.dtype) == dtype
    wanted = pd.Series(expected, dtype=dtype, name="x")
    pd.testing.assert_series_equal(found, wanted)


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        ("int", [1, "2"], "'2' in row 1, expected int"),
        ("int", [1.5], "1.5 in row 0"),
        ("int", pd.Series([1.0, 2.5]), "2.5 in row 1"),
        ("int", [True], "True in row 0"),
        ("int", [2**70], "in row 0, expected int"),
        ("int", pd.Series([True]), "True in row 0"),
        ("float", ["1.0"], "'1.0' in row 0, expected float"),
        ("float", [True], "True in row 0"),
        ("string", [1], "1 in row 0, expected string"),
        ("string", [b"x"], "expected string"),
        ("bool", [1], "1 in row 0, expected bool"),
        ("bool", ["true"], "'true' in row 0"),
        ("timestamp", [1700000000], "1700000000 in row 0, expected timestamp"),
        ("timestamp", ["yesterday"], "'yesterday' in row 0"),
        ("date", ["2026-01-02T03:00"], "expected date"),
    ],
)
def test_values_of_another_type_are_refused_not_converted(kind, values, says):
    with pytest.raises(BadRows) as caught:
        cast(kind, values)
    assert says in str(caught.value)


@pytest.mark.parametrize("kind", ["int", "float", "string", "bool", "timestamp", "date"])
@pytest.mark.parametrize("dtype", [object, None])
def test_a_null_is_refused_where_the_field_has_none(kind, dtype):
    values = {"int": 1, "float": 1.5, "string": "a", "bool": True, "timestamp": "2026-01-02", "date": "2026-01-02"}
    with pytest.raises(BadRows, match="x is null in row 1, and may not be"):
        cast(kind, [values[kind], None], nullable=False, dtype=dtype)


def test_a_bool_without_nulls_is_a_plain_bool():
    assert cast("bool", [True, False], nullable=False).dtype == np.bool_
    assert cast("bool", pd.Series([True, False]), nullable=False).dtype == np.bool_


def test_every_problem_is_named_in_one_error_with_what_is_expected():
    fields = [
        Field(name="amount", type="float", nullable=False),
        Field(name="country", type="string"),
        Field(name="age", type="int", nullable=False),
    ]
    with pytest.raises(BadRows) as caught:
        cast_rows(pd.DataFrame({"amuont": [1.0], "country": [7], "age": ["x"]}), fields)

    assert caught.value.facts["problems"] == [
        "the column amount is missing (there is amuont)",
        "country holds 7 in row 0, expected string",
        "age holds 'x' in row 0, expected int",
    ]
    assert "amount (float), country (string, may be null), age (int)" in caught.value.advice


def test_the_order_of_columns_their_index_and_further_columns_do_not_matter():
    fields = [Field(name="a", type="int"), Field(name="b", type="string")]
    rows = pd.DataFrame({"z": [0, 0], "b": ["x", "y"], "a": [1, 2]}, index=[7, 3])

    found = cast_rows(rows, fields)

    pd.testing.assert_frame_equal(found, pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))


def test_a_column_that_occurs_twice_is_a_problem():
    rows = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(BadRows, match="occurs twice"):
        cast_rows(rows, [Field(name="a", type="int")])
    with pytest.raises(BadHoldout, match="occurs twice"):
        infer_fields(rows, ["a"])


def test_fields_are_read_from_the_frame():
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [1.0, 2.0],
            "i_null": pd.Series([1, None], dtype="Int64"),
            "s": ["a", None],
            "s_object": pd.Series(["a", None], dtype=object),
            "s_category": pd.Series(["a", "b"], dtype="category"),
            "b": [True, False],
            "b_null": pd.Series([True, None], dtype="boolean"),
            "t": pd.to_datetime(["2026-01-01", None]),
            "d": pd.Series([date(2026, 1, 1), date(2026, 1, 2)], dtype=object),
        }
    )
    found = {field.name: (field.type, field.nullable) for field in infer_fields(frame, frame.columns)}
    assert found == {
        "i": ("int", False),
        "f": ("float", False),
        "i_null": ("float", True),
        "s": ("string", True),
        "s_object": ("string", True),
        "s_category": ("string", False),
        "b": ("bool", False),
        "b_null": ("bool", True),
        "t": ("timestamp", True),
        "d": ("date", False),
    }


def test_columns_without_a_supported_type_are_all_named():
    frame = pd.DataFrame({"l": [[1], [2]], "m": [1, "a"], "n": [None, None], "amount": [1, 2]}).astype({"n": object})
    with pytest.raises(BadHoldout) as caught:
        infer_fields(frame, ["l", "m", "n", "amuont"])
    problems = caught.value.facts["problems"]
    assert len(problems) == 4
    assert "only nulls" in problems[2]
    assert "did you mean amount?" in problems[3]


VALUES = {
    "int": st.integers(-(2**53), 2**53),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(),
    "bool": st.booleans(),
    "timestamp": st.datetimes(),
}


@given(st.data())
def test_a_frame_cast_twice_is_the_frame_cast_once(data):
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    values = data.draw(st.lists(st.none() | VALUES[kind], max_size=5))
    field = Field(name="x", type=kind, nullable=True)

    once = cast_rows(pd.DataFrame({"x": pd.Series(values, dtype=object)}), [field])

    pd.testing.assert_frame_equal(cast_rows(once, [field]), once)
    assert list(once["x"].isna()) == [value is None for value in values]
