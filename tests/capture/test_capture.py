"""Capture keeps every record that was appended, and counts every one that it could not keep."""

import multiprocessing
import os
import resource
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.capture.reader import find_prediction, read_fallbacks, read_predictions, read_since
from plimsoll.capture.segment import MAGIC, frame, read_segment
from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.ids import new_id

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_record(number, at=START, **changes):
    micros = int(at.timestamp() * 1_000_000)
    record = {
        "id": new_id("prediction", at=at),
        "at_us": micros,
        "release": "fraud@1",
        "digest": "d" * 64,
        "environment": "production",
        "inputs": {"amount": [float(number)], "country": ["GB"]},
        "outputs": {"score": [0.25], "decision": [False]},
        "status": 200,
        "latency_s": 0.001,
    }
    return record | changes


@pytest.fixture
def writer(tmp_path):
    writer = CaptureWriter(tmp_path, now_ns=lambda: int(START.timestamp() * 1e9))
    yield writer
    writer.close()


def test_what_is_appended_is_read_back_at_once_and_in_order(writer, tmp_path):
    records = [a_record(number) for number in range(50)]
    assert all(writer.append(record) for record in records)

    found = list(read_predictions(tmp_path))

    assert [item.id for item in found] == [record["id"] for record in records]
    assert found[7].at == "2026-03-01T12:00:00.000000Z"
    assert found[7].inputs == {"amount": [7.0], "country": ["GB"]}
    assert (writer.written, writer.shed) == (50, 0)


def test_a_prediction_says_what_it_was_in_a_rollout_and_older_ones_were_in_none(writer, tmp_path):
    part = {"role": "shadow", "rollout": "rollout-1", "stage": 0, "propensity": 0.5, "fallback_for": "", "pinned": False,
            "copy_of": "prediction-1"}  # fmt: skip
    writer.append(a_record(1))
    writer.append(a_record(2, **part))
    old, new = read_predictions(tmp_path)
    assert (old.role, old.rollout, old.stage, old.propensity, old.pinned) == ("champion", "", None, 1.0, False)
    assert {name: getattr(new, name) for name in part} == part


