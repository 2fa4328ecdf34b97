"""What a step returns comes back as it was, and equal values give equal bytes."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.artifacts.folder import FolderStore
from plimsoll.pipeline.codecs import frame_path, read_artifact, read_value, write_value
from plimsoll.pipeline.errors import NotAFrame, OutputUnsupported

Written = tuple[str, dict[str, bytes], Any]
Keep = Callable[[Any], Written]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Write a value and read it back: (codec, bytes by file name, what came back)."""
    number = iter(range(1000))

    def write(value: Any) -> Written:
        folder = tmp_path / str(next(number))
        folder.mkdir()
        codec = write_value(value, folder)
        return codec, {file.name: file.read_bytes() for file in folder.iterdir()}, read_value(folder)

    return write


def every_dtype() -> pd.DataFrame:
    """A column of each supported dtype, with missing values where it can hold them."""
    moments = pd.Series(
        pd.to_datetime(["2020-01-01", None, "2020-01-04 01:02:03.123456", "1700-01-01"], format="ISO8601")
    )
    return pd.DataFrame(
        {
            "int64": [1, 2, 3, -(2**63)],
            "int8": np.array([1, 2, 3, -128], dtype="int8"),
            "uint64": np.array([0, 1, 2, 2**64 - 1], dtype="uint64"),
            "float64": [1.5, np.nan, np.inf, -0.0],
            "float32": np.array([1, np.nan, 3, 4], dtype="float32"),
            "bool": [True, False, True, True],
            "str": pd.Series(["a", None, "", "é\x00"], dtype="str"),
            "string": pd.array(["a", None, "", "z"], dtype="string"),
            "text objects": pd.Series(["a", None, "", "z"], dtype=object),
            "text objects with nan": pd.Series(["a", np.nan, "", "z"], dtype=object),
            "truth objects": pd.Series([True, None, False, True], dtype=object),
            "nothing": pd.Series([None] * 4, dtype=object),
            "Int64 nullable": pd.array([1, None, 2**60 + 1, 4], dtype="Int64"),
            "UInt8": pd.array([1, None, 255, 4], dtype="UInt8"),
            "Float64 nullable": pd.array([1.5, None, 3, 4], dtype="Float64"),
            "boolean": pd.array([True, None, False, True], dtype="boolean"),
            "moments": moments,
            "nanoseconds": moments.astype("datetime64[ns]"),
            "seconds": moments.astype("datetime64[s]"),
            "in Paris": moments.dt.tz_localize("Europe/Paris"),
            "spans": pd.to_timedelta([1, None, 3, 4], unit="ns"),
            "categories": pd.Categorical(["x", None, "y", "x"], categories=["z", "y", "x"]),
            "ordered": pd.Categorical(["x", None, "y", "x"], categories=["y", "x"], ordered=True),
            "numbers as categories": pd.Categorical([3, None, 1, 3]),
            'a "quoted" name': [1, 2, 3, 4],
        }
    )


@pytest.mark.parametrize(
    "shaped",
    [
        lambda frame: frame,
        lambda frame: frame[::-1],
        lambda frame: frame.iloc[1:3],
        lambda frame: frame.iloc[:0],
        lambda frame: frame.sample(frac=1, random_state=1),
        lambda frame: frame.set_index("str"),
        lambda frame: frame.set_index(["str", "int64"]),
        lambda frame: frame.set_axis(pd.date_range("2020", periods=4, freq="D"), axis=0),
        lambda frame: frame.rename_axis(columns="fields"),
    ],
    ids=["plain", "reversed", "sliced", "empty", "shuffled", "text index", "two levels", "dates", "named columns"],
)
def test_a_frame_keeps_values_dtypes_order_and_index(keep: Keep, shaped: Callable[[pd.DataFrame], pd.DataFrame]):
    frame = shaped(every_dtype())
    codec, content, back = keep(frame)
    assert codec == "frame", content["codec.json"]
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert keep(shaped(every_dtype()))[1] == content


@pytest.mark.parametrize("column", list(every_dtype()))
def test_a_series_keeps_its_name_and_dtype(keep: Keep, column: str):
    codec, _, back = keep(every_dtype()[column])
    assert codec == "frame"
    pd.testing.assert_series_equal(back, every_dtype()[column])


def test_text_after_many_missing_values_is_still_text(keep: Keep):
    frame = pd.DataFrame({"late": pd.Series([None] * 5000 + ["x"], dtype=object)})
    codec, _, back = keep(frame)
    assert codec == "frame"
    pd.testing.assert_frame_equal(back, frame)


def test_many_rows_keep_their_order_and_give_the_same_bytes(keep: Keep):
    rows = 300_000  # more than two row groups
    frame = pd.DataFrame(
        {"row": np.random.default_rng(0).permutation(rows), "name": [f"r{n % 977}" for n in range(rows)]}
    )
    _, content, back = keep(frame)
    pd.testing.assert_frame_equal(back, frame)
    assert keep(frame.copy())[1]["value.parquet"] == content["value.parquet"]


