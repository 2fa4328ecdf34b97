"""A replay works in a copy: the commit's code, links to the past, nothing of the time to come, and the project untouched."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import duckdb
import pytest

from plimsoll.project.git import read_commit
from plimsoll.project.load import load_project
from plimsoll.replay.errors import Busy, CannotFeed, DataInCommit, DataOutside, NoPast, NotCommitted
from plimsoll.replay.folder import alone_in, copied_workspace, copy_project, feed_file

BEGIN = datetime(1997, 5, 2, tzinfo=UTC)
PROJECT = """
project: orders
code: steps.py
data:
  orders: {path: data/orders-*.csv, time: at}
  prices: {path: prices.csv}
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "plimsoll.yaml").write_text(PROJECT)
    (root / "steps.py").write_text("def total(orders):\n    return 1\n")
    (root / ".gitignore").write_text(".plimsoll/\ndata/\n")
    (root / "prices.csv").write_text("kind,price\na,1\n")
    for day in ("1997-04-30", "1997-05-01", "1997-05-02"):
        rows = "".join(f"{day}T{hour:02}:00:00,{hour}\n" for hour in (0, 12))
        (root / "data" / f"orders-{day}.csv").write_text("at,count\n" + rows)
    commit(root)
    return root


def commit(root):
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=ada", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)


def copy(root, folder, begin=BEGIN):
    copy_project(root, folder, load_project(root / "plimsoll.yaml"), begin=begin)
    return copied_workspace(folder, root)


def test_the_copy_is_clean_and_holds_the_past_by_link(root, tmp_path):
    workspace = copy(root, tmp_path / "replay")
    assert workspace.root == tmp_path / "replay" / "project"
    assert workspace.state == workspace.root / ".plimsoll"
    found = sorted((workspace.root / "data").iterdir())
    assert [path.name for path in found] == ["orders-1997-04-30.csv", "orders-1997-05-01.csv"]
    assert all(path.is_symlink() for path in found)
    assert read_commit(workspace.root).dirty == ()
    assert read_commit(workspace.root).commit == read_commit(root).commit
    assert not (root / ".plimsoll").exists()


def test_of_a_file_with_rows_to_come_only_the_past_is_taken(root, tmp_path):
    workspace = copy(root, tmp_path / "replay", begin=BEGIN.replace(day=1, hour=6))
    kept = workspace.root / "data" / "orders-1997-05-01.csv"
    assert not kept.is_symlink()
    assert kept.read_text().splitlines() == ["at,count", "1997-05-01T00:00:00,0"]
    assert read_commit(workspace.root).dirty == ()


def test_parquet_is_split_as_csv_is(root, tmp_path):
    for path in (root / "data").iterdir():
        moments = 'SELECT CAST("at" AS TIMESTAMP) AS "at", count'
        duckdb.sql(f"COPY ({moments} FROM '{path}') TO '{path.with_suffix('.parquet')}'")
        path.unlink()
    (root / "plimsoll.yaml").write_text(PROJECT.replace("*.csv", "*.parquet"))
    commit(root)
    workspace = copy(root, tmp_path / "replay", begin=BEGIN.replace(hour=6))
    assert duckdb.sql(f"SELECT count(*) FROM '{workspace.root}/data/*.parquet'").fetchall() == [(5,)]


def test_what_a_day_brings_is_a_new_file_that_the_dataset_names_and_git_does_not(root, tmp_path):
    project = load_project(root / "plimsoll.yaml")
    workspace = copy(root, tmp_path / "replay")
    file = feed_file("orders", project.data["orders"], workspace.root, BEGIN)
    assert file == workspace.root / "data" / "orders-replayed-1997-05-02.csv"
    file.write_text("at,count\n")
    assert read_commit(workspace.root).dirty == ()
    with pytest.raises(CannotFeed, match=r"prices\.csv names no folder"):
        feed_file("prices", project.data["prices"], workspace.root, BEGIN)


def test_a_project_within_a_repository_keeps_its_place(root, tmp_path):
    (root / ".git").rename(tmp_path / "nowhere")
    commit(tmp_path)
    workspace = copy(root, tmp_path / "replay")
    assert workspace.root == tmp_path / "replay" / "project" / "project"
    assert (workspace.root / "data" / "orders-1997-05-01.csv").is_symlink()


def test_what_no_commit_holds_is_refused(root, tmp_path):
    (root / "steps.py").write_text("def total(orders):\n    return 2\n")
    with pytest.raises(NotCommitted, match=r"steps\.py differ"):
        copy(root, tmp_path / "replay")
    subprocess.run(["rm", "-rf", ".git"], cwd=root, check=True)
    with pytest.raises(NotCommitted, match="no git repository"):
        copy(root, tmp_path / "replay")


def test_data_that_has_no_past_of_its_own_is_refused(root, tmp_path):
    with pytest.raises(NoPast, match="orders has no row before 1997-04-01"):
        copy(root, tmp_path / "replay", begin=BEGIN.replace(month=4, day=1))
    (root / ".gitignore").write_text(".plimsoll/\n")
    commit(root)
    with pytest.raises(DataInCommit, match=r"data/orders-1997-05-02.csv .* rows from 1997-05-02"):
        copy(root, tmp_path / "replay")
    (root / "plimsoll.yaml").write_text(PROJECT.replace("data/orders", "../orders"))
    commit(root)
    with pytest.raises(DataOutside, match=r"\.\./orders"):
        copy(root, tmp_path / "replay")


def test_two_do_not_replay_into_one_folder(tmp_path):
    with alone_in(tmp_path), pytest.raises(Busy), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass
