"""A clock in a file: the same for every process, never half a time, refused where it is none."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plimsoll.kernel.clock import (
    BadClock,
    FileClock,
    SystemClock,
    from_microseconds,
    in_microseconds,
    workspace_clock,
)
from plimsoll.kernel.workspace import Workspace

START = datetime(1996, 5, 7, 12, 30, tzinfo=UTC)
HIGH, LOW = from_microseconds(0x0001_0001_0000_0000), from_microseconds(0x0000_0000_FFFF_FFFF)


def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path, state=tmp_path / "state", ledger_url="sqlite:///x")


def test_every_process_sees_the_time_that_one_of_them_sets(tmp_path: Path) -> None:
    clock = FileClock.create(tmp_path / "clock", START)
    other = FileClock(tmp_path / "clock")
    assert (other.now(), other.now_ns()) == (START, int(START.timestamp()) * 10**9)
    clock.set(START + timedelta(days=1, microseconds=7))
    assert other.now() == START + timedelta(days=1, microseconds=7)
    assert (tmp_path / "clock").stat().st_size == 8


def test_the_file_is_microseconds_since_1970_in_little_endian(tmp_path: Path) -> None:
    FileClock.create(tmp_path / "clock", START)
    content = (tmp_path / "clock").read_bytes()
    assert from_microseconds(int.from_bytes(content, "little", signed=True)) == START


def test_nobody_sees_half_a_time_while_another_process_sets_it(tmp_path: Path) -> None:
    FileClock.create(tmp_path / "clock", LOW)
    setting = multiprocessing.get_context("spawn").Process(target=set_often, args=(tmp_path / "clock",), daemon=True)
    setting.start()
    clock, seen = FileClock(tmp_path / "clock"), set()
    while setting.is_alive():
        seen |= {clock.now() for _ in range(1000)}
    setting.join()
    assert seen == {HIGH, LOW}


def set_often(path: Path) -> None:
    clock = FileClock(path, writable=True)
    for _ in range(100_000):
        clock.set(HIGH)
        clock.set(LOW)


def test_who_only_reads_it_cannot_set_it(tmp_path: Path) -> None:
    FileClock.create(tmp_path / "clock", START)
    with pytest.raises(TypeError):
        FileClock(tmp_path / "clock").set(START)


def test_a_workspace_runs_on_the_clock_in_its_state_folder_else_on_the_machines(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    assert isinstance(workspace_clock(here), SystemClock)
    FileClock.create(here.clock, START)
    assert workspace_clock(here).now() == START


def test_a_file_that_holds_no_time_is_refused_by_name(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    here.state.mkdir()
    here.clock.write_bytes(b"noon")
    with pytest.raises(BadClock, match=r"state/clock holds no time: it has 4 bytes instead of 8"):
        workspace_clock(here)
    with pytest.raises(BadClock, match="No such file"):
        FileClock(tmp_path / "nowhere")


def test_microseconds_are_exact_both_ways() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
    assert from_microseconds(in_microseconds(moment)) == moment
