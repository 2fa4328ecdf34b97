"""Whole files are scored as the server would answer them, row for row, and bad rows are named or kept."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from tests.targets.serving_cases import DIES, HANGS, PROJECT, RAISES, make_place, make_rows, make_workspace, tensor

from plimsoll.batch.entities import Wanted
from plimsoll.batch.errors import (
    ColumnsDiffer,
    NamesTaken,
    NoRows,
    OutputExists,
    OutputFailed,
    RowRefused,
    UnknownColumn,
    UnknownOutput,
)
from plimsoll.batch.session import score
from plimsoll.bundle.layout import Tampered
from plimsoll.kernel.workspace import Workspace

FILE = "rows.parquet"
TENSORS = {"amount": "FP64", "country": "BYTES", "is_new": "BOOL"}


@pytest.fixture
def workspace(tmp_path, keys, monkeypatch) -> Workspace:
    """A workspace that knows the key of the releases, with the current folder in it."""
    workspace = make_workspace(tmp_path)
    workspace.state.mkdir()
    workspace.keys.symlink_to(keys)
    monkeypatch.chdir(tmp_path)
    return workspace


def write_rows(name: str = FILE, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rows as a file of the current folder, by the ending of its name."""
    rows = make_rows() if rows is None else rows
    kind = "FORMAT csv, HEADER true" if name.endswith(".csv") else "FORMAT parquet"
    duckdb.execute(f"COPY (SELECT * FROM rows) TO '{name}' ({kind})")
    return rows


def score_file(workspace, release, name=FILE, *, out="out.parquet", force=False, **changed):
    wanted = Wanted(
        files=name, out=Path(out).absolute(), keep=None, prefix="", keep_bad=False, batch_rows=16, workers=1
    )
    summary = score(
        workspace,
        str(release.bundle),
        dataclasses.replace(wanted, **changed),
        force=force,
        say=lambda _: None,
    )
    read = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[out.rpartition(".")[2]]
    return summary, duckdb.execute(f"SELECT * FROM {read}('{out}')").df()


@pytest.mark.parametrize("which", ["compiled", "by_worker", "sizes", "losses"])
def test_every_row_is_answered_as_the_server_answers_it(which, request, workspace, keys, tmp_path_factory):
    release = request.getfixturevalue(which)
    rows = write_rows()

    summary, scored = score_file(workspace, release, workers=2)

    assert summary.rows == len(scored) == len(rows)
    assert list(scored["customer_id"]) == list(rows["customer_id"]), "the rows keep their order"
    answered = ask_server(release, keys, rows, tmp_path_factory.mktemp("server"))
    assert {name: [plain(value) for value in scored[name]] for name in answered} == answered


def ask_server(release, keys, rows, folder) -> dict[str, list]:
    """What a real door answers for all rows in one request, by the outputs' names."""
    place = make_place(folder, keys)
    try:
        place.apply(release)
        sent = [tensor(name, kind, *map(as_json, rows[name])) for name, kind in TENSORS.items()]
        reply = place.caller().infer({"inputs": sent}, path=f"/v2/models/{PROJECT}/infer").json
    finally:
        place.end()
    answered = {}
    for item in reply["outputs"]:
        data, shape = item["data"], item["shape"]
        width = shape[1] if len(shape) == 2 else 1
        answered[item["name"]] = data if len(shape) == 1 else np.reshape(data, (-1, width)).tolist()
    return answered


def as_json(value):
    return None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value


def plain(value):
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


@pytest.mark.parametrize("name", ["rows.csv", FILE])
@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
def test_files_of_every_format_get_the_same_scores(name, out, workspace, compiled):
    write_rows(name)
    write_rows("plain.parquet")
    _, expected = score_file(workspace, compiled, "plain.parquet", out="plain-out.parquet")

    _, scored = score_file(workspace, compiled, name, out=out)

    assert scored["score"].tolist() == expected["score"].tolist()
    assert scored["decision"].tolist() == expected["decision"].tolist()


def test_columns_to_keep_and_the_names_of_predictions_can_be_chosen(workspace, compiled):
    write_rows(rows=make_rows().assign(score=1))

    with pytest.raises(NamesTaken, match="score"):
        score_file(workspace, compiled)
    _, chosen = score_file(workspace, compiled, keep=("customer_id", "score"), prefix="predicted_")
    _, none = score_file(workspace, compiled, keep=(), force=True)

    assert list(chosen) == ["customer_id", "score", "predicted_score", "predicted_decision"]
    assert list(none) == ["score", "decision"]


def test_the_file_says_which_release_made_it(workspace, compiled):
    write_rows()
    score_file(workspace, compiled)

    told = duckdb.execute("SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('out.parquet')").fetchall()

    assert dict(told) == {"plimsoll_release": "fraud@1", "plimsoll_digest": compiled.digest}


def test_every_missing_and_ill_typed_column_is_named_at_once(workspace, compiled):
    rows = make_rows().rename(columns={"amount": "amounts"}).assign(is_new="yes")
    write_rows(rows=rows)

    with pytest.raises(ColumnsDiffer) as refused:
        score_file(workspace, compiled)

    assert refused.value.facts["problems"] == (
        "the column amount is missing (there is amounts)",
        "is_new is VARCHAR, expected bool",
    )
    assert not Path("out.parquet").exists()


