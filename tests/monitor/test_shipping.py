"""Shipping turns every captured record into rows once, whoever is killed, and however often it is called."""

from __future__ import annotations

import resource
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.bundle.entities import Field
from plimsoll.capture.writer import CaptureWriter
from plimsoll.data.engine import engine, path_list
from plimsoll.kernel.ids import new_id
from plimsoll.monitor import shipping
from plimsoll.monitor.errors import CannotShip
from plimsoll.monitor.shipping import Part, digests_in, files_of, first_moment, read_parts, ship

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DIGEST = "d" * 64
FIELDS = (
    Field(name="amount", type="float"),
    Field(name="country", type="string"),
    Field(name="known", type="bool"),
    Field(name="when", type="timestamp"),
)


def record(number: int, **changes: Any) -> dict[str, Any]:
    at = START + timedelta(seconds=number)
    return {
        "id": new_id("prediction", at=at),
        "at_us": int(at.timestamp() * 1_000_000),
        "release": "fraud@1",
        "digest": DIGEST,
        "environment": "production",
        "inputs": {"amount": [float(number), None], "country": ["GB", None], "known": [True, False],
                   "when": ["2026-03-01T00:00:00", None]},
        "outputs": {"score": [0.25, 0.75], "decision": [False, True]},
        "status": 200,
        "latency_s": 0.001,
    } | changes  # fmt: skip


@pytest.fixture
def writer(tmp_path):
    writer = CaptureWriter(tmp_path / "capture", now_ns=lambda: int(START.timestamp() * 1e9))
    yield writer
    writer.close()


def shipped_rows(tmp_path: Path, what: str, *, digest: str = DIGEST) -> list[tuple[Any, ...]]:
    files = files_of(tmp_path / "shipped", digest)
    with engine() as connection:
        query = f"SELECT {what} FROM read_parquet({path_list(files)}, union_by_name = true) ORDER BY _at, _row"
        return connection.execute(query).fetchall()


def ship_all(tmp_path: Path) -> int:
    return ship(tmp_path / "capture", tmp_path / "shipped", lambda _digest: FIELDS)


def test_a_request_becomes_a_row_for_each_of_its_rows(writer, tmp_path):
    writer.append(record(1))
    assert ship_all(tmp_path) == 1

    what = """_row, amount, country, known, "when"::VARCHAR, _score, _decision, _prediction, _role, _at::VARCHAR"""
    at = "2026-03-01 12:00:01"
    assert shipped_rows(tmp_path, what) == [
        (0, 1.0, "GB", True, "2026-03-01 00:00:00", 0.25, "false", None, "champion", at),
        (1, None, None, False, None, 0.75, "true", None, "champion", at),
    ]


def test_what_it_was_in_a_rollout_goes_with_it_and_a_failure_has_no_outputs(writer, tmp_path):
    writer.append(record(1, role="candidate", rollout="rollout-1", stage=2, propensity=0.25, outputs={}, status=500))
    ship_all(tmp_path)
    assert shipped_rows(tmp_path, "_role, _rollout, _stage, _propensity, _score, _status")[0] == (
        "candidate", "rollout-1", 2, 0.25, None, 500,
    )  # fmt: skip


def test_shipping_again_ships_only_what_came_since(writer, tmp_path):
    writer.append(record(1))
    assert ship_all(tmp_path) == 1
    assert ship_all(tmp_path) == 0
    writer.append(record(2))
    assert ship_all(tmp_path) == 1
    assert len(shipped_rows(tmp_path, "_id")) == 4
    assert [part.begin > 0 for part in read_parts(tmp_path / "shipped")] == [False, True]


def test_a_reader_opens_only_the_parts_of_the_time_it_asks_for(writer, tmp_path):
    for number in (1, 5000):
        writer.append(record(number))
        ship_all(tmp_path)
    hour = timedelta(hours=1)
    assert first_moment(tmp_path / "shipped") == START + timedelta(seconds=1)
    assert [len(files_of(tmp_path / "shipped", DIGEST, since=since, until=until)) for since, until in (
        (None, None), (START, START + hour), (START + hour, START + 2 * hour), (START + 2 * hour, None),
    )] == [2, 1, 1, 0]  # fmt: skip


