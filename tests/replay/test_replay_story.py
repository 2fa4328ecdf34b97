"""A recorded week through real server, doors and commands: exactly once, in its own time, and with nothing left running."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import orjson
from tests.replay.conftest import BEGIN, HOURS

from plimsoll.capture.reader import read_predictions
from plimsoll.capture.segment import read_segment
from plimsoll.kernel.clock import from_text
from plimsoll.kernel.ids import millisecond_of

LABELLED = ("--label-delay", "1d", "--feed", "orders", "--approve-as", "grace")


def test_a_week_is_replayed_in_its_own_time_and_leaves_the_project_alone(replays):
    code, report = replays.run(*LABELLED, "--html", "report.html")

    assert code == 0
    assert (report["rows"], report["requests"], report["failed"]) == (HOURS, HOURS, 0)
    assert [one["release"] for one in report["live"]] == ["orders@1"]
    assert report["live"][0]["at"] < report["begin"]
    assert report["figures"]["rows"] == HOURS
    assert 0.5 < report["figures"]["value"] < 1
    assert [week["begin"][:10] for week in report["figures"]["weeks"]] == ["1997-04-28", "1997-05-05"]

    captured = list(read_predictions(replays.state / "capture" / "production"))
    assert [from_text(item.at) for item in captured] == [BEGIN + timedelta(hours=hour) for hour in range(HOURS)]
    assert all(millisecond_of(item.id) == from_text(item.at).timestamp() * 1000 for item in captured)
    assert not list((replays.state / "capture").glob("staging/*.segment"))

    assert labels_came(replays) == {timedelta(days=1)}, "each label came when it was due, at that moment"
    fed = sorted((replays.folder / "project" / "data").glob("orders-replayed-*.csv"))
    assert [path.name[16:26] for path in fed] == [f"1997-05-{day:02}" for day in range(2, 9)]
    rows = duckdb.sql(
        f"SELECT count(*), max(\"at\") FROM read_csv('{replays.folder}/project/data/orders-replayed-*.csv')"
    )
    assert rows.fetchall()[0][0] == HOURS
    past = (replays.folder / "project" / "data" / "orders-past.csv").read_text().splitlines()
    assert len(past) == 1 + 12 * 24, "what the project has of the replayed days was still to come"

    with closing(sqlite3.connect(replays.state / "ledger.sqlite")) as ledger:
        times = [row[0] for row in ledger.execute("SELECT at FROM audit_events ORDER BY number")]
        windows = ledger.execute("SELECT count(*) FROM monitor_windows").fetchone()[0]
        problems = ledger.execute("SELECT DISTINCT problem FROM alert_notices").fetchall()
    assert times == sorted(times)
    assert times[0] >= "1997-05-01T22:00"
    assert times[-1] < "1997-05-12"
    assert windows >= HOURS // 24
    assert problems in ([], [("",)]), "nobody is told of alerts of another time"

    assert sorted(path.name for path in (replays.root / ".plimsoll").iterdir()) == ["replays"]
    assert [path.name for path in (replays.root / "data").iterdir()] == ["orders-past.csv"]
    assert replays.left_running() == []
    ET.fromstring((replays.root / "report.html").read_text().partition("\n")[2])

    again = replays.run(*LABELLED)
    assert again == (0, report), "a replay that is over is told again"
    code, refused = replays.run("--label-delay", "2d", "--feed", "orders", "--approve-as", "grace")
    assert (code, refused["error"]["code"]) == (2, "replay.other")


def labels_came(replays):
    """How long after their predictions labels came."""
    found = set()
    for segment in (replays.state / "labels" / "production").glob("*.segment"):
        for payload in read_segment(segment):
            record = orjson.loads(payload)
            asked_us = millisecond_of(record["prediction"]) * 1000
            found.add(timedelta(microseconds=record["received_us"] - asked_us))
    return found


def test_a_replay_that_is_killed_interrupted_or_loses_its_server_goes_on_where_it_stopped(replays):
    slowly = (*LABELLED, "--speed", "20000")

    first = replays.start(*slowly)
    wait_for_rows(replays, first, 20)
    first.kill()
    first.wait()

    second = replays.start(*slowly)
    wait_for_rows(replays, second, 50)
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == 130
    assert replays.left_running() == []

    third = replays.start(*slowly)
    wait_for_rows(replays, third, 80)
    (server,) = [pid for pid, command in servers(replays)]
    os.kill(server, signal.SIGKILL)
    assert third.wait(60) == 5
    assert replays.left_running() == []
    assert "replay.server_ended" in (replays.root / ".plimsoll-replay.log").read_text()

    code, report = replays.run(*LABELLED)
    assert (code, report["rows"], report["failed"]) == (0, HOURS, 0)
    captured = list(read_predictions(replays.state / "capture" / "production"))
    assert sorted(from_text(item.at) for item in captured) == [BEGIN + timedelta(hours=hour) for hour in range(HOURS)]
    assert report["figures"]["rows"] == HOURS
    assert labels_came(replays) == {timedelta(days=1)}
    assert replays.left_running() == []


def servers(replays):
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = (place / "cwd").resolve()
        except OSError:
            continue
        if " plimsoll up " in command and cwd == replays.folder / "project":
            yield int(place.name), command


def wait_for_rows(replays, process, count):
    deadline = time.monotonic() + 120
    log = replays.folder / "sent.log"
    while not log.exists() or log.read_text().count("R ") < count:
        assert process.poll() is None, (replays.root / ".plimsoll-replay.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_release_that_nobody_approves_ends_the_beginning_and_says_what_helps(replays):
    code, document = replays.run("--label-delay", "1d")
    assert (code, document["error"]["code"]) == (1, "replay.not_begun")
    assert "approver" in document["error"]["text"]
    assert "--approve-as" in document["error"]["hint"]
    assert replays.left_running() == []


def test_requests_that_fail_are_counted_and_end_with_1(replays):
    week = replays.root / "recorded" / "week.csv"
    rows = week.read_text().splitlines()
    rows[3] = ",".join([rows[3].split(",")[0], "", *rows[3].split(",")[2:]])
    week.write_text("\n".join(rows[:30]) + "\n")
    code, report = replays.run("--env", "staging", "--batch", "8")
    assert (code, report["failed"], report["rows"]) == (1, 1, 29)
    ((reason, count),) = report["reasons"].items()
    assert count == 1
    assert "price" in reason
