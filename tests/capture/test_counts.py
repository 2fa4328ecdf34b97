"""Counts are exact: over processes, restarts, kills and folded journals, in whatever order they are read."""

import random
import struct
import zlib
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.capture import journal, snapshot
from plimsoll.capture.counts import ArmCounts, Outcome, StageCounts, Tried
from plimsoll.capture.errors import CountsDamaged
from plimsoll.capture.fold import Fold
from plimsoll.capture.journal import MAGIC, RECORD_BYTES, CountJournal
from plimsoll.capture.tally import CountReader
from plimsoll.kernel.histogram import Histogram, bucket_of

GOOD = Tried(seconds=0.004, failed=False)
BAD = Tried(seconds=0.25, failed=True)


class Ticking:
    """A clock that all doors share; each look is a microsecond later."""

    def __init__(self):
        self.us = 1_772_366_400_000_000

    def __call__(self):
        self.us += 1
        return self.us * 1000


def counted_plainly(timed):
    """The counts by the words of counts.py, without any of the code under test. Takes (microsecond, outcome) pairs."""
    stages = defaultdict(lambda: {"noticed": 0, "fallback": [], "champion": [], "candidate": []})
    for at, outcome in timed:
        stage = stages[outcome.stage]
        stage["noticed"] += outcome.noticed
        if outcome.fallback_s is not None:
            stage["fallback"].append(outcome.fallback_s)
        for arm in ("champion", "candidate"):
            if (tried := getattr(outcome, arm)) is not None:
                stage[arm].append((at, outcome, tried))
    return {
        number: StageCounts(
            champion=counted_arm(stage["champion"]),
            candidate=counted_arm(stage["candidate"]),
            noticed=stage["noticed"],
            fallback=Histogram.of(stage["fallback"]),
        )
        for number, stage in sorted(stages.items())
    }


def counted_arm(requests):
    units = defaultdict(list)
    for number, (at, outcome, tried) in enumerate(requests):
        if outcome.fresh:
            key = ("request", number) if outcome.unit is None else ("unit", outcome.unit)
            units[key].append((at, bucket_of(tried.seconds), tried))
    return ArmCounts(
        requests=len(requests),
        units=len(units),
        errors=sum(any(tried.failed for _, _, tried in attempts) for attempts in units.values()),
        latency=Histogram.of(min(attempts, key=lambda item: item[:2])[2].seconds for attempts in units.values()),
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "counts"


@pytest.fixture
def door(folder):
    door = CountJournal(folder)
    yield door
    door.close()


def read(folder):
    return CountReader(folder).read()


def files(folder):
    return sorted(path.name for path in folder.glob(f"*{journal.SUFFIX}"))


def test_a_folder_that_is_not_there_has_no_counts(folder):
    reader = CountReader(folder)
    assert reader.read() == {}
    assert reader.compact() == 0
    assert not folder.exists()


def test_what_is_appended_is_counted_at_once(door, folder):
    reader = CountReader(folder)
    door.append(Outcome(stage=2, champion=GOOD))
    assert reader.read() == {
        2: StageCounts(champion=ArmCounts(requests=1, units=1, latency=Histogram({bucket_of(0.004): 1})))
    }
    door.append(Outcome(stage=2, candidate=BAD, fallback_s=0.3))
    door.append(Outcome(stage=2, candidate=BAD, noticed=True))
    counts = reader.read()[2]
    assert counts.champion.requests == 1
    assert counts.candidate == ArmCounts(requests=2, units=2, errors=2, latency=Histogram({bucket_of(0.25): 2}))
    assert counts.fallback == Histogram.of([0.3])
    assert counts.noticed == 1
    assert (door.written, door.shed, door.problem) == (3, 0, "")


def test_a_copied_request_counts_for_both_arms(door, folder):
    door.append(Outcome(stage=0, champion=GOOD, candidate=BAD, unit=7))
    counts = read(folder)[0]
    assert (counts.champion.units, counts.champion.errors) == (1, 0)
    assert (counts.candidate.units, counts.candidate.errors) == (1, 1)


def test_a_sticky_unit_counts_once_with_its_first_latency_and_one_error(folder):
    doors = [CountJournal(folder, now_ns=clock) for clock in [Ticking()] * 2]
    for door, seconds in zip(doors * 3, (0.5, 0.1, 0.2, 0.1, 0.3, 0.4), strict=True):
        door.append(Outcome(stage=0, candidate=Tried(seconds=seconds, failed=seconds < 0.3), unit=2**64 - 1))
    expected = ArmCounts(requests=6, units=1, errors=1, latency=Histogram.of([0.5]))
    assert read(folder)[0].candidate == expected
    for door in doors:
        door.close()


def test_a_unit_counts_anew_in_each_stage_and_arm(door, folder):
    for stage in (0, 1):
        door.append(Outcome(stage=stage, champion=GOOD, unit=0))
        door.append(Outcome(stage=stage, candidate=GOOD, unit=0))
    counts = read(folder)
    assert [(counts[stage].champion.units, counts[stage].candidate.units) for stage in (0, 1)] == [(1, 1), (1, 1)]


def test_a_unit_drawn_in_an_earlier_stage_adds_requests_only(door, folder):
    door.append(Outcome(stage=1, candidate=BAD, unit=9, fresh=False, fallback_s=0.3, noticed=True))
    counts = read(folder)[1]
    assert counts.candidate == ArmCounts(requests=1)
    assert (counts.noticed, counts.fallback.total) == (1, 1)


def test_an_earlier_request_that_is_read_later_gives_its_latency(folder):
    clock = Ticking()
    late, early = CountJournal(folder, now_ns=clock), CountJournal(folder, now_ns=clock)
    reader = CountReader(folder)
    then = clock.us
    clock.us += 1000
    late.append(Outcome(stage=0, champion=GOOD, unit=1))
    assert reader.read()[0].champion.latency == Histogram.of([GOOD.seconds])
    clock.us = then
    early.append(Outcome(stage=0, champion=BAD, unit=1))
    assert reader.read()[0].champion == ArmCounts(requests=2, units=1, errors=1, latency=Histogram.of([BAD.seconds]))
    late.close()
    early.close()


tries = st.none() | st.builds(Tried, seconds=st.sampled_from([0.0, 1e-5, 0.001, 0.02, 0.5, 60.0]), failed=st.booleans())
outcomes = st.builds(
    Outcome,
    stage=st.integers(0, 2),
    champion=tries,
    candidate=tries,
    unit=st.none() | st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]),
    fresh=st.booleans(),
    fallback_s=st.none() | st.sampled_from([0.0, 0.1]),
    noticed=st.booleans(),
)
acts = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 2), st.integers(0, 3), outcomes),
    st.tuples(st.sampled_from(["read", "compact", "restart", "new reader"]), st.integers(0, 2)),
)