def test_the_latest_are_those_of_every_writer_at_work(tmp_path):
    writers = [CaptureWriter(tmp_path, now_ns=lambda: int(START.timestamp() * 1e9)) for _ in range(2)]
    for number in range(20):
        writers[number % 2].append(a_record(number, at=START + timedelta(seconds=number)))

    latest = read_since(tmp_path, START, most=6)
    since = read_since(tmp_path, START + timedelta(seconds=17), most=6)
    for writer in writers:
        writer.close()
    assert [item.inputs["amount"][0] for item in latest] == [14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    assert [item.inputs["amount"][0] for item in since] == [17.0, 18.0, 19.0]


def test_a_prediction_is_found_by_its_id_and_only_by_it(writer, tmp_path):
    wanted = a_record(1)
    writer.append(wanted)
    writer.append(a_record(2, inputs={"note": [wanted["id"]]}))

    assert find_prediction(tmp_path, wanted["id"]).inputs["amount"] == [1.0]
    assert find_prediction(tmp_path, new_id("prediction", at=START)) is None
    assert find_prediction(tmp_path, "fraud@1") is None
    assert find_prediction(tmp_path / "nowhere", wanted["id"]) is None


def test_segments_of_other_times_are_not_opened(tmp_path):
    for day in range(3):
        at = START + timedelta(days=day)
        writer = CaptureWriter(tmp_path, now_ns=lambda at=at: int(at.timestamp() * 1e9))
        writer.append(a_record(day, at=at))
        writer.close()
    first, second, third = sorted(tmp_path.glob("*.segment"))
    for day, path in enumerate((first, second, third)):
        seconds = (START + timedelta(days=day)).timestamp()
        os.utime(path, (seconds, seconds))
    wanted = next(iter(read_predictions(tmp_path)))
    third.unlink()
    second.chmod(0)
    second.unlink()
    second.mkdir()  # reading it would fail

    assert find_prediction(tmp_path, wanted.id).inputs["amount"] == [0.0]
    assert find_prediction(tmp_path, new_id("prediction", at=START)) is None


@pytest.mark.parametrize("year", [1997, 2126])
def test_what_was_captured_at_a_replayed_time_is_found_by_it_whatever_the_time_of_the_files(tmp_path, year):
    start, now = START.replace(year=year), [START.replace(year=year)]
    writer = CaptureWriter(tmp_path, now_ns=lambda: int(now[0].timestamp() * 1e9), replayed=True)
    records = []
    for hour in range(96):
        now[0] = start + timedelta(hours=hour)
        records.append(a_record(hour, at=now[0]))
        writer.append(records[-1])
    writer.close()
    segments = sorted(tmp_path.glob("*.segment"))

    assert len(segments) == 4, "a segment spans a day, and an hour at most"
    assert find_prediction(tmp_path, records[-1]["id"]).inputs["amount"] == [95.0]
    assert find_prediction(tmp_path, records[30]["id"]).inputs["amount"] == [30.0]
    latest = read_since(tmp_path, start + timedelta(hours=90), most=100)
    assert [item.inputs["amount"][0] for item in latest] == [90.0, 91.0, 92.0, 93.0, 94.0, 95.0]
    for path in segments[:2]:
        path.unlink()
        path.mkdir()  # reading it would fail
    assert len(read_since(tmp_path, start + timedelta(hours=90), most=100)) == 6
    assert find_prediction(tmp_path, records[-1]["id"]) is not None


def test_a_rollouts_fallbacks_are_found_by_its_time_and_its_name(tmp_path):
    instead = {"rollout": "rollout-1", "fallback_for": "fraud@2", "fallback_because": "serving.late: x"}
    for day in range(3):
        at = START + timedelta(days=day)
        writer = CaptureWriter(tmp_path, now_ns=lambda at=at: int(at.timestamp() * 1e9))
        writer.append(a_record(day, at=at, **instead))
        writer.append(a_record(10, at=at, **instead | {"fallback_because": ""}))
        writer.append(a_record(11, at=at, **instead | {"rollout": "rollout-2"}))
        writer.append(a_record(12, at=at, inputs={"note": ["rollout-1"]}))
        writer.close()
        os.utime(max(tmp_path.glob("*.segment")), (at.timestamp(), at.timestamp()))

    def days(since, until):
        period = {"since": START + timedelta(days=since), "until": START + timedelta(days=until)}
        return [found.inputs["amount"][0] for found in read_fallbacks(tmp_path, "rollout-1", **period)]

    assert days(0, 2) == [0.0, 1.0, 2.0]
    assert days(1, 1.5) == [1.0]
    assert days(2.5, 3) == []


def test_segments_rotate_by_size_and_by_age(tmp_path):
    by_size = CaptureWriter(tmp_path / "size", largest_bytes=1000)
    by_age = CaptureWriter(tmp_path / "age", longest_s=-1.0)
    for number in range(10):
        by_size.append(a_record(number))
        by_age.append(a_record(number))
    by_size.close()
    by_age.close()

    sizes = [path.stat().st_size for path in (tmp_path / "size").glob("*")]
    assert len(sizes) > 2
    assert max(sizes) <= 1000
    assert len(list((tmp_path / "age").glob("*"))) == 10
    assert len(list(read_predictions(tmp_path / "size"))) == len(list(read_predictions(tmp_path / "age"))) == 10


def test_segments_are_readable_by_their_owner_only(writer, tmp_path):
    writer.append(a_record(1))
    (segment,) = tmp_path.glob("*.segment")
    assert segment.stat().st_mode & 0o077 == 0


@given(payloads=st.lists(st.binary(max_size=40), max_size=6), cut=st.integers(min_value=0, max_value=400))
def test_a_torn_tail_costs_the_torn_record_and_no_other(tmp_path_factory, payloads, cut):
    path = tmp_path_factory.mktemp("torn") / "one.segment"
    whole = MAGIC + b"".join(frame(payload) for payload in payloads)
    path.write_bytes(whole[:cut])

    found = list(read_segment(path))

    ends = [len(MAGIC) + sum(8 + len(payload) for payload in payloads[: count + 1]) for count in range(len(payloads))]
    assert found == payloads[: sum(end <= cut for end in ends)]


@given(position=st.integers(min_value=0, max_value=10_000), bit=st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_ends_the_reading_before_it(tmp_path_factory, position, bit):
    payloads = [bytes([number]) * 20 for number in range(5)]
    content = bytearray(MAGIC + b"".join(frame(payload) for payload in payloads))
    position %= len(content)
    content[position] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "one.segment"
    path.write_bytes(content)

    broken = (position - len(MAGIC)) // 28 if position >= len(MAGIC) else 0
    assert list(read_segment(path)) == payloads[:broken]


def append_until_killed(folder, pipe):
    writer = CaptureWriter(folder)
    for number in range(1_000_000):
        writer.append(a_record(number))
        pipe.send(number)


def test_a_killed_process_loses_nothing_that_it_had_appended(tmp_path):
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=append_until_killed, args=(tmp_path, sending))
    process.start()
    acknowledged = [receiving.recv() for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    sending.close()
    while receiving.poll():
        try:
            acknowledged.append(receiving.recv())
        except EOFError:
            break

    found = [item.inputs["amount"][0] for item in read_predictions(tmp_path)]
    assert set(acknowledged) <= {int(number) for number in found}
    assert len(found) == len(set(found))


@contextmanager
def files_no_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_sheds_records_counts_them_and_recovers(writer, tmp_path):
    with files_no_larger_than(1000):
        kept = [writer.append(a_record(number)) for number in range(10)]
        problem = writer.problem
    again = writer.append(a_record(99))

    assert kept[0]
    assert not kept[-1]
    assert problem
    assert again
    assert writer.problem == ""
    assert (writer.written, writer.shed) == (kept.count(True) + 1, kept.count(False))
    assert len(list(read_predictions(tmp_path))) == writer.written


def test_a_folder_that_cannot_be_made_sheds(tmp_path):
    (tmp_path / "file").write_text("in the way")
    writer = CaptureWriter(tmp_path / "file" / "capture")
    assert not writer.append(a_record(1))
    assert (writer.written, writer.shed) == (0, 1)
    writer.close()
