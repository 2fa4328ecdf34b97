"""The app and its pages without a socket: faults of ours, text from others, and what an empty workspace shows."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from plimsoll.edge.context import Caller, Progress
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.server import app as app_module
from plimsoll.server.app import Api, create_app
from plimsoll.server.guard import hosts_of
from plimsoll.server.pages import add_pages
from plimsoll.server.sessions import LIFETIME, Sessions
from plimsoll.server.wiring import load_operations

AT = "2026-11-20T19:33:00.000000Z"
EVIL = "<script>alert(1)</script>"


def ask(app, method, path, body=b""):
    """One request through the app, straight over ASGI."""
    sent = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 7318),
        "http_version": "1.1",
        "headers": [(b"host", b"127.0.0.1:7318"), (b"authorization", b"Bearer x")],
    }

    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()  # the client stays

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), content


@pytest.fixture
def answers(monkeypatch):
    """What operations answer, by name; an exception is raised."""
    found: dict = {}

    def perform(name, payload, context):
        answer = found[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(context) if callable(answer) else answer

    monkeypatch.setattr(app_module, "perform", perform)
    return found


@pytest.fixture
def app():
    load_operations()
    api = Api(
        authenticate=lambda token: Caller(name="ada"),
        make_context=lambda caller, progress: SimpleNamespace(progress=progress),
        project=lambda: "fraud",
    )
    app = create_app(api, hosts=hosts_of(7318))
    add_pages(app, api, Sessions(ManualClock(datetime(2026, 11, 20, tzinfo=UTC))), cookie="c", trouble=lambda: "")
    yield app
    api.threads.shutdown()


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
    assert json.loads(first) == {"progress": {"task": "train", "message": "line\nbreak ü", "done": 1, "total": 2}}
    assert json.loads(second)["error"]["code"] == "test.refused"


def test_an_empty_workspace_says_what_to_do_next(app, answers):
    answers.update({"deployments.list": [], "runs.list": [], "releases.list": [], "audit.list": []})
    status, _, content = ask(app, "GET", "/")
    assert status == 200
    for command in (b"plimsoll run", b"plimsoll release", b"plimsoll deploy fraud@1"):
        assert command in content


def test_the_overview_shows_what_there_is_and_text_from_others_stays_text(app, answers):
    run = {"id": "run-1", "state": "failed", "started_at": AT, "created_by": "ada", "error": EVIL}
    answers["runs.list"] = [{"run": run, "finding": "inconclusive", "release": "fraud@2"}]
    answers["deployments.list"] = [
        {
            "environment": "production",
            "state": "unavailable",
            "release": "fraud@1",
            "digest": "d" * 64,
            "problem": EVIL,
            "changed_at": AT,
            "changed_by": "grace",
            "address": "http://127.0.0.1:8080",
            "rollout": None,
        }
    ]
    answers["releases.list"] = [
        {"name": "fraud@2", "compiled": "onnx", "created_at": AT, "created_by": EVIL, "commit": "", "dirty": ["a.py"]}
    ]
    answers["audit.list"] = [{"number": 3, "at": AT, "actor": "ada", "action": "release_created", "subject": EVIL}]
    page = ask(app, "GET", "/")[2].decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4
    for text in (
        "production",
        "unavailable",
        "grace",
        "http://127.0.0.1:8080",
        "inconclusive",
        "release created",
        "20 Nov 19:33",
    ):
        assert text in page


def test_sessions_end_after_their_time_and_links_after_their_use():
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    sessions = Sessions(clock)
    ada = Caller(name="ada")
    link = sessions.new_link(lambda: ada)
    session = sessions.use_link(link)
    assert session is not None
    assert sessions.use_link(link) is None
    assert sessions.caller(session) == ada
    assert sessions.caller(link) is None
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert sessions.caller(session) == ada
    clock.advance(timedelta(seconds=1))
    assert sessions.caller(session) is None
