"""Counts stay exact whatever is killed, at any moment, and whatever a disk refuses."""

import multiprocessing
import os
import resource
import signal
import sys
from contextlib import contextmanager

import pytest

from plimsoll.capture import journal, snapshot, tally
from plimsoll.capture.counts import Outcome, Tried
from plimsoll.capture.journal import RECORD_BYTES, CountJournal
from plimsoll.capture.tally import CountReader

FORK = multiprocessing.get_context("fork")
TRIED = Tried(seconds=0.004, failed=False)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "counts"


def an_outcome(number):
    """Every second one of a sticky unit that comes again."""
    return Outcome(stage=0, champion=TRIED, unit=number % 40 if number % 2 else None, noticed=number % 7 == 0)


def append(folder, numbers, **options):
    door = CountJournal(folder, **options)
    for number in numbers:
        door.append(an_outcome(number))
    door.close()


def requests(counts):
    return counts[0].champion.requests if counts else 0


def append_until_killed(folder, pipe):
    door = CountJournal(folder, records=37)
    for number in range(1_000_000):
        door.append(an_outcome(number))
        pipe.send(None)


def what_is_left_in(pipe):
    """How many acknowledgements more came before the end."""
    count = 0
    while True:
        try:
            pipe.recv()
        except EOFError:
            return count
        count += 1


def start(work, *arguments):
    process = FORK.Process(target=work, args=arguments)
    process.start()
    return process


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_killed_doors_lose_nothing_that_they_had_appended(folder):
    reader = CountReader(folder)
    acknowledged = 0
    for life in range(1, 7):
        receiving, sending = FORK.Pipe(duplex=False)
        process = start(append_until_killed, folder, sending)
        sending.close()
        for _ in range(100 * life):
            receiving.recv()
        kill(process)
        acknowledged += 100 * life + what_is_left_in(receiving)
        if life % 2:
            assert reader.compact() > 0
        found = requests(reader.read())
        assert 0 <= found - acknowledged <= 1, "one may have been appended and not yet acknowledged"
        acknowledged = found
        assert CountReader(folder).read() == reader.read()
    assert reader.damaged == 0


def compact_and_die_before(folder, step):
    """Compact; at the given step of those that the interpreter tells of, files opened, moved, removed, be killed."""
    steps = 0

    def count(event, arguments):
        nonlocal steps
        if event.startswith(("open", "os.", "fcntl.", "tempfile.")) and not event.startswith("os.kill"):
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    CountReader(folder).compact()
    os._exit(0)


def test_a_compaction_killed_before_any_of_its_steps_counts_everything_once(tmp_path):
    states, step, ended = set(), 0, False
    while not ended:
        step += 1
        folder = tmp_path / str(step)
        append(folder, range(100), records=30)
        CountReader(folder).compact()
        append(folder, range(100, 190), records=30)
        living = CountJournal(folder)
        living.append(an_outcome(190))
        reader = CountReader(folder)
        before = reader.read()

        process = start(compact_and_die_before, folder, step)
        process.join()

        ended = process.exitcode == 0
        assert ended or process.exitcode == -signal.SIGKILL
        left = [path.name for path in folder.glob(f"*{journal.SUFFIX}")]
        states.add((len(left), len(snapshot.read_snapshot(folder).names & set(left)), len(list(folder.glob(".new-*")))))
        assert reader.read() == before == CountReader(folder).read()
        living.append(an_outcome(191))
        assert requests(reader.read()) == 192
        reader.compact()
        assert CountReader(folder).read() == reader.read()
        assert requests(reader.read()) == 192
        assert len(list(folder.glob(f"*{journal.SUFFIX}"))) == 1
        assert not list(folder.glob(".new-*"))
        living.close()
    # Journals left, how many of them are in the snapshot as well, unfinished snapshots: each was left by some kill.
    assert states >= {(4, 0, 0), (4, 0, 1), (4, 3, 0), (3, 2, 0), (2, 1, 0), (1, 0, 0)}, states


def compact_on(folder, done):
    reader = CountReader(folder)
    while not done.is_set():
        reader.compact()
    reader.compact()