@pytest.mark.parametrize("which", ["compiled", "by_worker"])
def test_a_row_that_is_refused_is_named_or_kept_with_its_reason(which, request, workspace):
    release = request.getfixturevalue(which)
    rows = write_rows(rows=make_rows().astype({"is_new": object}))
    rows.loc[[20, 41], "is_new"] = None
    write_rows(rows=rows)

    with pytest.raises(RowRefused, match=r"refuses row 20 of rows.parquet: is_new is null, and may not be"):
        score_file(workspace, release)
    assert not Path("out.parquet").exists()
    summary, kept = score_file(workspace, release, keep_bad=True)

    assert summary.refused == 2
    assert kept.index[kept["error"].notna()].tolist() == [20, 41]
    assert kept["error"][20] == "is_new is null, and may not be"
    assert kept["score"].isna().sum() == 2


@pytest.mark.parametrize(("amount", "reason"), [(RAISES, "it was told to"), (DIES, "")])
def test_a_row_at_which_the_model_fails_is_kept_apart(amount, reason, workspace, odd):
    rows = make_rows()
    rows["amount"] = rows["amount"].fillna(7.0)
    rows.loc[33, "amount"] = amount
    write_rows(rows=rows)

    summary, kept = score_file(workspace, odd, keep_bad=True, batch_rows=1, workers=2)

    assert summary.refused == 1
    assert reason in kept["error"][33]
    assert kept["score"].drop(33).notna().all()


def test_a_changed_bundle_is_refused(workspace, built, keys):
    from tests.targets.serving_cases import make_release

    release = make_release(workspace.root / "changed", keys, 9, scorer=built / "scorer")
    (release.bundle / "lock.txt").write_text("another")
    write_rows()

    with pytest.raises(Tampered, match=r"lock\.txt"):
        score_file(workspace, release)


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"name": "nowhere.csv"}, NoRows, "nowhere.csv"),
        ({"out": "out.xlsx"}, UnknownOutput, "out.xlsx"),
        ({"out": "nowhere/out.csv"}, OutputFailed, "there is no folder"),
        ({"out": FILE}, OutputExists, FILE),
        ({"keep": ("amuont",)}, UnknownColumn, "amuont"),
    ],
)
def test_what_cannot_work_is_said_before_the_work(changed, error, text, workspace, compiled):
    write_rows()

    with pytest.raises(error, match=text):
        score_file(workspace, compiled, **changed)


def test_an_output_that_is_there_is_replaced_only_when_told_to(workspace, compiled):
    write_rows()
    score_file(workspace, compiled)

    with pytest.raises(OutputExists):
        score_file(workspace, compiled)
    score_file(workspace, compiled, force=True, keep=())

    assert list(duckdb.execute("SELECT * FROM 'out.parquet'").df()) == ["score", "decision"]


def command(workspace, release, *more: str) -> list[str]:
    (workspace.root / "plimsoll.yaml").write_text("project: fraud\ncode: steps.py\n")
    return [sys.executable, "-m", "plimsoll", "score", str(release.bundle), FILE, "out.parquet", *more]


def test_a_killed_command_leaves_no_output_and_no_worker(workspace, odd):
    rows = make_rows()
    rows.loc[3, "amount"] = HANGS
    write_rows(rows=rows)
    working = subprocess.Popen(command(workspace, odd, "--batch-rows", "1", "--workers", "1"), stderr=subprocess.PIPE)
    assert b"rows/s" in b"".join(iter(lambda: working.stderr.read(1), b"]")) + working.stderr.readline()
    (worker,) = children(working.pid)

    working.send_signal(signal.SIGKILL)
    working.communicate()

    assert sorted(path.name for path in workspace.root.iterdir()) == [".plimsoll", "plimsoll.yaml", FILE]
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline, "the worker outlived its command"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.system
@pytest.mark.parametrize("which", ["compiled", "by_worker"])
def test_a_ray_cluster_gives_the_same_answers_and_reasons(which, request, workspace, nodes, monkeypatch):
    release = request.getfixturevalue(which)
    rows = write_rows(rows=make_rows().astype({"is_new": object}))
    rows.loc[41, "is_new"] = None
    write_rows(rows=rows)
    _, here = score_file(workspace, release, out="here.parquet", keep_bad=True)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)

    summary, there = score_file(workspace, release, keep_bad=True, batch_rows=7, executor="ray")

    assert (summary.form, summary.workers, summary.refused) == ("ray", 2, 1)
    assert there.equals(here)


def test_memory_does_not_grow_with_the_rows(workspace, compiled):
    peaks = []
    for times in (200, 8_000):
        rows = make_rows()  # noqa: F841 - read by the next line
        duckdb.execute(f"COPY (SELECT r.* FROM rows AS r, range({times})) TO '{FILE}' (FORMAT parquet)")
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        run = [sys.executable, "-c", code, *command(workspace, compiled, "--force", "--json")]
        peaks.append(int(subprocess.run(run, capture_output=True, text=True, check=True).stdout))

    assert peaks[1] < peaks[0] + 120_000, f"{peaks} kB for 12,000 and 480,000 rows"


def test_the_command_tells_what_it_did(workspace, compiled):
    write_rows()

    told = subprocess.run(command(workspace, compiled, "--json"), capture_output=True, text=True, check=True).stdout

    assert {**json.loads(told), "seconds": 0, "out": ""} == {
        "release": "fraud@1",
        "digest": compiled.digest,
        "rows": 60,
        "refused": 0,
        "out": "",
        "columns": ["score", "decision"],
        "form": "compiled",
        "workers": 0,
        "seconds": 0,
    }
