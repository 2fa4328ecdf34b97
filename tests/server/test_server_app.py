"""The app without a socket: faults of ours, progress, and sessions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.server.asking import ask

from plimsoll.edge.context import Caller, Progress
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.sessions import LIFETIME, LINK_LIFETIME, Message, Sessions, form_token, is_form_token


@pytest.mark.parametrize("path", ["/api/call/people.list", "/api/people"])
def test_a_fault_of_ours_gets_an_id_that_the_log_has_too(app, answers, caplog, path):
    answers["people.list"] = ZeroDivisionError("a secret detail")
    status, headers, content = ask(app, "POST" if "call" in path else "GET", path)
    error = json.loads(content)["error"]
    assert error["code"] == "server.incident"
    assert b"secret detail" not in content
    assert f"incident {error['facts']['incident']}" in caplog.text
    assert "ZeroDivisionError: a secret detail" in caplog.text
    assert status == (200 if "call" in path else 500)
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_progress_comes_line_by_line_before_the_error(app, answers):
    class Refused(PlimsollError):
        code = "test.refused"
        text = "no"

    def work(context):
        context.progress(Progress(task="train", message="line\nbreak ü", done=1, total=2))
        raise Refused

    answers["runs.create"] = work
    _, _, content = ask(app, "POST", "/api/call/runs.create", b"{}")
    first, second = content.splitlines()
    assert json.loads(first) == {
        "progress": {"task": "train", "message": "line\nbreak ü", "done": 1, "total": 2, "stays": False}
    }
    assert json.loads(second)["error"]["code"] == "test.refused"


def test_sessions_end_after_their_time_and_links_after_their_use():
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    sessions = Sessions(clock)
    ada = Caller(name="ada")
    link, until = sessions.new_link(lambda: ada)
    assert until == clock.now() + LINK_LIFETIME
    session = sessions.use_link(link)
    assert session is not None
    assert sessions.use_link(link) is None
    assert sessions.caller(session) == ada
    assert sessions.caller(link) is None
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert sessions.caller(session) == ada
    clock.advance(timedelta(seconds=1))
    assert sessions.caller(session) is None


def test_a_link_is_good_for_ten_minutes():
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    sessions = Sessions(clock)
    ada = Caller(name="ada")
    early, late = sessions.new_link(lambda: ada)[0], sessions.new_link(lambda: ada)[0]
    clock.advance(LINK_LIFETIME - timedelta(seconds=1))
    assert sessions.use_link(early) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.use_link(late) is None


def test_a_message_is_told_once_to_its_own_session():
    sessions = Sessions(ManualClock(datetime(2026, 11, 20, tzinfo=UTC)))
    ours, theirs = sessions.begin(lambda: Caller(name="ada")), sessions.begin(lambda: Caller(name="ada"))
    sessions.leave_message(ours, Message(good=True, text="done"))
    sessions.leave_message("no session", Message(good=True, text="done"))
    assert sessions.take_message(theirs) is None
    assert sessions.take_message(ours) == Message(good=True, text="done")
    assert sessions.take_message(ours) is None
    assert sessions.take_message("no session") is None


def test_a_form_token_is_its_sessions_own_and_does_not_tell_the_secret():
    assert is_form_token(form_token("secret"), "secret")
    assert not is_form_token(form_token("secret"), "another")
    assert not is_form_token("", "secret")
    assert "secret" not in form_token("secret")
