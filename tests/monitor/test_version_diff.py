"""Two data versions held against each other: what came, what went, and which values moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll.artifacts.folder import ArtifactMissing, FolderStore
from plimsoll.data.entities import DataVersion, FileEntry
from plimsoll.data.versions import make_version
from plimsoll.monitor.version_diff import Changed, changes_between, diff_versions

AMOUNTS = ("amount", "DOUBLE"), ("channel", "VARCHAR")


def a_version(store: FolderStore, files: dict[str, str], columns=AMOUNTS) -> DataVersion:
    entries = tuple(
        FileEntry(path=name, digest=store.put_bytes(text.encode()), size=len(text)) for name, text in files.items()
    )
    rows = sum(text.count("\n") - 1 for text in files.values())
    return make_version("sales", format="csv", files=entries, rows=rows, columns=columns, delimiter=",", missing=())


def some_rows(*, moved: float = 0.0, header: str = "amount,channel") -> str:
    lines = [f"{(i * 37 % 1000) / 10 + moved},{'shop' if i % 3 else 'online'}" for i in range(2000)]
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_a_version_does_not_differ_from_itself(store: FolderStore):
    version = a_version(store, {"a.csv": some_rows()})
    found = diff_versions(version, version, store)
    assert (found.same, found.distributions, found.told) == (True, (), "nothing differs")


def test_a_column_that_moved_comes_first_with_its_reason(store: FolderStore):
    before = a_version(store, {"a.csv": some_rows(), "b.csv": some_rows()})
    after = a_version(store, {"a.csv": some_rows(), "c.csv": some_rows(moved=80)})

    found = diff_versions(before, after, store)

    assert (found.files.added, found.files.removed, found.files.changed) == (("c.csv",), ("b.csv",), ())
    assert [(one.column, one.verdict) for one in found.distributions] == [("amount", "drift"), ("channel", "no drift")]
    assert found.told == "drift in 1 of 2 columns"
    assert found.reasons[0].startswith("amount: ")
    assert found.distributions[0].shape_before != found.distributions[0].shape_after


def test_columns_that_came_went_or_hold_something_else_are_told_and_not_compared(store: FolderStore):
    before = a_version(store, {"a.csv": some_rows()})
    other = "amount,place\n" + "".join(f"{'high' if i % 2 else 'low'},x\n" for i in range(50))
    after = a_version(store, {"a.csv": other}, (("amount", "VARCHAR"), ("place", "VARCHAR")))

    found = diff_versions(before, after, store)

    assert (found.columns.added, found.columns.removed) == (("place",), ("channel",))
    assert found.columns.changed == (Changed(name="amount", before="DOUBLE", after="VARCHAR"),)
    assert [(one.column, one.because) for one in found.left_out] == [("amount", "DOUBLE before, VARCHAR after")]
    assert (found.distributions, found.told) == ((), "no column could be compared")


def test_whole_numbers_that_became_fractions_are_compared(store: FolderStore):
    whole = "amount,channel\n" + "".join(f"{i % 100},shop\n" for i in range(2000))
    before = a_version(store, {"a.csv": whole}, (("amount", "BIGINT"), ("channel", "VARCHAR")))

    found = diff_versions(before, a_version(store, {"a.csv": some_rows()}), store)

    assert [one.name for one in found.columns.changed] == ["amount"]
    assert {one.column for one in found.distributions} == {"amount", "channel"}
    assert found.left_out == ()


def test_a_version_whose_bytes_are_gone_says_so(store: FolderStore):
    before = a_version(store, {"a.csv": some_rows()})
    gone = replace(before, digest="0" * 64, files=(replace(before.files[0], digest="0" * 64),))
    with pytest.raises(ArtifactMissing):
        diff_versions(before, gone, store)


def test_changes_keep_their_order():
    found = changes_between({"b": "1", "a": "1", "c": "1"}, {"z": "1", "a": "2", "y": "1", "c": "1"})
    assert (found.added, found.removed) == (("z", "y"), ("b",))
    assert found.changed == (Changed(name="a", before="1", after="2"),)
