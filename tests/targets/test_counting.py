"""What doors counted is read and kept small by environment; a disk that refuses costs room, never evidence."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_cases import make_workspace

from plimsoll.capture.counts import Outcome, Tried
from plimsoll.capture.errors import CountsDamaged
from plimsoll.capture.journal import MAGIC, RECORD_BYTES, SUFFIX, CountJournal
from plimsoll.capture.snapshot import NAME
from plimsoll.capture.tally import LOCK
from plimsoll.kernel.errors import Kind
from plimsoll.targets import counting as counting_module
from plimsoll.targets.counting import COMPACT_EVERY_S, KEPT_ROLLOUTS, Counting
from plimsoll.targets.errors import CountsUnreadable
from plimsoll.targets.process import ProcessTarget

LATER_S = COMPACT_EVERY_S + 1


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "counts"


def append(folder: Path, count: int) -> None:
    """As a door that ended counts so many requests of a stage."""
    door = CountJournal(folder)
    for _ in range(count):
        door.append(Outcome(stage=0, champion=Tried(seconds=0.004, failed=False)))
    door.close()


@pytest.fixture(autouse=True)
def everything_is_due(monkeypatch):
    """When an outcome is due is tested in tests/capture."""
    monkeypatch.setattr(counting_module, "SLACK_US", -10_000_000)


def requests(counting: Counting, rollout: str = "one") -> int:
    return counting.read(rollout)[0].champion.requests


@contextmanager
def a_full_disk() -> Iterator[None]:
    """No file takes another byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_closed_journals_are_folded_away_every_minute(folder, clock):
    append(folder / "one", 3)
    counting = Counting(folder, environment="canary", clock=clock)
    assert requests(counting) == 3
    assert not (folder / "one" / NAME).exists()
    clock.now_s += LATER_S
    assert requests(counting) == 3
    assert (folder / "one" / NAME).exists()
    assert list((folder / "one").glob(f"*{SUFFIX}")) == []


def test_on_a_full_disk_counts_are_told_all_the_same_and_folding_is_tried_again_in_a_while(folder, clock, caplog):
    append(folder / "one", 3)
    counting = Counting(folder, environment="canary", clock=clock)
    counting.read("one")
    clock.now_s += LATER_S
    with a_full_disk(), caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert requests(counting) == 3
    (told,) = caplog.messages
    assert "one in canary cannot be compacted" in told
    clock.now_s += LATER_S
    assert requests(counting) == 3
    assert (folder / "one" / NAME).exists()


def test_two_environments_that_roll_out_at_once_are_both_folded(tmp_path, monkeypatch):
    workspace = make_workspace(tmp_path)
    folders = [workspace.environment(name) / "counts" / "one" for name in ("canary", "staging")]
    clock = Clock()
    monkeypatch.setattr(
        "plimsoll.targets.counting.Counting", lambda *args, **named: Counting(*args, **named, clock=clock)
    )
    target = ProcessTarget(workspace, None)
    for _ in range(3):
        for environment, folder in zip(("canary", "staging"), folders, strict=True):
            append(folder, 1)
            target.counts(environment, "one")
        clock.now_s += LATER_S
    assert [(folder / NAME).exists() for folder in folders] == [True, True]


def test_trouble_of_one_environment_is_not_anothers(tmp_path):
    workspace = make_workspace(tmp_path)
    target = ProcessTarget(workspace, None)
    (workspace.environment("canary") / "counts" / "one" / f"a{SUFFIX}").mkdir(parents=True)
    append(workspace.environment("staging") / "counts" / "two", 4)
    for _ in range(2):
        with pytest.raises(CountsUnreadable, match=r"the doors of canary .*: .*Is a directory") as caught:
            target.counts("canary", "one")
        assert target.counts("staging", "two")[0].champion.requests == 4
    assert caught.value.kind is Kind.UNAVAILABLE


def test_counts_are_told_again_once_the_disk_gives_them(folder, clock):
    append(folder / "one", 3)
    counting = Counting(folder, environment="canary", clock=clock)
    broken = folder / "one" / f"a{SUFFIX}"
    broken.mkdir()
    with pytest.raises(CountsUnreadable):
        counting.read("one")
    broken.rmdir()
    assert requests(counting) == 3


def test_a_journal_that_is_none_is_named(folder, clock):
    append(folder / "one", 3)
    (folder / "one" / f"a{SUFFIX}").write_bytes(b"x" * 10 * RECORD_BYTES)
    counting = Counting(folder, environment="canary", clock=clock)
    with pytest.raises(CountsDamaged):
        counting.read("one")
    clock.now_s += LATER_S
    with pytest.raises(CountsDamaged):
        counting.read("one")


def test_a_folder_that_nobody_can_lock_does_not_hide_the_counts(folder, clock):
    append(folder / "one", 3)
    (folder / "one" / LOCK).mkdir()
    counting = Counting(folder, environment="canary", clock=clock)
    counting.read("one")
    clock.now_s += LATER_S
    assert requests(counting) == 3


def test_damaged_records_are_told_once_each_time_they_become_more(folder, clock, caplog):
    append(folder / "one", 3)
    (journal,) = (folder / "one").glob(f"*{SUFFIX}")
    content = bytearray(journal.read_bytes())
    content[len(MAGIC) + 4] ^= 1
    journal.write_bytes(content)
    counting = Counting(folder, environment="canary", clock=clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert requests(counting) == 2
        (told,) = caplog.messages
        assert told.startswith("1 records of one in canary")


def test_old_rollouts_are_forgotten_but_never_the_one_that_is_read(folder, clock):
    names = [f"rollout-{number:03}" for number in range(KEPT_ROLLOUTS + 5)]
    for name in names:
        append(folder / name, 1)
    counting = Counting(folder, environment="canary", clock=clock)
    assert requests(counting, names[0]) == 1, "a clock that was set back makes the newest id the smallest"
    assert sorted(path.name for path in folder.iterdir()) == [names[0], *names[-KEPT_ROLLOUTS:]]
