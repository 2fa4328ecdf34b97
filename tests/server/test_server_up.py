"""`plimsoll up` as a process: started, started twice, killed, started again, stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import pytest

from plimsoll.kernel.errors import EXIT_CODES
from plimsoll.kernel.workspace import Workspace
from plimsoll.server.errors import NotLoopback
from plimsoll.server.up import serve


def note(folder):
    return json.loads((folder / ".plimsoll" / "server.json").read_text())


def test_a_second_server_says_who_is_there(folder, start_up, command):
    first = start_up(folder)
    assert note(folder)["address"] == first.address
    second = command(folder, "up", "--port", "0")
    assert second.returncode == 2
    assert "server.already_up" in second.stderr
    assert first.address in second.stderr
    assert str(first.process.pid) in second.stderr


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