def test_readers_beside_doors_and_compaction_never_count_too_little_or_too_much(folder):
    done = FORK.Event()
    doors = [start(append_many, folder, 20_000) for _ in range(2)]
    compactors = [start(compact_on, folder, done) for _ in range(2)]
    reader = CountReader(folder)
    seen = [0]
    while any(process.is_alive() for process in doors):
        counts = reader.read()
        assert all(stage.sound for stage in counts.values())
        seen.append(requests(counts))
    for process in doors:
        process.join()
    done.set()
    for process in compactors:
        process.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert seen[-1] <= requests(reader.read()) == 40_000
    assert CountReader(folder).read() == reader.read()
    assert reader.read()[0].champion.units == 20_000 + 20
    assert [process.exitcode for process in doors + compactors] == [0] * 4


@pytest.mark.parametrize("look", [0, 1])
def test_a_journal_folded_away_behind_a_readers_back_is_read_from_the_snapshot(folder, monkeypatch, look):
    """Folded either before the reader opens what it has listed, or before it lists at all."""
    append(folder, range(30), records=10)
    reader = CountReader(folder)
    append(folder, range(30, 35))
    listed = tally._journals

    def with_a_rival(place):
        monkeypatch.setattr(tally, "_journals", listed)
        found = listed(place) if look else []
        assert CountReader(place).compact() == 4
        return found or listed(place)

    monkeypatch.setattr(tally, "_journals", with_a_rival)
    assert requests(reader.read()) == 35


def append_many(folder, count):
    append(folder, range(count), records=500)


@contextmanager
def files_no_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_sheds_outcomes_counts_them_and_recovers(folder):
    door = CountJournal(folder)
    with files_no_larger_than(RECORD_BYTES * 4 + 5):
        for number in range(10):
            door.append(an_outcome(number))
        assert (door.written, door.shed) == (3, 7)
        assert door.problem
        assert requests(CountReader(folder).read()) == 3
    door.append(an_outcome(10))
    assert (door.written, door.shed, door.problem) == (4, 7, "")
    assert requests(CountReader(folder).read()) == 4
    assert [path.stat().st_size for path in folder.iterdir()] == [RECORD_BYTES * 5], "what was torn has been cut off"
    door.close()


def test_a_torn_record_that_cannot_be_cut_off_is_left_behind_with_its_file(folder, monkeypatch):
    door = CountJournal(folder)

    def refuse(*_):
        raise OSError(5, "no")

    with files_no_larger_than(RECORD_BYTES * 2 + 5), monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        door.append(an_outcome(0))
        door.append(an_outcome(1))
    door.append(an_outcome(2))
    door.close()
    assert (door.written, door.shed) == (2, 1)
    reader = CountReader(folder)
    assert requests(reader.read()) == 2
    assert reader.compact() == 2
    assert requests(reader.read()) == 2


def test_a_folder_that_cannot_be_made_sheds(tmp_path):
    (tmp_path / "file").write_text("in the way")
    door = CountJournal(tmp_path / "file" / "counts")
    door.append(an_outcome(0))
    assert (door.written, door.shed) == (0, 1)
    assert door.problem
    door.close()


def test_a_new_journal_that_finds_no_room_leaves_no_file(folder):
    door = CountJournal(folder)
    with files_no_larger_than(7):
        door.append(an_outcome(0))
    assert (door.written, door.shed) == (0, 1)
    assert list(folder.iterdir()) == []


def test_a_duration_that_is_none_is_its_callers_fault_and_leaves_nothing(folder):
    door = CountJournal(folder)
    with pytest.raises(ValueError, match="no duration"):
        door.append(Outcome(stage=0, champion=Tried(seconds=-1.0, failed=False)))
    assert (door.written, door.shed) == (0, 0)
    assert not folder.exists()


def test_a_compaction_that_finds_no_room_leaves_everything_as_it_was(folder):
    append(folder, range(200), records=30)
    reader = CountReader(folder)
    before = reader.read()
    names = sorted(path.name for path in folder.glob(f"*{journal.SUFFIX}"))
    with files_no_larger_than(50), pytest.raises(OSError, match="too large"):
        reader.compact()
    assert sorted(path.name for path in folder.glob(f"*{journal.SUFFIX}")) == names
    assert reader.read() == CountReader(folder).read() == before
    assert reader.compact() == len(names)
    assert reader.read() == before