@settings(max_examples=150)
@given(acts=st.lists(acts, max_size=40), records=st.integers(1, 4))
def test_counts_depend_on_neither_doors_nor_reads_nor_compaction(tmp_path_factory, acts, records):
    """Any outcomes at any times (also equal ones, also backwards), over any doors, read and folded at any moments."""
    folder = tmp_path_factory.mktemp("counts")
    clock = {"us": 1_772_366_400_000_000}
    doors = [CountJournal(folder, records=records, now_ns=lambda: clock["us"] * 1000) for _ in range(3)]
    readers = [CountReader(folder) for _ in range(3)]
    timed = []
    for act, who, *rest in acts:
        if act == "append":
            clock["us"] = 1_772_366_400_000_000 + rest[0]
            doors[who].append(rest[1])
            timed.append((clock["us"], rest[1]))
        elif act == "restart":
            doors[who].close()
        elif act == "new reader":
            readers[who] = CountReader(folder)
        elif act == "compact":
            readers[who].compact()
        counts = readers[who].read()
        assert counts == counted_plainly(timed)
        assert all(stage.sound for stage in counts.values())
    for door in doors:
        door.close()
    readers[0].compact()
    assert files(folder) == []
    assert read(folder) == readers[1].read() == counted_plainly(timed)
    assert readers[1].damaged == 0


def test_a_call_with_nothing_new_gives_the_same_object(door, folder):
    door.append(Outcome(stage=0, champion=GOOD))
    reader = CountReader(folder)
    assert reader.read() is reader.read()