def test_a_door_that_appends_all_the_while_does_not_keep_the_shipper_for_ever(writer, tmp_path):
    writer.append(record(1))
    appended = []

    def fields(_digest: str) -> tuple[Field, ...]:
        appended.append(writer.append(record(len(appended) + 2)))
        assert len(appended) < 10
        return FIELDS

    assert ship(tmp_path / "capture", tmp_path / "shipped", fields) == 1
    assert len(read_parts(tmp_path / "shipped")) == 1


def test_a_long_backlog_becomes_several_parts(writer, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "MOST_RECORDS", 4)
    for number in range(10):
        writer.append(record(number))
    assert ship_all(tmp_path) == 10
    assert len(read_parts(tmp_path / "shipped")) == 3


def test_releases_with_other_columns_lie_in_files_of_their_own(writer, tmp_path):
    writer.append(record(1))
    writer.append(record(2, digest="e" * 64, inputs={"x": [1]}, outputs={"prediction": [2.5]}))

    def fields(digest: str) -> tuple[Field, ...]:
        return FIELDS if digest == DIGEST else (Field(name="x", type="int"),)

    ship(tmp_path / "capture", tmp_path / "shipped", fields)
    assert digests_in(tmp_path / "shipped") == {DIGEST, "e" * 64}
    assert shipped_rows(tmp_path, "x, _prediction", digest="e" * 64) == [(1, 2.5)]


def test_a_value_that_does_not_fit_its_column_is_missing_and_stops_nothing(writer, tmp_path):
    writer.append(record(1, inputs={"amount": ["much"], "country": ["GB"]}))
    ship_all(tmp_path)
    assert shipped_rows(tmp_path, "amount, country, known") == [(None, "GB", None)]


def test_a_torn_record_is_left_until_it_is_whole(writer, tmp_path):
    writer.append(record(1))
    segment = next((tmp_path / "capture").iterdir())
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[8:60])
    assert ship_all(tmp_path) == 1
    segment.write_bytes(whole + whole[8:])
    assert ship_all(tmp_path) == 1


def test_a_disk_that_refuses_is_said_with_its_cure_and_nothing_is_lost(writer, tmp_path):
    for number in range(200):
        writer.append(record(number))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(CannotShip, match="cannot be made ready"):
            ship_all(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_parts(tmp_path / "shipped") == ()
    assert ship_all(tmp_path) == 200
    assert len(shipped_rows(tmp_path, "_id")) == 400


def test_scraps_of_a_killed_shipper_are_removed_and_shipped_anew(writer, tmp_path):
    writer.append(record(1))
    ship_all(tmp_path)
    part = next((tmp_path / "shipped").iterdir())
    part.rename(part.with_name(f"{part.name}.new"))
    assert ship_all(tmp_path) == 1
    assert [path.name for path in (tmp_path / "shipped").iterdir()] == [part.name]


def test_of_two_who_shipped_the_same_each_record_counts_once(writer, tmp_path):
    writer.append(record(1))
    ship_all(tmp_path)
    shutil.copytree(tmp_path / "shipped", tmp_path / "other")
    shutil.rmtree(tmp_path / "shipped")
    writer.append(record(2))
    ship_all(tmp_path)
    for part in (tmp_path / "other").iterdir():
        part.rename(tmp_path / "shipped" / part.name)
    assert len(list((tmp_path / "shipped").iterdir())) == 2
    assert len(shipped_rows(tmp_path, "_id")) == 4


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), max_size=12))
def test_whatever_parts_overlap_those_that_are_read_follow_one_another(spans: list[tuple[int, int]]):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for begin, length in spans:
            (Path(folder) / Part(segment="s", begin=begin, end=begin + length, first_us=0, last_us=1).name).mkdir(
                exist_ok=True
            )
        chain = read_parts(Path(folder))
    assert [part.begin for part in chain] == [0, *[part.end for part in chain]][: len(chain)]
    assert not any(begin == 0 for begin, _ in spans) or chain