@pytest.mark.parametrize(
    ("frame", "because"),
    [
        (pd.DataFrame({"A": [1], "a": [2]}), "same name"),
        (pd.DataFrame([[1]]), "column name 0 is not text"),
        (pd.DataFrame({"x": [dt.date(2020, 1, 1)]}), "holds Python objects (date)"),
        (pd.DataFrame({"x": pd.Series(["\ud800"], dtype=object)}), "surrogate"),
        (pd.DataFrame({"x": pd.cut([1, 2, 3], 2)}), "categories of the type interval"),
        (pd.DataFrame({"x": np.array([1], dtype="float16")}), "the type float16"),
        (pd.DataFrame(index=range(3)), "no columns"),
    ],
)
def test_a_frame_that_parquet_cannot_hold_comes_back_whole_and_says_why_it_is_no_table(
    keep: Keep, tmp_path: Path, frame: pd.DataFrame, because: str
):
    codec, content, back = keep(frame)
    assert codec == "pickle"
    pd.testing.assert_frame_equal(back, frame)
    assert set(content) == {"codec.json", "value.pkl"}
    artifacts = FolderStore(tmp_path / "artifacts")
    with pytest.raises(NotAFrame, match="is not kept as a table") as caught:
        frame_path(artifacts, artifacts.put_tree(tmp_path / "0"))
    assert because in str(caught.value)


def test_a_stored_frame_has_a_parquet_file_with_its_columns_and_not_its_index(tmp_path: Path):
    import duckdb

    folder = tmp_path / "value"
    folder.mkdir()
    frame = pd.DataFrame({"a": [1.0, np.nan]}, index=[7, 3])
    write_value(frame, folder)
    artifacts = FolderStore(tmp_path / "artifacts")
    digest = artifacts.put_tree(folder)
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT * FROM read_parquet($file)", {"file": str(frame_path(artifacts, digest))})
        assert rows.fetchall() == [(1.0,), (None,)]
    pd.testing.assert_frame_equal(read_artifact(artifacts, digest), frame)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.array(5),
        np.array(["a", "é"]),
        np.array(["2020", "NaT"], dtype="M8[s]"),
        np.empty((0, 3)),
    ],
)
def test_an_array_comes_back_and_its_memory_order_does_not_count(keep: Keep, array: np.ndarray[Any, Any]):
    codec, content, back = keep(array)
    assert codec == "array"
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert keep(np.asfortranarray(array).reshape(array.shape))[1] == content


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(value=plain)
def test_plain_values_come_back_with_their_types_and_the_order_of_their_keys(
    tmp_path_factory: pytest.TempPathFactory, value: Any
):
    folder = tmp_path_factory.mktemp("plain")
    write_value(value, folder)
    assert repr(read_value(folder)) == repr(value)


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, [np.float64(0.5)], {1, 2}, b"x", float("inf"), "\ud800"])
def test_what_json_would_change_is_pickled(keep: Keep, value: Any):
    codec, _, back = keep(value)
    assert codec == "pickle"
    assert (type(back), back) == (type(value), value)


def test_a_lambda_comes_back(keep: Keep):
    codec, _, back = keep(lambda number: number + 1)
    assert (codec, back(1)) == ("cloudpickle", 2)


def test_a_model_comes_back_and_gives_the_same_bytes(keep: Keep):
    from sklearn.linear_model import LogisticRegression

    def fitted() -> Any:
        return LogisticRegression().fit([[0.0], [1.0]], [0, 1])

    codec, content, back = keep(fitted())
    assert codec == "pickle"
    assert back.predict([[1.0]]) == [1]
    assert keep(fitted())[1] == content


@pytest.mark.parametrize("value", [threading.Lock(), (number for number in [1])], ids=["lock", "generator"])
def test_what_nothing_can_store_is_refused_by_its_type(tmp_path: Path, value: Any):
    with pytest.raises(OutputUnsupported, match=f"a value of type .*{type(value).__name__}.* cannot be stored: "):
        write_value(value, tmp_path)


def test_a_pickle_of_the_projects_own_class_is_a_new_output_when_its_maker_changes(tmp_path: Path):
    def header(maker: str, value: Any) -> bytes:
        folder = tmp_path / f"{maker}{type(value).__name__}"
        folder.mkdir()
        write_value(value, folder, own_modules=(__name__,), maker=maker)
        return (folder / "codec.json").read_bytes()

    assert header("key-1", OwnModel()) != header("key-2", OwnModel())
    assert header("key-1", {1}) == header("key-2", {1})


class OwnModel:
    """Stands for a class in a project's own module: its pickle holds its name and not its code."""
