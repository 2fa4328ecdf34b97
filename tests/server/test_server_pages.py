"""Pages without a browser: what an empty workspace says, text from others, what is served beside them, and words."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.asking import Visit, ask

from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.errors import NoSuchPage
from plimsoll.server.pages import PAGES, find_page
from plimsoll.server.pages.visitors import _local
from plimsoll.server.pages.wording import ago, count, duration, gist, number, plainly, settings

AT = "2026-11-20T19:33:00.000000Z"
EVIL = '<script>alert(1)</script>"onload='
EMPTY = {
    "deployments.list": [], "environments.list": [], "runs.list": [], "releases.list": [], "audit.list": [],
    "alerts.list": [],
    "retrainings.list": [],
}  # fmt: skip


def test_an_empty_workspace_says_what_to_do_next(app, answers):
    answers.update(EMPTY)
    status, _, content = ask(app, "GET", "/")
    assert status == 200
    for command in (b"plimsoll run", b"plimsoll release", b"plimsoll deploy fraud@1"):
        assert command in content


def test_a_sweep_shows_its_trials_and_text_from_others_stays_text(app, answers):
    trials = [
        {"number": 0, "params": {"rate": 0.1, "kind": EVIL}, "run": "run-1", "state": "done", "value": 0.25,
         "seconds": 1.0, "error": ""},
        {"number": 1, "params": {"rate": 10.0, "kind": "b"}, "run": "run-2", "state": "failed", "value": None,
         "seconds": 1.0, "error": EVIL},
        {"number": 2, "params": {"rate": 1.0, "kind": "b"}, "run": "run-3", "state": "done", "value": 0.5,
         "seconds": 1.0, "error": ""},
    ]  # fmt: skip
    plan = {"metric": "loss", "direction": "minimize", "step": "", "method": "random", "trials": 3,
            "params": {"rate": {"log": [0.1, 10]}, "kind": [EVIL, "b"]}}  # fmt: skip
    sweep = {"id": "sweep-1", "state": "running", "error": EVIL, "started_at": AT, "created_by": "ada", "plan": plan,
             "trials": trials}  # fmt: skip
    steps = [{"step": "train", "ran": 3, "cached": 0}]
    answers.update(EMPTY)
    answers["sweeps.show"] = {"sweep": sweep, "ranking": [0, 2], "best": trials[0], "steps": steps}
    page = ask(app, "GET", "/sweeps/sweep-1")[2].decode()
    assert len(re.findall("<script[^>]*>", page)) == 1
    assert page.index('id="trial-0"') < page.index('id="trial-2"') < page.index('id="trial-1"')
    assert page.count("<circle class=") == 2 * 2 * 2
    assert "/compare?runs=run-1%2Crun-3" in page
    answers["sweeps.show"] = {"sweep": sweep | {"trials": []}, "ranking": [], "best": None, "steps": []}
    assert "No trial has begun." in ask(app, "GET", "/sweeps/sweep-1")[2].decode()
    answers["sweeps.list"] = []
    assert b"plimsoll sweep" in ask(app, "GET", "/sweeps")[2]


def test_the_overview_shows_what_there_is_and_text_from_others_stays_text(app, answers):
    run = {
        "id": "run-1", "state": "failed", "started_at": AT, "ended_at": AT, "created_by": "ada", "error": EVIL,
    }  # fmt: skip
    rollout = {
        "id": "rollout-1", "candidate": "fraud@2", "standing": "stage", "sentence": EVIL, "candidate_pct": 5.0,
        "ended_at": "", "orders": 0,
    }  # fmt: skip
    answers.update(EMPTY)
    answers["runs.list"] = [{"run": run, "finding": "inconclusive", "release": "fraud@2"}]
    answers["environments.list"] = [{"name": "staging", "after": ""}, {"name": "production", "after": "staging"}]
    answers["deployments.list"] = [
        {
            "environment": "production", "state": "unavailable", "release": "fraud@1", "digest": "d" * 64,
            "problem": EVIL, "changed_at": AT, "changed_by": "grace", "address": "http://127.0.0.1:8080",
            "rollout": rollout,
        }
    ]  # fmt: skip
    answers["releases.list"] = [
        {"name": "fraud@2", "number": 2, "created_at": AT, "created_by": EVIL, "dirty": ["a.py"]}
    ]
    answers["audit.list"] = [{"number": 3, "at": AT, "actor": "ada", "action": "release_created", "subject": EVIL}]
    page = ask(app, "GET", "/")[2].decode()
    assert re.findall("<script[^>]*>", page) == [re.search('<script src="/static/plimsoll.js[^>]*>', page)[0]]
    assert page.count("&lt;script&gt;") == 5
    for text in (
        "staging", "unavailable", "grace", "http://127.0.0.1:8080", "inconclusive", "release created", "20 Nov 19:33",
        "5 min ago", "uncommitted code", 'href="/environments/production/rollouts/rollout-1"', "20 November 2026, 19:33",
    ):  # fmt: skip
        assert text in page


def test_a_broken_project_file_hides_none_of_what_runs(app, answers):
    class Broken(PlimsollError):
        code = "project.invalid"
        text = "no"

    deployment = {
        "environment": "production", "state": "live", "release": "fraud@1", "digest": "d" * 64, "problem": "",
        "changed_at": AT, "changed_by": "grace", "address": "", "rollout": None,
    }  # fmt: skip
    answers.update({**EMPTY, "environments.list": Broken(), "deployments.list": [deployment]})
    status, _, content = ask(app, "GET", "/")
    assert status == 200
    assert b"/environments/production" in content


def test_a_problem_is_told_on_a_page_of_its_own(app, answers):
    class Gone(PlimsollError):
        code = "release.missing"
        text = "There is no fraud@9."
        hint = "Look again."

    answers.update({**EMPTY, "releases.show": Gone()})
    _, _, content = ask(app, "GET", "/releases/fraud@9")
    for text in (b"There is no fraud@9.", b"Look again.", b"release.missing"):
        assert text in content


def test_a_fault_of_ours_is_told_on_a_page_by_its_id(app, answers, caplog):
    answers.update({**EMPTY, "runs.list": ZeroDivisionError("a secret detail")})
    status, _, content = ask(app, "GET", "/runs")
    assert (status, b"server.incident" in content, b"secret" in content) == (500, True, False)
    assert "ZeroDivisionError: a secret detail" in caplog.text


@pytest.mark.parametrize(
    ("name", "type"), [("plimsoll.css", "text/css"), ("plimsoll.js", "text/javascript"), ("plimsoll.svg", "image/svg")]
)
def test_files_are_served_to_anybody_and_may_be_kept(server, name, type):
    status, headers, content = server.request("GET", f"/static/{name}")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    assert headers["content-type"].startswith(type)
    tag = headers["etag"]
    status, headers, _ = server.request("GET", f"/static/{name}?v={tag.strip(chr(34))}")
    assert (status, "immutable" in headers["cache-control"]) == (200, True)
    status, headers, again = server.request("GET", f"/static/{name}", headers={"If-None-Match": tag})
    assert (status, again, headers["etag"]) == (304, b"", tag)
    assert content


@pytest.mark.parametrize("name", ["other.js", "..%2fguard.py", "%2e%2e/app.py"])
def test_nothing_else_is_served(server, name):
    assert server.request("GET", f"/static/{name}")[0] == 404


def test_pages_may_not_load_anything_from_elsewhere_and_hold_no_script_or_style_of_their_own(server):
    visit = Visit(server, server.tokens["admin"])
    for path in (
        "/",
        "/runs",
        "/releases",
        "/audit",
        "/audit/verification",
        "/trace",
        "/docs",
        "/alerts",
        "/retrainings",
        "/environments/staging",
    ):
        status, headers, content = server.request("GET", path, headers={"Cookie": visit.cookie})
        assert status == 200, path
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'",) * 3
        page = content.decode()
        assert "<style" not in page
        assert not re.search(r'<[^>]+\s(style|on\w+)="', page), path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), path
        assert headers["cache-control"] == "no-store"


def test_every_page_is_found_by_its_address():
    page, path, query = find_page("/environments/production/rollouts/rollout-1?x=1&y=%2F")
    assert page.template == "rollout.html"
    assert (path, query) == ({"environment": "production", "rollout": "rollout-1"}, {"x": "1", "y": "/"})
    assert find_page("/releases/fraud@1")[1] == {"release": "fraud@1"}
    with pytest.raises(NoSuchPage):
        find_page("/login")


def test_live_pages_have_pieces_and_each_stands_in_an_element_of_its_name():
    folder = files("plimsoll.server") / "templates"
    for page in PAGES:
        text = (folder / page.template).read_text()
        pieces = re.findall(r"{% block (live_\w+)", text)
        assert bool(pieces) == page.live, page.path
        for piece in pieces:
            assert re.search(rf'id="{piece}"[^>]*>{{% block {piece}', text), piece


@given(st.text())
def test_a_login_leads_to_no_other_site(then):
    found = _local(then)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))


@pytest.mark.parametrize("then", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", ""])
def test_a_login_that_was_asked_to_lead_elsewhere_leads_to_the_overview(then):
    assert _local(then) == "/"


def test_times_figures_and_details_are_told_in_words():
    assert [ago(seconds) for seconds in (1, 59, 60, 3600, 86_400, 200_000)] == [
        "just now", "59 s ago", "1 min ago", "1 h ago", "24 h ago", "2 days ago",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0.018, 0.79, 12.34, 60, 200, 7500, None)] == [
        "18 ms", "0.79 s", "12.3 s", "1 min", "3 min 20 s", "2 h 5 min", "",
    ]  # fmt: skip
    assert [number(value) for value in (12345, 61.4, 2.5e6 + 0.5, None)] == [
        "12,345",
        "61.4",
        "over a million",
        "unknown",
    ]
    assert (count(1, "order"), count(2, "order")) == ("1 order", "2 orders")
    assert plainly({"a": [1, None], "b": ""}) == "a 1, none, b none"
    assert settings({"trees": 120, "without": ""}) == "trees=120, without=''"
    assert gist({"digest": "d" * 64, "environment": "staging"}) == "environment staging"
    assert gist({"digest": "d" * 64}) == "more"
    assert gist({"why": "rash", "environment": "staging"}) == "rash"
