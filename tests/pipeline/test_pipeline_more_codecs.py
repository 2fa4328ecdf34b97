"""Polars, Arrow, numpy, boosters, paths and yielded frames come back, with the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.pipeline_case import make_case

from plimsoll.artifacts.folder import FolderStore
from plimsoll.pipeline.codecs import frame_path, read_artifact, write_value
from plimsoll.pipeline.errors import OutputUnsupported

MAKE = """
import sys, tempfile
from pathlib import Path
import numpy as np
from plimsoll.pipeline.codecs import write_value
from plimsoll.artifacts.folder import FolderStore
x = np.random.default_rng(0).normal(size=(60, 3))
y = (x[:, 0] > 0).astype(int)
{code}
top = Path(tempfile.mkdtemp(dir={place!r}))
folder = top / "value"
folder.mkdir()
print(write_value(value, folder), FolderStore(top / "artifacts").put_tree(folder))
"""

VALUES = {
    "frame": "import pandas as pd; value = pd.DataFrame({'b': x[:, 0], 'a': list('xyz') * 20})",
    "polars": "import polars as pl; value = pl.DataFrame({'b': x[:, 0], 'a': list('xyz') * 20},"
    " schema_overrides={'a': pl.Categorical})",
    "arrow": "import pyarrow as pa; value = pa.table({'b': x[:, 0], 'a': pa.array(list('xyz') * 20).dictionary_encode()})",
    "array": "value = x",
    "arrays": "value = {'x': x, 'y': y, 'mean': x.mean()}",
    "json": "value = {'b': 1, 'a': ['é', None, 0.5]}",
    "xgboost": "import xgboost; value = xgboost.train({'nthread': 1}, xgboost.DMatrix(x, y), 3)",
    "lightgbm": "import lightgbm; value = lightgbm.train({'num_threads': 1, 'verbose': -1}, lightgbm.Dataset(x, y), 3)",
    "path": "value = Path(tempfile.mkdtemp()) / 'note.txt'; value.write_text('hello')",
    "pickle: scikit-learn": "from sklearn.ensemble import RandomForestClassifier;"
    " value = RandomForestClassifier(3, random_state=0).fit(x, y)",
    "pickle: XGBoost": "import xgboost; value = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(x, y)",
    "pickle: LightGBM": "import lightgbm; value = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(x, y)",
}


@pytest.mark.parametrize("codec", VALUES)
def test_the_same_value_has_the_same_digest_in_two_processes(tmp_path: Path, codec: str):
    code = MAKE.format(code=VALUES[codec], place=str(tmp_path))
    lines = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            text=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert lines[0] == lines[1]
    assert lines[0].split()[0] == codec.partition(":")[0]


def stored(value: Any, top: Path) -> tuple[str, str, FolderStore]:
    """The codec's name, the digest and where it lies."""
    artifacts = FolderStore(top / "artifacts")
    folder = top / "value"
    folder.mkdir(parents=True)
    codec = write_value(value, folder)
    return codec, artifacts.put_tree(folder), artifacts


def back(value: Any, top: Path) -> Any:
    _, digest, artifacts = stored(value, top)
    return read_artifact(artifacts, digest, into=top / "into")


POLARS = pl.DataFrame(
    {
        "n": [1, None, 3],
        "t": ["a", None, "é"],
        "c": pl.Series(["x", "y", None], dtype=pl.Categorical),
        "e": pl.Series(["x", "y", None], dtype=pl.Enum(["y", "x"])),
        "when": pl.Series([1, None, 3], dtype=pl.Datetime("us", "Europe/Paris")),
        "span": pl.Series([1, None, 3], dtype=pl.Duration("ms")),
        "many": [[1, 2], [], None],
    }
)


def test_polars_comes_back_as_its_kind(tmp_path: Path):
    frame = back(POLARS, tmp_path / "frame")
    assert frame.schema == POLARS.schema
    assert frame.equals(POLARS)
    series = back(POLARS["e"], tmp_path / "series")
    assert (series.name, series.dtype, series.equals(POLARS["e"])) == ("e", POLARS["e"].dtype, True)
    lazy = back(POLARS.lazy(), tmp_path / "lazy")
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(POLARS)


ARROW = pa.table({"n": [1, None], "d": pa.array(["x", "y"]).dictionary_encode(), "l": [[1], None]})


def test_arrow_comes_back_as_its_kind(tmp_path: Path):
    assert back(ARROW, tmp_path / "table").equals(ARROW, check_metadata=True)
    batch = ARROW.to_batches()[0]
    again = back(batch, tmp_path / "batch")
    assert isinstance(again, pa.RecordBatch)
    assert again.equals(batch)


