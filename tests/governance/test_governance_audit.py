"""The audit of a real ledger: what is done to its tables and its signed heads is found and named."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from plimsoll.governance.chain import Line, hash_of
from plimsoll.governance.entities import Action, Head
from plimsoll.governance.errors import HeadNotWritten, PositionMissing
from plimsoll.governance.heads import append_head
from plimsoll.governance.operations import record


def findings(house):
    report = house.ask("audit.verify")
    assert report["ok"] == (not report["findings"])
    return [(finding["kind"], finding["number"]) for finding in report["findings"]]


def change(house, sql, **parameters):
    with house.database.write() as transaction:
        transaction.execute(sql, **parameters)


def rewrite_from(house, number, *, subject):
    """What somebody does who knows the scheme and can write the ledger: change a row, recompute all after it."""
    with house.database.write() as transaction:
        rows = transaction.all("SELECT * FROM audit_events WHERE number >= :number ORDER BY number", number=number)
        previous = rows[0]["previous"]
        for row in rows:
            row["previous"] = previous
            row["subject"] = subject if row["number"] == number else row["subject"]
            previous = hash_of(Line(**row))
            transaction.execute(
                "UPDATE audit_events SET subject = :subject, previous = :previous, hash = :hash WHERE number = :number",
                subject=row["subject"],
                previous=row["previous"],
                hash=previous,
                number=row["number"],
            )
        transaction.execute("UPDATE audit_tail SET hash = :hash", hash=previous)


@pytest.fixture
def ledger(house):
    """Two events of the first login, then eight more."""
    house.events(8)
    assert findings(house) == []
    return house


def test_every_change_is_recorded_with_a_signed_head(ledger):
    report = ledger.ask("audit.verify")
    assert (report["events"], report["heads"], report["unsigned"]) == (10, 10, 0)
    newest = ledger.ask("audit.list", limit=1)[0]
    assert newest["action"] == "run_started"
    assert newest["detail"] == {"params": {"rate": 0.7}}
    assert newest["hash"] == report["last"]["hash"]


def test_events_are_listed_by_subject(ledger):
    assert [event["number"] for event in ledger.ask("audit.list", subject="run-3")] == [6]


def test_events_are_listed_by_action_and_page_by_page(ledger):
    assert [event["number"] for event in ledger.ask("audit.list", action="role_granted")] == [2]
    assert [event["number"] for event in ledger.ask("audit.list", limit=3, before=9)] == [8, 7, 6]
    assert [event["number"] for event in ledger.ask("audit.list", action="run_started", before=5)] == [4, 3]
    assert ledger.ask("audit.list", subject="run-3", action="role_granted") == []


def test_a_change_that_is_rolled_back_leaves_no_event_and_no_head(ledger):
    def fail():
        with ledger.database.write() as transaction:
            record(ledger.context(), transaction, action=Action.RUN_ENDED, subject="run-1", detail={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    report = ledger.ask("audit.verify")
    assert (report["events"], report["heads"]) == (10, 10)


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "detail", "previous", "hash"])
def test_a_changed_row_is_named(ledger, column):
    change(ledger, f"UPDATE audit_events SET {column} = 'other' WHERE number = 4")
    assert findings(ledger) == [("changed_row", 4)]
    assert len(ledger.ask("audit.list")) == 10


def test_a_deleted_row_is_named(ledger):
    change(ledger, "DELETE FROM audit_events WHERE number = 5")
    assert findings(ledger) == [("missing_row", 5)]


@pytest.mark.parametrize("cover", [False, True])
def test_a_truncated_tail_is_named_even_when_the_position_was_set_back(ledger, cover):
    change(ledger, "DELETE FROM audit_events WHERE number > 7")
    if cover:
        change(ledger, "UPDATE audit_tail SET number = 7, hash = (SELECT hash FROM audit_events WHERE number = 7)")
    assert findings(ledger) == [("truncated_tail", 8)]


def test_events_appended_after_a_cut_do_not_hide_it(ledger):
    change(ledger, "DELETE FROM audit_events WHERE number > 7")
    change(ledger, "UPDATE audit_tail SET number = 7, hash = (SELECT hash FROM audit_events WHERE number = 7)")
    ledger.events(5)
    assert findings(ledger) == [("recomputed", 8)]


def test_a_chain_recomputed_after_a_change_is_named_with_the_row_that_was_changed(ledger):
    rewrite_from(ledger, 4, subject="forged")
    assert findings(ledger) == [("recomputed", 4)]


def test_a_head_signed_with_another_key_is_named(ledger, tmp_path):
    from plimsoll.bundle.signing import signer

    lines = ledger.workspace.audit_heads.read_bytes().splitlines()
    lines[6] = json.dumps(signer(tmp_path / "forger", "audit").sign("text/plain", b"{}")).encode()
    ledger.workspace.audit_heads.write_bytes(b"\n".join(lines) + b"\n")
    assert findings(ledger) == [("bad_head", 7)]


def test_a_head_that_was_changed_is_named(ledger):
    path = ledger.workspace.audit_heads
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace('"payload":"', '"payload":"e30')
    path.write_text("\n".join(lines) + "\n")
    assert findings(ledger) == [("bad_head", 3)]


def test_removed_heads_are_a_failure(ledger):
    ledger.workspace.audit_heads.unlink()
    assert findings(ledger) == [("heads_missing", 0)]


def test_a_replaced_key_spoils_all_heads_and_is_told_once(ledger):
    for path in ledger.workspace.keys.iterdir():
        path.unlink()
    ledger.events(1)
    report = ledger.ask("audit.verify")
    assert [(finding["kind"], finding["number"]) for finding in report["findings"]] == [("bad_head", 1)]
    assert "9 more lines" in report["findings"][0]["because"]


def test_a_process_killed_between_commit_and_head_is_a_warning_that_the_next_change_heals(ledger):
    path = ledger.workspace.audit_heads
    before = path.read_bytes()
    ledger.events(2)
    path.write_bytes(before)
    report = ledger.ask("audit.verify")
    assert (report["ok"], report["unsigned"]) == (True, 2)
    ledger.events(1)
    report = ledger.ask("audit.verify")
    assert (report["ok"], report["unsigned"]) == (True, 0)


def test_a_head_cut_off_while_it_was_written_is_replaced_by_the_next(ledger):
    path = ledger.workspace.audit_heads
    path.write_bytes(path.read_bytes()[:-20])
    report = ledger.ask("audit.verify")
    assert (report["ok"], report["unsigned"]) == (True, 1)
    ledger.events(1)
    report = ledger.ask("audit.verify")
    assert (report["ok"], report["heads"], report["unsigned"]) == (True, 10, 0)


def test_a_lost_position_stops_every_change_and_is_found(ledger):
    change(ledger, "DELETE FROM audit_tail")
    with pytest.raises(PositionMissing):
        ledger.events(1)
    assert findings(ledger) == [("changed_position", 0)]


def test_a_head_that_cannot_be_written_is_said_and_the_change_is_kept(ledger):
    path = ledger.workspace.audit_heads
    kept = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises(HeadNotWritten):
        ledger.events(1)
    path.rmdir()
    path.write_bytes(kept)
    assert ledger.ask("audit.verify")["unsigned"] == 1


def test_the_heads_are_their_owners_alone(ledger):
    assert ledger.workspace.audit_heads.stat().st_mode & 0o077 == 0


APPEND = """
import sys
from pathlib import Path
from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.context import Caller, Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import SystemClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import connect

root, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
workspace = Workspace(root=root, state=root / ".plimsoll", ledger_url=url)
context = Context(caller=Caller(name=name), clock=SystemClock(), database=connect(url),
                  artifacts=FolderStore(workspace.artifacts), workspace=workspace, project="fraud", plugin=None)
for number in range(25):
    with context.database.write() as transaction:
        record(context, transaction, action=Action.RUN_STARTED, subject=f"run-{number}", detail={})
"""


def test_appends_from_several_processes_make_one_sound_chain(house):
    arguments = [str(house.workspace.root), house.workspace.ledger_url]
    started = [subprocess.Popen([sys.executable, "-c", APPEND, *arguments, f"writer-{n}"]) for n in range(4)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0, 0]
    report = house.ask("audit.verify")
    assert (report["ok"], report["events"], report["heads"], report["unsigned"]) == (True, 102, 102, 0)
    writers = {event["actor"] for event in house.ask("audit.list", limit=100)}
    assert writers == {"writer-0", "writer-1", "writer-2", "writer-3"}


def test_the_heads_survive_a_number_written_twice(ledger):
    """Two processes may append their heads in another order than their commits; order in the file means nothing."""
    events = ledger.ask("audit.list", limit=2)
    append_head(ledger.workspace, Head(number=events[1]["number"], hash=events[1]["hash"]))
    assert findings(ledger) == []
