"""`plimsoll up` as a process: started, started twice, killed, started again, stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from plimsoll.kernel.clock import FileClock
from plimsoll.kernel.errors import EXIT_CODES
from plimsoll.kernel.workspace import Workspace
from plimsoll.server import wiring
from plimsoll.server.errors import NotLoopback
from plimsoll.server.up import serve


def pid_that_controls(folder):
    """The process that the ledger names as the controllers'; 0 for none."""
    with wiring.open_ledger(f"sqlite:///{folder}/.plimsoll/ledger.sqlite").read() as transaction:
        row = transaction.one("SELECT holder FROM leases")
    return int(row["holder"].split(" ")[-2]) if row and row["holder"] else 0


def until(reached, *, within_s=20.0):
    """Wait until something has come about."""
    give_up = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < give_up, "it never came about"
        time.sleep(0.02)


def note(folder):
    return json.loads((folder / ".plimsoll" / "server.json").read_text())


def test_a_second_server_stands_by_and_takes_over_at_once(folder, start_up):
    first = start_up(folder)
    until(lambda: pid_that_controls(folder) == first.process.pid)
    second = start_up(folder)
    assert second.address != first.address
    for server in (first, second):
        assert server.json("GET", "/healthz")[0] == 200
    assert pid_that_controls(folder) == first.process.pid
    first.end(signal.SIGKILL)
    until(lambda: pid_that_controls(folder) == second.process.pid)
    third = start_up(folder)
    second.end(signal.SIGTERM)
    until(lambda: pid_that_controls(folder) == third.process.pid)


def test_a_killed_server_leaves_nothing_in_the_way(folder, start_up):
    first = start_up(folder)
    connection = socket.create_connection(("127.0.0.1", first.port))
    first.end(signal.SIGKILL)
    again = start_up(folder, port=first.port)
    connection.close()
    assert again.address == first.address
    assert again.json("GET", "/healthz")[0] == 200
    assert note(folder)["pid"] == again.process.pid


def test_a_stopped_server_ends_with_0_and_takes_its_note_away(folder, start_up):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = start_up(folder)
        assert server.end(number) == 0
        assert not (folder / ".plimsoll" / "server.json").exists()
    assert (folder / "up.err").read_text() == ""


def test_a_taken_port_is_named(folder, command):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = command(folder, "up", "--port", str(port), "--json")
    assert answer.returncode == 2
    error = json.loads(answer.stdout)["error"]
    assert (error["code"], error["facts"]["port"]) == ("server.address_taken", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1.example.org", ""])
def test_a_bind_that_others_could_reach_is_refused(tmp_path, host):
    workspace = Workspace(root=tmp_path, state=tmp_path / ".plimsoll", ledger_url="sqlite:///nowhere")
    with pytest.raises(NotLoopback) as caught:
        serve(workspace, host=host, port=0, announce=lambda address: None)
    assert EXIT_CODES[caught.value.kind] == 4
    assert not workspace.state.exists()


def test_outside_of_a_project_nothing_is_served(tmp_path, command):
    answer = command(tmp_path, "up", "--port", "0")
    assert (answer.returncode, "project.not_found" in answer.stderr) == (2, True)


def test_people_are_told_the_address_and_that_deployments_outlive_the_server(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "up", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line)
        if line.startswith("Ctrl-C"):
            process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    text = "".join(shown)
    assert "Plimsoll is up for answers at http://127.0.0.1:" in text
    assert "?token=" in text
    assert "what is deployed goes on answering" in text


def test_the_controllers_take_a_turn_when_asked_and_see_the_time_that_the_clock_file_holds(folder, start_up, command):
    moment = datetime(1996, 5, 7, 12, 30, tzinfo=UTC)
    clock = FileClock.create(folder / ".plimsoll" / "clock", moment)
    token = json.loads(command(folder, "tokens", "create", "--json").stdout)["token"]
    server = start_up(folder)
    for day in range(3):
        clock.set(moment + timedelta(days=day))
        status, turned = server.json("POST", "/api/controllers/turn", token=token)
        assert (status, turned) == (
            200,
            {"at": f"1996-05-0{7 + day}T12:30:00.000000Z", "under_way": [], "unapproved": [], "problem": ""},
        )
    status, events = server.json("GET", "/api/audit", token=token)
    assert status == 200
    assert {event["at"][:10] for event in events} == {"1996-05-07"}, "what the record tells is of the replayed time"
    note = json.loads((folder / ".plimsoll" / "server.json").read_text())
    assert note["since"] > "2020", "a server's own time is the machine's"


def test_without_a_server_whoever_asks_takes_the_turn(folder, monkeypatch):
    monkeypatch.chdir(folder)
    turned = wiring.call("controllers.turn", {}, lambda _: None)
    assert (turned["under_way"], turned["problem"]) == ([], "")
