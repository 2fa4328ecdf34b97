"""A replay remembers what was sent and done, line by line, and finds it again after any end."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plimsoll.replay.entities import Sent, Settings
from plimsoll.replay.errors import DiskRefused, OtherReplay
from plimsoll.replay.journal import Journal, read_settings, require_same, write_settings

NOON = datetime(1997, 5, 2, 12, tzinfo=UTC)
SETTINGS = Settings(
    files="/data/orders.csv", time="at", label="returned", environment="production", label_delay_s=86_400.0,
    label_every_s=0.0, feed="", run_time_s=0.0, approve_as="", batch=1,
)  # fmt: skip


def sent(first: int, prediction: str = "prediction-1", count: int = 1) -> Sent:
    return Sent(first=first, count=count, prediction=prediction)


def test_what_was_kept_is_there_again(tmp_path):
    journal = Journal(tmp_path)
    assert (journal.next_row, journal.done_until) == (0, None)
    journal.add_sent([sent(0), sent(1, "", count=3)])
    journal.add_done(NOON)
    journal.close()
    again = Journal(tmp_path)
    assert again.sent == [sent(0), sent(1, "", count=3)]
    assert (again.next_row, again.done_until) == (4, NOON)


def test_a_line_that_a_kill_has_torn_is_cut_off_and_written_anew(tmp_path):
    journal = Journal(tmp_path)
    journal.add_sent([sent(0), sent(1)])
    journal.close()
    whole = (tmp_path / "sent.log").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "sent.log").write_bytes(whole[:length])
        again = Journal(tmp_path)
        assert again.next_row == whole[:length].count(b"\n")
        again.add_sent([sent(7)])
        again.close()
        assert Journal(tmp_path).sent[-1] == sent(7)


def test_a_full_disk_is_told_with_its_folder(tmp_path):
    journal = Journal(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(DiskRefused, match=str(tmp_path)):
            journal.add_sent([sent(0)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_only_the_same_settings_go_on(tmp_path):
    assert read_settings(tmp_path) is None
    write_settings(tmp_path, SETTINGS)
    assert read_settings(tmp_path) == (SETTINGS, False)
    write_settings(tmp_path, SETTINGS, finished=True)
    assert read_settings(tmp_path) == (SETTINGS, True)
    require_same(tmp_path, SETTINGS, SETTINGS)
    with pytest.raises(OtherReplay, match="label_delay_s is 86400, not 0; feed is '', not 'orders'"):
        require_same(tmp_path, SETTINGS, replace(SETTINGS, label_delay_s=0.0, feed="orders"))
