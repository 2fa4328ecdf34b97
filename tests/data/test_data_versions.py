"""Datasets become versions: which files count, what a version's identity is, and what is not done twice."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.data import versions
from plimsoll.data.errors import VersionAmbiguous, VersionMissing
from plimsoll.data.operations import find_recorded, get_version, look_at_files
from plimsoll.edge.operations import perform
from plimsoll.kernel.clock import ManualClock
from plimsoll.project.entities import Column, Dataset

if TYPE_CHECKING:
    from conftest import Desk

TABLE = "id,amount\n1,2.5\n2,\n"


def test_a_file_is_a_version_with_rows_columns_and_a_copy_in_the_artifacts(desk: Desk) -> None:
    path = desk.write("data/sales.csv", TABLE)
    version = desk.resolve("data/sales.csv")
    assert version.rows == 2
    assert version.columns == (("id", "BIGINT"), ("amount", "DOUBLE"))
    assert [(entry.path, entry.size) for entry in version.files] == [("data/sales.csv", len(TABLE))]
    path.unlink()
    assert desk.frame(version)["id"].tolist() == [1, 2]


def test_the_files_of_a_glob_are_read_in_the_order_of_their_names(desk: Desk) -> None:
    for name, number in (("b", 2), ("a", 1), ("c", 3)):
        desk.write(f"data/{name}.csv", f"id\n{number}\n")
    version = desk.resolve("data/*.csv")
    assert [entry.path for entry in version.files] == ["data/a.csv", "data/b.csv", "data/c.csv"]
    assert desk.frame(version)["id"].tolist() == [1, 2, 3]


def test_a_folder_stands_for_the_tables_below_it_and_nothing_else(desk: Desk) -> None:
    desk.write("data/2026/a.csv", "id\n1\n")
    desk.write("data/2027/b.csv", "id\n2\n")
    for name in ("README.md", "_SUCCESS.csv", ".hidden.csv", ".tmp/x.csv"):
        desk.write(f"data/{name}", "not,a,table\n")
    assert [entry.path for entry in desk.resolve("data").files] == ["data/2026/a.csv", "data/2027/b.csv"]


def test_files_of_the_state_folder_never_count(desk: Desk) -> None:
    desk.write("a.csv", "id\n1\n")
    desk.write(".plimsoll/cache/b.csv", "id\n2\n")
    assert [entry.path for entry in desk.resolve("**/*.csv").files] == ["a.csv"]
    assert [entry.path for entry in desk.resolve("./").files] == ["a.csv"]


def test_a_file_outside_of_the_project_is_named_relative_to_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a.csv").write_text("id\n1\n")
    assert desk.resolve("../shared/a.csv").files[0].path == "../shared/a.csv"
    assert desk.resolve(str(tmp_path / "shared" / "*.csv")).files[0].path == "../shared/a.csv"


def test_a_folder_with_pattern_characters_in_its_name_is_taken_literally(tmp_path: Path, desk: Desk) -> None:
    root = tmp_path / "old [copy]*"
    (root / "data").mkdir(parents=True)
    (root / "data" / "a.csv").write_text("id\n1\n")
    version = desk.resolve_all({"sales": Dataset(path="data/*.csv")}, root=root)["sales"]
    assert version.rows == 1


def test_the_same_bytes_elsewhere_are_the_same_version(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    first = desk.resolve("a.csv")
    desk.write("moved/b.csv", TABLE)
    second = desk.resolve("moved/b.csv")
    assert second.digest == first.digest
    assert second.files[0].path == "moved/b.csv"
    assert desk.count("data_versions") == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"content": TABLE + "3,1\n"}, id="another row"),
        pytest.param({"columns": {"id": Column(type="string")}}, id="another type"),
        pytest.param({"missing": ("1",)}, id="another text for missing"),
    ],
)
def test_other_bytes_or_another_reading_is_another_version(desk: Desk, change: dict[str, object]) -> None:
    desk.write("a.csv", TABLE)
    before = desk.resolve("a.csv")
    desk.write("a.csv", str(change.pop("content", TABLE)))
    assert desk.resolve("a.csv", **change).digest != before.digest


def test_a_version_is_recorded_once_with_one_audit_event(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    version = desk.resolve("a.csv")
    desk.resolve("a.csv")
    desk.resolve("a.csv", {"id": Column(type="int", unique=True)})
    with desk.database.read() as transaction:
        events = transaction.all("SELECT action, subject, actor FROM audit_events")
    assert events == [
        {"action": "data_version_recorded", "subject": f"sales@{version.digest[:12]}", "actor": "ada"},
    ]


def test_unchanged_files_are_neither_read_nor_checked_again(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    desk.write("b.csv", TABLE)
    first = desk.resolve("*.csv")
    desk.seen.clear()
    assert desk.resolve("*.csv") == first
    assert desk.seen == []


def test_only_the_changed_file_is_read_again(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    desk.write("b.csv", TABLE)
    desk.resolve("*.csv")
    desk.write("b.csv", TABLE + "3,4\n")
    desk.seen.clear()
    assert desk.resolve("*.csv").rows == 5
    assert [(p.message, p.done, p.total) for p in desk.seen] == [
        ("sales: b.csv", 1, 1),
        ("sales: checking", None, None),
    ]


def test_a_change_that_keeps_size_and_modification_time_is_found(desk: Desk) -> None:
    path = desk.write("a.csv", "id\n1\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    desk.resolve("a.csv")
    path.write_bytes(b"id\n2\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert desk.frame(desk.resolve("a.csv"))["id"].tolist() == [2]


def test_a_file_changed_a_moment_ago_is_not_trusted(desk: Desk) -> None:
    changed = desk.write("a.csv", "id\n1\n").stat().st_mtime
    desk.clock = ManualClock(datetime.fromtimestamp(changed + 0.5, UTC))
    desk.resolve("a.csv")
    desk.seen.clear()
    desk.resolve("a.csv")
    assert [progress.message for progress in desk.seen] == ["sales: a.csv"]


def test_a_broken_or_deleted_cache_only_costs_time(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    first = desk.resolve("a.csv")
    cache = desk.workspace.cache / "data" / "sales.json"
    for content in ("{", "[1]", '{"a": 1}'):
        cache.write_text(content)
        assert desk.resolve("a.csv") == first
    cache.unlink()
    assert desk.resolve("a.csv") == first


def test_an_artifact_that_was_removed_is_kept_again(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    version = desk.resolve("a.csv")
    desk.context.artifacts.path(version.files[0].digest).unlink()
    assert desk.frame(desk.resolve("a.csv"))["id"].tolist() == [1, 2]


def test_two_files_with_the_same_content_count_twice(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    desk.write("b.csv", TABLE)
    version = desk.resolve("*.csv")
    assert version.rows == 4
    assert len(desk.frame(version)) == 4


def test_recorded_versions_are_listed_newest_first_and_found_by_digest(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    old = desk.resolve("a.csv")
    desk.clock.advance(timedelta(hours=1))
    desk.write("a.csv", TABLE + "3,1\n")
    new = desk.resolve("a.csv")
    listed = perform("data.list", {}, desk.context)
    assert [item["version"]["digest"] for item in listed] == [new.digest, old.digest]
    assert listed[0]["recorded_by"] == "ada"
    assert listed[0]["version"]["files"][0]["path"] == "a.csv"
    assert perform("data.list", {"dataset": "other"}, desk.context) == []
    assert get_version(desk.context, project="fraud", dataset="sales", digest=old.digest) == old
    assert get_version(desk.context, project="fraud", dataset="sales", digest="0" * 64) is None


def test_many_files_are_kept_in_parallel_and_in_order(desk: Desk) -> None:
    for number in range(60):
        desk.write(f"data/part-{number:03}.csv", f"id\n{number}\n")
    version = desk.resolve("data")
    assert desk.frame(version)["id"].tolist() == list(range(60))
    hashed = [p for p in desk.seen if p.total]
    assert [p.done for p in hashed] == list(range(1, 61))


def test_looking_at_the_files_tells_a_change_and_records_nothing(desk: Desk) -> None:
    desk.write("data/a.csv", "x\n1\n")
    desk.write("data/b.csv", "x\n2\n")
    dataset = Dataset(path="data/*.csv")
    version = desk.resolve(dataset.path)

    assert not look_at_files(desk.context, "sales", dataset, root=desk.root).differ_from(version)
    desk.write("data/c.csv", "x\n3\n")
    now = look_at_files(desk.context, "sales", dataset, root=desk.root)
    assert now.differ_from(version)
    assert [entry.path for entry in now.entries] == ["data/a.csv", "data/b.csv", "data/c.csv"]
    assert not desk.context.artifacts.has(now.entries[2].digest)
    (desk.root / "data/c.csv").unlink()
    assert not look_at_files(desk.context, "sales", dataset, root=desk.root).differ_from(version)


def test_a_look_reads_only_what_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("data/a.csv", "x\n1\n")
    desk.write("data/b.csv", "x\n2\n")
    dataset = Dataset(path="data/*.csv")
    desk.resolve(dataset.path)
    read: list[str] = []
    monkeypatch.setattr(versions, "digest_file", lambda path: read.append(path.name) or "0" * 64)

    look_at_files(desk.context, "sales", dataset, root=desk.root)
    assert read == []
    desk.write("data/b.csv", "x\n20\n")
    look_at_files(desk.context, "sales", dataset, root=desk.root)
    assert read == ["b.csv"]


def test_a_version_is_found_by_the_beginning_of_its_digest_or_as_the_newest(desk: Desk) -> None:
    desk.write("a.csv", TABLE)
    old = desk.resolve("a.csv")
    desk.clock.advance(timedelta(hours=1))
    desk.write("a.csv", TABLE + "3,1\n")
    new = desk.resolve("a.csv")

    def found(digest: str = "", back: int = 0) -> str:
        return find_recorded(desk.context, dataset="sales", digest=digest, back=back).version.digest

    assert (found(), found(back=1)) == (new.digest, old.digest)
    assert found(old.digest[:12]) == old.digest
    with pytest.raises(VersionMissing, match="2 of that dataset recorded, none so named"):
        found("zz")
    with pytest.raises(VersionMissing, match="2 of that dataset recorded, 3 needed"):
        found(back=2)


def test_a_beginning_that_two_versions_share_names_both(desk: Desk) -> None:
    digests = []
    for number in range(17):  # more versions than hexadecimal digits
        desk.write("a.csv", TABLE + f"{number},1\n")
        digests.append(desk.resolve("a.csv").digest)
    shared = next(digest for digest in digests if sum(other[0] == digest[0] for other in digests) > 1)
    with pytest.raises(VersionAmbiguous, match=shared[:12]):
        find_recorded(desk.context, dataset="sales", digest=shared[0])