def test_a_table_of_polars_or_arrow_is_a_parquet_file_for_everyone(tmp_path: Path):
    for name, table in {"polars": POLARS, "arrow": ARROW}.items():
        _, digest, artifacts = stored(table, tmp_path / name)
        assert len(pd.read_parquet(frame_path(artifacts, digest))) == len(table)


def test_numbers_and_mappings_of_arrays_come_back_with_their_types(tmp_path: Path):
    assert type(back(np.float32(0.5), tmp_path / "single")) is np.float32
    arrays = back({"b": np.arange(3), "a": np.int8(4)}, tmp_path / "arrays")
    assert list(arrays) == ["b", "a"]
    assert type(arrays["a"]) is np.int8
    np.testing.assert_array_equal(arrays["b"], np.arange(3))


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-9, 9), st.text(max_size=3)), min_size=1, max_size=9), data=st.data())
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_yielded_frames_have_the_digest_of_one_frame_however_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, library: str, rows: list[tuple[int, str]], data: st.DataObject
):
    cut = data.draw(st.integers(0, len(rows)))
    columns = {"n": [n for n, _ in rows], "t": [t.replace("\x00", "") for _, t in rows]}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[library]
    whole: Any = make(columns)
    parts = [whole[:cut], whole[cut:]]
    top = tmp_path_factory.mktemp("cut")
    assert stored((part for part in parts), top / "cut")[:2] == stored(whole, top / "whole")[:2]


def test_what_is_yielded_must_be_frames_that_join(tmp_path: Path):
    def refused(values: Iterator[Any], name: str) -> str:
        with pytest.raises(OutputUnsupported) as caught:
            stored(values, tmp_path / name)
        return str(caught.value)

    one, other = pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})
    assert "it yields int as number 1" in refused((n for n in [1]), "int")
    assert "it yields nothing" in refused((n for n in []), "nothing")
    assert "differ in name" in refused((frame for frame in [one, other]), "columns")
    assert "reset_index" in refused((frame for frame in [one.set_index("a").assign(b=1)]), "index")


def test_a_path_comes_back_as_a_read_only_copy(tmp_path: Path):
    source = tmp_path / "made" / "words.txt"
    source.parent.mkdir()
    source.write_text("hello")
    file = back(source, tmp_path / "file")
    assert (file.name, file.read_text(), file.stat().st_mode & 0o222) == ("words.txt", "hello", 0)
    folder = back(source.parent, tmp_path / "folder")
    assert (folder.name, (folder / "words.txt").read_text()) == ("made", "hello")
    with pytest.raises(OutputUnsupported, match="there is no file or folder"):
        stored(tmp_path / "absent", tmp_path / "absent-value")


STEPS = """
from pathlib import Path
import pandas as pd


def batches():
    for start in (0, 2):
        yield pd.DataFrame({"n": [start, start + 1]})


def note(batches):
    Path("note.txt").write_text(str(batches.n.sum()))
    return Path("note.txt")


def text(note):
    return note.read_text()


def made():
    return lambda: 1
"""


def test_a_run_hands_tables_and_paths_on_and_warns_of_cloudpickle(tmp_path: Path):
    case = make_case(tmp_path / "tiny", STEPS, "")
    run = case.run()
    assert case.value(run, "text") == "6"
    warnings = [message.message for message in case.messages if message.stays]
    assert warnings == [
        "made: warning: the output made, of type function, is kept by cloudpickle: equal values may get different digests"
    ]


def test_boosters_predict_as_before(tmp_path: Path):
    import lightgbm
    import xgboost

    x = np.random.default_rng(0).normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    rows = xgboost.DMatrix(x)
    trees = xgboost.train({"nthread": 1, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 3)
    np.testing.assert_array_equal(back(trees, tmp_path / "xgboost").predict(rows), trees.predict(rows))
    leaves = lightgbm.train({"num_threads": 1, "verbose": -1}, lightgbm.Dataset(x, y), 3)
    np.testing.assert_array_equal(back(leaves, tmp_path / "lightgbm").predict(x), leaves.predict(x))


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_many_yielded_rows_have_the_digest_of_one_frame(tmp_path: Path, make: Any):
    whole = make({"n": np.arange(300_000), "t": [f"r{n % 977}" for n in range(300_000)]})  # three row groups
    parts = (whole[start : start + 70_000] for start in range(0, 300_000, 70_000))
    assert stored(parts, tmp_path / "cut")[:2] == stored(whole, tmp_path / "whole")[:2]
