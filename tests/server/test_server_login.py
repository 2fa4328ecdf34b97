"""`plimsoll login`: a fresh link for whoever started the server, and for the holder of a token."""

from __future__ import annotations

import json
import stat

from plimsoll.kernel.clock import from_text


def opens(server, link):
    status, headers, _ = server.request("GET", link.removeprefix(server.address))
    return status, {"Cookie": headers.get("set-cookie", "").partition(";")[0]}


def test_whoever_started_the_server_gets_a_link_that_works_once(server, command):
    made = command(server.folder, "login", "--json")
    link = json.loads(made.stdout)
    assert made.returncode == 0
    from_text(link["until"])
    status, session = opens(server, link["login"])
    assert status == 303
    assert server.request("GET", "/", headers=session)[0] == 200
    assert opens(server, link["login"])[0] == 401
    again = command(server.folder, "login")
    assert again.stdout.splitlines()[0].startswith(f"{server.address}/login?token=")
    assert f"logs {link['person']} in, once" in again.stdout


def test_the_note_with_the_key_is_its_owners_alone(server):
    note = server.folder / ".plimsoll" / "server.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert json.loads(note.read_text())["address"] == server.address


def test_a_token_gets_a_link_of_its_own_from_anywhere_and_its_session_ends_with_it(server, command, tmp_path):
    _, made = server.json("POST", "/api/tokens", token=server.tokens["viewer"])
    answer = command(tmp_path, "login", "--json", PLIMSOLL_URL=server.address, PLIMSOLL_TOKEN=made["token"])
    link = json.loads(answer.stdout)
    assert link["person"] == "ann"
    _, session = opens(server, link["login"])
    assert server.request("GET", "/", headers=session)[0] == 200
    server.json("DELETE", f"/api/tokens/{made['id']}", token=server.tokens["viewer"])
    assert server.request("GET", "/", headers=session)[0] == 401


def test_a_wrong_token_gets_none(server, command):
    answer = command(server.folder, "login", "--json", PLIMSOLL_TOKEN="plm_nonsense")
    assert (answer.returncode, json.loads(answer.stdout)["error"]["code"]) == (4, "governance.bad_token")
    assert server.json("POST", "/login-links")[1]["error"]["code"] == "server.no_token"


def test_where_no_server_runs_it_says_so(folder, command):
    answer = command(folder, "login", "--json")
    assert (answer.returncode, json.loads(answer.stdout)["error"]["code"]) == (5, "server.not_running")


def test_a_server_that_is_gone_cannot_be_reached(folder, command):
    (folder / ".plimsoll").mkdir()
    note = {"address": "http://127.0.0.1:9", "key": "x"}
    (folder / ".plimsoll" / "server.json").write_text(json.dumps(note))
    answer = command(folder, "login", "--json")
    assert (answer.returncode, json.loads(answer.stdout)["error"]["code"]) == (5, "edge.server_unreachable")
