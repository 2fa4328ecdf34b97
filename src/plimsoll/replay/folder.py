"""A replay's own project: the commit's code, links to the data of the past, a state folder with a clock, and no more."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.data.engine import engine, name_literal, path_list, text_literal
from plimsoll.data.files import Found, find_files
from plimsoll.data.headers import read_header
from plimsoll.data.reading import cell, source, value
from plimsoll.kernel.workspace import Workspace
from plimsoll.project.entities import Dataset, Project
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.git import read_commit, run_git
from plimsoll.replay.errors import Busy, CannotFeed, CopyFailed, DataInCommit, DataOutside, NoPast, NotCommitted

if TYPE_CHECKING:
    import duckdb

CODE = "project"
"""The copy of the repository within a replay's folder."""
FED = "replayed-"
"""How the names of files begin that are appended to a dataset."""
_MAGIC = "*?["


def copied_workspace(folder: Path, root: Path) -> Workspace:
    """The replay's own workspace: where the project lies in the copy of its repository."""
    prefix = run_git(root, "rev-parse", "--show-prefix")
    inner = prefix.stdout.strip() if prefix is not None and prefix.returncode == 0 else ""
    place = (folder / CODE / inner).absolute()
    state = place / ".plimsoll"
    return Workspace(root=place, state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")


def copy_project(root: Path, folder: Path, project: Project, *, begin: datetime) -> None:
    """Bring the commit's code and the data from before a moment into a replay's folder.

    Raises NotCommitted, CopyFailed, DataOutside, DataInCommit, NoPast, and what finding and reading the data raise.
    """
    _require_committed(root)
    workspace = copied_workspace(folder, root)
    shutil.rmtree(folder / CODE, ignore_errors=True)  # of one that was killed in the middle
    try:
        _clone(root, folder / CODE)
        for name, dataset in project.data.items():
            _bring(name, dataset, root=root, to=workspace.root, begin=begin)
        _keep_out_of_git(folder / CODE)
    except OSError as error:
        raise CopyFailed(folder=str(folder), problem=error.strerror or str(error)) from error


def feed_file(name: str, dataset: Dataset, root: Path, day: datetime) -> Path:
    """Where the rows of one day are appended to a dataset: a new file that its path names. Raises CannotFeed."""
    stem = f"{FED}{day:%Y-%m-%d}"
    if dataset.path is None or "://" in dataset.path:
        raise CannotFeed(dataset=name, problem="it does not lie in files of this machine")
    place = root / dataset.path
    if place.is_dir():
        return place / f"{stem}{'.csv' if dataset.format == 'csv' else '.parquet'}"
    folder, pattern = place.parent, place.name
    if any(sign in str(folder) for sign in _MAGIC) or pattern.count("*") != 1 or "?" in pattern or "[" in pattern:
        raise CannotFeed(dataset=name, problem=f"{dataset.path} names no folder, and no further file")
    return folder / pattern.replace("*", stem)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Raises Busy while another process replays into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy(folder=str(folder)) from error
    else:
        yield
    finally:
        os.close(descriptor)


def _require_committed(root: Path) -> None:
    commit = read_commit(root)
    if not commit.commit:
        raise NotCommitted(folder=str(root), problem="there is no git repository with a commit")
    if commit.dirty:
        more = f" and {len(commit.dirty) - 3} more" if len(commit.dirty) > 3 else ""
        raise NotCommitted(folder=str(root), problem=f"{', '.join(commit.dirty[:3])}{more} differ")


def _clone(root: Path, to: Path) -> None:
    top = run_git(root, "rev-parse", "--show-toplevel")
    assert top is not None, "git was there a moment ago"
    done = run_git(root, "clone", "--quiet", top.stdout.strip(), str(to))
    assert done is not None
    if done.returncode:
        raise CopyFailed(folder=str(to.parent), problem=done.stderr.strip().splitlines()[-1])


def _bring(name: str, dataset: Dataset, *, root: Path, to: Path, begin: datetime) -> None:
    """Link a dataset's files; of one that says when its rows happened, only those from before the beginning."""
    if dataset.path is None or "://" in dataset.path:
        raise DataOutside(dataset=name, path=dataset.path or "a database")
    if Path(dataset.path).expanduser().is_absolute() or ".." in Path(dataset.path).parts:
        raise DataOutside(dataset=name, path=dataset.path)
    found = find_files(name, dataset.path, root=root, state=root / ".plimsoll", format=dataset.format)
    kept = 0
    for file, shown in zip(found.files, found.names, strict=True):
        place = to / shown
        past, future = (1, 0) if dataset.time is None else _split_rows(name, dataset, found, file, begin)
        kept += past
        if place.exists():
            if future:
                raise DataInCommit(file=shown, dataset=name, begin=f"{begin:%Y-%m-%d %H:%M}")
        elif past:
            place.parent.mkdir(parents=True, exist_ok=True)
            if future:
                _write_past(name, dataset, found, file, place, begin)
            else:
                place.symlink_to(file.resolve())
    if not kept:
        raise NoPast(dataset=name, begin=f"{begin:%Y-%m-%d %H:%M}")


def _split_rows(name: str, dataset: Dataset, found: Found, file: Path, begin: datetime) -> tuple[int, int]:
    """How many rows of a file happened before a moment, and how many did not."""
    with engine() as connection:
        table, at = _table(connection, name, dataset, found, file)
        past, future = connection.execute(
            f"SELECT count(*) FILTER ({at} < ?), count(*) FILTER ({at} >= ?) FROM {table}", [_naive(begin)] * 2
        ).fetchall()[0]
    return int(past), int(future)


def _write_past(name: str, dataset: Dataset, found: Found, file: Path, to: Path, begin: datetime) -> None:
    with engine() as connection:
        table, at = _table(connection, name, dataset, found, file)
        form = "FORMAT parquet" if found.format == "parquet" else "FORMAT csv, HEADER true"
        connection.execute(
            f"COPY (SELECT * FROM {table} WHERE {at} < ?) TO {text_literal(str(to))} ({form})", [_naive(begin)]
        )


def _table(
    connection: duckdb.DuckDBPyConnection, name: str, dataset: Dataset, found: Found, file: Path
) -> tuple[str, str]:
    """One file's rows as they are stored, and the moment of each."""
    assert dataset.time is not None
    if found.format == "parquet":
        table = f"read_parquet({path_list([file])})"
    else:
        header = read_header(name, found.format, files=[file], names=[file.name], connection=connection)
        columns = [column for column, _ in header.columns]
        table = source(found.format, [file], columns=columns, delimiter=header.delimiter)
    stored = cell(dataset.time, format=found.format, missing=dataset.missing)
    kind = connection.execute(f"SELECT typeof({name_literal(dataset.time)}) FROM {table} LIMIT 1").fetchall()
    return table, value(stored, "TIMESTAMP", text=bool(kind) and kind[0][0] == "VARCHAR")


def _keep_out_of_git(clone: Path) -> None:
    """Data that the project keeps out of its commits is no change here either; the state folder never is."""
    status = run_git(clone, "status", "--porcelain=v1", "-z", "--untracked-files=all")
    assert status is not None
    new = [entry[3:] for entry in status.stdout.split("\0") if entry.startswith("?? ")]
    with (clone / ".git" / "info" / "exclude").open("a", encoding="utf-8") as exclude:
        exclude.writelines(f"/{path}\n" for path in new)
        exclude.write(f"*{FED}*\n.plimsoll/\n")


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def has_project(workspace: Workspace) -> bool:
    """Whether the copy is there, with its clock: it was made to its end."""
    return (workspace.root / PROJECT_FILE).exists() and workspace.clock.exists()
