"""A check that is killed, or finds no room, leaves nothing behind that says the data is good."""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from tests.stories.workspace import ProjectFolder

from plimsoll.artifacts.folder import ArtifactStoreFull, FolderStore
from plimsoll.data import checking
from plimsoll.data.errors import NoRoom, Unreadable
from plimsoll.project.entities import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Desk

UNIQUE = {"name": Column(type="string", unique=True)}


def recorded(desk: Desk) -> tuple[int, ...]:
    return tuple(desk.count(table) for table in ("data_versions", "data_checks", "audit_events"))


def test_no_room_to_put_values_aside_is_told_as_that_and_not_as_a_bad_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write_parquet("a.parquet", "SELECT 'a text of some length ' || i AS name FROM range(2000000) t(i)")
    opened = checking._engine

    @contextmanager
    def small() -> Iterator[duckdb.DuckDBPyConnection]:
        with opened() as connection:
            connection.execute("SET max_temp_directory_size = '1MiB'")
            yield connection

    with monkeypatch.context() as patched:
        patched.setattr(checking, "_MEMORY_MIB", 64)
        patched.setattr(checking, "_engine", small)
        with pytest.raises(NoRoom, match=r"^Dataset sales cannot be read to its end: failed to") as caught:
            desk.resolve("a.parquet", UNIQUE)
    assert "TMPDIR" in caught.value.advice
    assert recorded(desk) == (0, 0, 0)
    assert desk.resolve("a.parquet", UNIQUE).rows == 2_000_000


def test_no_room_for_the_copy_records_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.csv", "name\nx\n")

    def full(self: FolderStore, source: Path) -> str:
        raise ArtifactStoreFull(store="artifacts", problem=os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "put_file", full)
        with pytest.raises(ArtifactStoreFull):
            desk.resolve("a.csv", UNIQUE)
    assert recorded(desk) == (0, 0, 0)
    assert desk.resolve("a.csv", UNIQUE).rows == 1


def test_pages_of_a_parquet_file_that_cannot_be_unpacked_are_told(desk: Desk) -> None:
    path = desk.write_parquet("a.parquet", "SELECT hash(i)::VARCHAR AS name FROM range(20000) t(i)")
    content = bytearray(path.read_bytes())
    content[200:4000] = bytes(3800)
    path.write_bytes(bytes(content))
    with pytest.raises(Unreadable, match=r"a\.parquet cannot be read"):
        desk.resolve("a.parquet", UNIQUE)
    assert recorded(desk) == (0, 0, 0)


@pytest.mark.timeout(120)
def test_a_check_that_is_killed_is_no_passed_check(tmp_path: Path) -> None:
    rules = "{type: int, unique: true}"
    (tmp_path / "plimsoll.yaml").write_text(
        f"project: shop\ncode: steps.py\ndata:\n  rows:\n    path: rows.csv\n    columns: {{id: {rules}}}\n"
    )
    (tmp_path / "steps.py").write_text("def count(rows):\n    return len(rows)\n")
    duckdb.sql(
        f"COPY (SELECT i AS id, i * 7 AS other, 'text' AS note FROM range(2000000) t(i)) TO '{tmp_path}/rows.csv'"
    )
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("1999999,0,a second time\n")
    project = ProjectFolder(tmp_path)
    run = project.start("run", log=tmp_path / "run.log")
    wait_for_copy(tmp_path / ".plimsoll", (tmp_path / "rows.csv").stat().st_size, run)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait(30) == -signal.SIGKILL
    assert project.ask("data") == []
    told = project.plimsoll("run", expect=1).err
    assert "id, unique: true: 1 of 2,000,001 rows" in told
    assert project.ask("data") == []


def wait_for_copy(state: Path, size: int, run: Any) -> None:
    """Until the artifacts hold the whole file; the check begins then, and takes a while."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert run.poll() is None, "the run ended before it was killed"
        for file in state.rglob("*"):
            if file.is_file() and file.stat().st_size == size and "artifacts" in file.parts:
                return
        time.sleep(0.01)
    pytest.fail("the data was never copied")
