"""Buttons without a browser: who may send a form, what it leaves behind, and what the next page tells."""

from __future__ import annotations

import pytest
from tests.server.asking import Visit

from plimsoll.server.sessions import form_token

STOP = "/environments/staging/do/stop"


@pytest.fixture
def visit(server):
    return Visit(server, server.tokens["admin"])


def test_a_refusal_is_told_on_the_next_page_once(visit):
    status, then, _ = visit.post("/releases/answers@9/approve", environment="staging")
    assert (status, then) == (303, "/releases/answers@9")
    status, then, _ = visit.post(STOP, why="no longer needed")
    assert (status, then) == (303, STOP)
    page = visit.get(then)[1]
    assert "Nothing was ever deployed to staging." in page
    assert "plimsoll deploy answers@1 --env staging" in page
    assert "deployment.missing" in page
    assert "deployment.missing" not in visit.get(then)[1]


def test_an_order_that_cannot_be_undone_needs_a_reason(visit):
    for order in ("stop", "rollback", "abort", "promote"):
        path = f"/environments/staging/do/{order}"
        assert visit.post(path, why="   ")[:2] == (303, path)
        assert "needs a reason" in visit.get(path)[1]


def test_a_form_sent_without_a_field_that_it_needs_says_which(visit):
    path = "/releases/answers@9/deploy"
    assert visit.post(path)[:2] == (303, path)
    status, then, _ = visit.post("/releases/answers@9/approve")
    assert (status, then) == (303, "/releases/answers@9")


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_without_this_sessions_token_is_refused(visit, token):
    status, _, page = visit.post(STOP, token=token, why="because")
    assert status == 403
    assert "server.forged_form" in page


def test_a_form_of_another_session_is_refused(visit, server):
    theirs = Visit(server, server.tokens["viewer"])
    assert visit.form_token()
    assert visit.form_token() == visit.form_token()
    status, _, page = theirs.post(STOP, token=visit.form_token(), why="because")
    assert (status, "server.forged_form" in page) == (403, True)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_from_another_site_is_refused(visit, site):
    status, _, page = visit.post(STOP, headers={"Sec-Fetch-Site": site}, why="because")
    assert (status, "server.forged_form" in page) == (403, True)


def test_a_form_from_another_name_of_this_server_is_refused(visit, server):
    status, _, page = visit.post(STOP, headers={"Origin": f"http://localhost:{server.port}"}, why="because")
    assert (status, "server.forged_form" in page) == (403, True)
    own = {"Origin": server.address, "Sec-Fetch-Site": "same-origin"}
    assert visit.post(STOP, headers=own, why="because")[0] == 303


def test_a_form_is_no_longer_than_it_needs(visit):
    status, _, page = visit.post(STOP, why="x" * 20_000)
    assert (status, "server.body_too_large" in page) == (413, True)


def test_without_a_session_a_form_leads_to_the_login(server):
    status, _, content = server.request("POST", STOP, body=b"why=because")
    assert (status, b"Your token" in content) == (401, True)


def test_buttons_that_a_role_does_not_allow_are_not_shown_and_not_taken(server):
    visitor = Visit(server, server.tokens["viewer"])
    page = visitor.get(STOP)[1]
    assert "Needs the role operator in staging." in page
    assert "<button" not in page.partition("<main")[2]
    token = form_token(visitor.cookie.partition("=")[2])  # a viewer's page of an order holds no form to take it from
    assert visitor.post(STOP, token=token, why="because")[:2] == (303, STOP)
    assert "governance.denied" in visitor.get(STOP)[1]


def test_a_role_in_one_environment_opens_the_pages_of_all(server):
    eve = {"person": "eve", "role": "operator", "place": "staging"}
    status, made = server.json("POST", "/api/people", token=server.tokens["admin"], body=eve)
    assert status == 200, made
    visitor = Visit(server, made["token"])
    for path in ("/", "/alerts", "/retrainings"):
        status, page = visitor.get(path)
        assert (status, "governance.denied" in page) == (200, False), path
    form = page.partition('<select id="environment"')[2].partition("</select>")[0]
    assert "staging" in form
    assert "the last environment" not in form


def test_a_page_for_no_known_order_is_none(visit):
    assert visit.get("/environments/staging/do/explode")[0] == 404


def test_an_audit_page_filters_and_leads_to_older_events(visit):
    page = visit.get("/audit?subject=ann&action=role_granted")[1]
    assert "role granted" in page
    assert "person added" not in page.partition("<tbody>")[2]
    assert visit.get("/audit?action=nonsense")[0] == 400
    assert "No such event." in visit.get("/audit?subject=nobody")[1]
    assert "The record is whole" in visit.get("/audit/verification")[1]


def test_a_trace_of_nothing_known_says_so(visit):
    assert "release.missing" in visit.get("/trace?subject=answers@9")[1]


def test_after_a_login_the_page_that_was_asked_for_comes(server):
    _, _, content = server.request("GET", "/audit?subject=ann")
    assert b'name="then" value="/audit?subject=ann"' in content
    body = f"token={server.tokens['viewer']}&then=/audit?subject=ann".encode()
    assert server.request("POST", "/login", body=body)[1]["location"] == "/audit?subject=ann"