def test_journals_rotate_and_a_closed_one_is_folded_away(folder):
    door = CountJournal(folder, records=3)
    reader = CountReader(folder)
    for number in range(8):
        door.append(Outcome(stage=0, champion=GOOD, unit=number % 5))
    door.close()
    door.append(Outcome(stage=0, champion=GOOD, unit=9))
    before = reader.read()
    assert len(files(folder)) == 4
    sizes = sorted((folder / name).stat().st_size // RECORD_BYTES - 1 for name in files(folder))
    assert sizes == [1, 2, 3, 3]

    assert CountReader(folder).compact() == 3

    assert len(files(folder)) == 1, "the one that is being written stays"
    assert reader.read() == read(folder) == before
    door.append(Outcome(stage=0, champion=GOOD, unit=10))
    assert reader.read()[0].champion.units == 7
    assert reader.compact() == 0
    door.close()


def test_files_are_readable_by_their_owner_only(door, folder):
    door.append(Outcome(stage=0, champion=GOOD))
    door.close()
    door.append(Outcome(stage=0, champion=GOOD))
    CountReader(folder).compact()
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []


def test_a_journal_that_is_just_being_begun_is_left_alone(folder):
    folder.mkdir()
    (folder / f"counts-1{journal.SUFFIX}").write_bytes(MAGIC[:7])
    assert CountReader(folder).compact() == 0
    assert read(folder) == {}
    assert files(folder) == [f"counts-1{journal.SUFFIX}"]


@given(cut=st.integers(0, RECORD_BYTES * 4))
def test_a_torn_record_is_not_counted(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn")
    records = [journal.pack(Outcome(stage=0, champion=GOOD), now_us=number) for number in range(3)]
    (folder / f"a{journal.SUFFIX}").write_bytes((MAGIC + b"".join(records))[:cut])
    reader = CountReader(folder)
    whole = max(0, cut // RECORD_BYTES - 1)
    assert sum(counts.champion.requests for counts in reader.read().values()) == whole
    (folder / f"a{journal.SUFFIX}").write_bytes(MAGIC + b"".join(records))
    assert reader.read()[0].champion.requests == 3


@given(position=st.integers(0, RECORD_BYTES * 3 - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_one_record_which_is_counted_as_damaged(tmp_path_factory, position, bit):
    folder = tmp_path_factory.mktemp("flipped")
    content = bytearray(b"".join(journal.pack(Outcome(stage=0, champion=GOOD), now_us=at) for at in range(3)))
    content[position] ^= 1 << bit
    path = folder / f"a{journal.SUFFIX}"
    path.write_bytes(MAGIC + content)
    reader = CountReader(folder)
    assert reader.read()[0].champion.requests == 2
    # The last record of all may be in the middle of being written; it is damaged once another one follows.
    path.write_bytes(MAGIC + content + journal.pack(Outcome(stage=0, champion=GOOD), now_us=4))
    assert reader.read()[0].champion.requests == 3
    assert reader.damaged == 1
    reader.compact()
    assert reader.read()[0].champion.requests == 3
    assert reader.damaged == 1


def test_all_checksums_at_once_are_those_of_zlib():
    generator = random.Random(7)
    bodies = [
        struct.pack("<IHHHH", generator.randrange(9), *(generator.randrange(4096) for _ in range(3)), 0b11111111)
        + struct.pack("<QQ", generator.randrange(2**64), generator.randrange(2**52))
        for _ in range(2000)
    ]
    fold = Fold()
    fold.add(b"".join(body + struct.pack("<I", zlib.crc32(body)) for body in bodies))
    assert fold.damaged == 0
    fold.add(b"".join(body + struct.pack("<I", zlib.crc32(body) ^ 1) for body in bodies))
    assert fold.damaged == 2000


def test_a_file_that_is_no_journal_or_snapshot_is_named_and_not_guessed_at(door, folder):
    door.append(Outcome(stage=0, champion=GOOD))
    door.close()
    reader = CountReader(folder)
    reader.compact()
    content = bytearray((folder / snapshot.NAME).read_bytes())
    for position in range(len(content)):
        broken = bytearray(content)
        broken[position] ^= 1
        (folder / snapshot.NAME).write_bytes(broken)
        with pytest.raises(CountsDamaged, match=r"folded\.snapshot"):
            CountReader(folder).read()
    (folder / snapshot.NAME).write_bytes(content)
    (folder / f"a{journal.SUFFIX}").write_bytes(b"x" * 100)
    for act in (reader.read, reader.compact):
        with pytest.raises(CountsDamaged, match=r"a\.counts"):
            act()
    assert (folder / f"a{journal.SUFFIX}").exists()


def test_what_is_not_due_is_left_out_however_it_went_and_counts_once_it_is(folder):
    """A failure that is known at once must not be seen before successes of the same moment that take their time."""
    door = CountJournal(folder)
    door.append(Outcome(stage=0, at_us=1_000_000, due_s=0.5, candidate=BAD))
    door.append(Outcome(stage=0, at_us=1_100_000, due_s=0.5, champion=GOOD))
    door.append(Outcome(stage=0, at_us=1_100_000, due_s=30.0, champion=GOOD))
    reader = CountReader(folder)

    assert dict(reader.read(until_us=1_499_999)) == {}
    assert reader.read(until_us=1_500_000)[0].candidate.errors == 1
    assert reader.read(until_us=1_599_999)[0].champion.requests == 0
    assert reader.read(until_us=1_600_000)[0].champion.requests == 1
    assert reader.read()[0].champion.requests == 2
    assert reader.read(until_us=0)[0].champion.requests == 2, "what was seen is not forgotten"


def test_a_journal_with_something_that_is_not_due_is_not_folded_away(folder):
    door = CountJournal(folder)
    door.append(Outcome(stage=0, at_us=1_000_000, due_s=2.0, champion=GOOD))
    door.close()
    reader = CountReader(folder)
    assert reader.compact(until_us=2_999_999) == 0
    assert dict(reader.read(until_us=2_999_999)) == {}
    assert reader.compact(until_us=3_000_000) == 1
    assert reader.read(until_us=0)[0].champion.requests == 1


def test_a_sticky_units_latency_is_that_of_the_request_that_came_first_not_of_the_one_that_ended_first(folder):
    door = CountJournal(folder)
    door.append(Outcome(stage=0, at_us=2_000, champion=Tried(seconds=0.01, failed=False), unit=5))
    door.append(Outcome(stage=0, at_us=1_000, champion=Tried(seconds=1.0, failed=False), unit=5))
    (stage,) = CountReader(folder).read().values()
    assert stage.champion.units == 1
    assert stage.champion.latency.quantile(0.5) == pytest.approx(1.0, rel=0.02)
