"""The HTTP app of a real server: who gets in, what is refused, and that errors are the same as on the command line."""

from __future__ import annotations

import json

import pytest


def code_of(answer):
    return answer[1]["error"]["code"]


def test_health_needs_no_token_and_says_nothing_else(server):
    status, document = server.json("GET", "/healthz")
    assert (status, set(document)) == (200, {"status", "version"})


def test_every_route_needs_a_token(server):
    _, document = server.json("GET", "/openapi.json", token=server.tokens["admin"])
    routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    assert len(routes) > 20
    for method, path in [*routes, ("POST", "/api/call/people.list")]:
        answer = server.json(method, path.replace("{", "").replace("}", ""))
        assert (answer[0], code_of(answer)) == (401, "server.no_token"), path
    for page in ("/", "/docs", "/openapi.json"):
        status, _, content = server.request("GET", page)
        assert (status, b"Your token" in content) == (401, True)


@pytest.mark.parametrize("token", ["nonsense", f"plm_{'0' * 12}_{'0' * 64}", "plm_" + "x" * 100_0])
def test_a_wrong_token_is_refused(server, token):
    assert code_of(server.json("GET", "/api/people", token=token)) == "governance.bad_token"


def test_a_revoked_token_is_refused_at_once(server):
    admin = server.tokens["admin"]
    _, made = server.json("POST", "/api/tokens", token=admin, body={"person": "ann"})
    assert server.json("GET", "/api/people", token=made["token"])[0] == 200
    assert server.json("DELETE", f"/api/tokens/{made['id']}", token=admin)[0] == 200
    answer = server.json("GET", "/api/people", token=made["token"])
    assert (answer[0], code_of(answer)) == (401, "governance.bad_token")


def test_a_role_that_is_missing_is_named(server):
    answer = server.json("POST", "/api/people", token=server.tokens["viewer"], body={"person": "eve"})
    assert (answer[0], code_of(answer)) == (403, "governance.denied")
    assert "admin" in answer[1]["error"]["text"]


def test_query_and_path_become_fields_of_their_types(server):
    status, events = server.json("GET", "/api/audit?limit=2&subject=ann", token=server.tokens["viewer"])
    assert status == 200
    assert [event["subject"] for event in events] == ["ann", "ann"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/audit?limit=many", b"", 400, "edge.bad_request"),
        ("GET", "/api/audit?limit=-1", b"", 400, "edge.bad_request"),
        ("GET", "/api/audit?limitt=3", b"", 400, "edge.bad_request"),
        ("POST", "/api/people", b"{not json", 400, "server.bad_body"),
        ("POST", "/api/people", b"[" * 100_000, 400, "server.bad_body"),
        ("POST", "/api/people", b"[1]", 400, "server.bad_body"),
        ("POST", "/api/people", b"\xff\xfe", 400, "server.bad_body"),
        ("POST", "/api/people", b"", 400, "edge.bad_request"),
        ("POST", "/api/people", b"x" * 1_000_001, 413, "server.body_too_large"),
        ("POST", "/api/people", b'{"person": "ann"}', 409, "governance.person_exists"),
        ("GET", "/api/releases/answers@9", b"", 404, "release.missing"),
        ("POST", "/api/call/no.such", b"{}", 404, "edge.unknown_operation"),
        ("PUT", "/api/people", b"{}", 405, "server.no_such_page"),
        ("GET", "/elsewhere", b"", 404, "server.no_such_page"),
    ],
)
def test_refusals_are_error_documents_with_a_fitting_status(server, method, path, body, status, code):
    found, headers, content = server.request(method, path, token=server.tokens["admin"], body=body)
    assert (found, json.loads(content)["error"]["code"]) == (status, code)
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_another_host_or_site_gets_nothing(server, headers):
    status, _, content = server.request("GET", "/healthz", headers=headers)
    assert (status, json.loads(content)["error"]["code"]) == (421, "server.wrong_host")


def test_own_names_are_answered_and_no_other_site_may_read(server):
    for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", f"[::1]:{server.port}"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        status, answered, _ = server.request("GET", "/healthz", headers=headers)
        assert status == 200
        assert not [name for name in answered if name.startswith("access-control")]


def test_too_long_headers_are_refused(server):
    for path, headers in (("/healthz", {"X-Long": "x" * 40_000}), (f"/healthz?{'x' * 40_000}", {})):
        answer = server.request("GET", path, headers=headers)
        assert (answer[0], json.loads(answer[2])["error"]["code"]) == (431, "server.headers_too_large")


def test_calls_stream_progress_and_end_with_the_result(server):
    status, headers, content = server.request(
        "POST", "/api/call/runs.create", token=server.tokens["admin"], body=b'{"params": {"factor": 3}}'
    )
    lines = [json.loads(line) for line in content.splitlines()]
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert lines[:-1]
    assert all(set(line["progress"]) == {"task", "message", "done", "total", "stays"} for line in lines[:-1])
    assert lines[-1]["result"]["run"]["params"]["factor"] == 3


def test_a_runs_graph_and_logs_are_told(server):
    token = server.tokens["admin"]
    _, report = server.json("POST", "/api/runs", token=token, body={"params": {"factor": 21}})
    run = report["run"]["id"]
    _, graph = server.json("GET", f"/api/runs/{run}/graph", token=token)
    found = [(step["name"], step["needs"], step["state"]) for step in graph["steps"]]
    assert (found, graph["problem"]) == ([("numbers", [], "done"), ("total", ["numbers"], "done")], "")
    _, log = server.json("GET", f"/api/runs/{run}/steps/total/log", token=token)
    assert (log["text"], log["cut"]) == ("", False)


def test_the_openapi_document_covers_every_operation_and_all_its_references_resolve(server):
    _, document = server.json("GET", "/openapi.json", token=server.tokens["viewer"])
    names = {item["operationId"] for methods in document["paths"].values() for item in methods.values()}
    assert {"people.add", "runs.create", "releases.list", "deployments.create", "audit.verify", "trace.show"} <= names
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    references = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(schemas)
    assert all(item["responses"]["default"] for methods in document["paths"].values() for item in methods.values())


def test_the_page_of_operations_asks_for_nothing_from_elsewhere(server):
    status, headers, content = server.request("GET", "/docs", token=server.tokens["viewer"])
    page = content.decode()
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "<script" not in page
    assert "https://" not in page
    for name in ("people.add", "runs.create", "deployments.create"):
        assert f"/api/call/{name}" in page


def test_a_login_link_works_once_and_its_cookie_opens_pages_only(server):
    path = server.login.removeprefix(server.address)
    status, headers, _ = server.request("GET", path)
    cookie = headers["set-cookie"]
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    again = server.request("GET", path)
    assert (again[0], "set-cookie" in again[1]) == (401, False)

    session = {"Cookie": cookie.partition(";")[0]}
    status, _, content = server.request("GET", "/", headers=session)
    assert (status, b"What runs where" in content) == (200, True)
    status, _, _ = server.request("GET", "/api/people", headers=session)
    assert status == 401
    server.request("POST", "/logout", headers=session)
    assert server.request("GET", "/", headers=session)[0] == 401


def test_a_token_logs_in_and_its_revocation_ends_the_session(server):
    _, made = server.json("POST", "/api/tokens", token=server.tokens["viewer"])
    status, headers, _ = server.request("POST", "/login", body=f"token={made['token']}".encode())
    assert status == 303
    session = {"Cookie": headers["set-cookie"].partition(";")[0]}
    assert server.request("GET", "/docs", headers=session)[0] == 200
    server.json("DELETE", f"/api/tokens/{made['id']}", token=server.tokens["viewer"])
    assert server.request("GET", "/docs", headers=session)[0] == 401


@pytest.mark.parametrize("body", [b"", b"token=", b"token=wrong", b"\xff" * 100])
def test_a_bad_login_is_told_on_the_page(server, body):
    status, headers, content = server.request("POST", "/login", body=body)
    assert (status, "set-cookie" in headers, b"not valid" in content) == (401, False, True)


def test_somebody_without_a_role_is_told_so_on_the_page(server):
    _, made = server.json("POST", "/api/people", token=server.tokens["admin"], body={"person": "nobody-yet"})
    status, _, content = server.request("GET", "/", token=made["token"])
    assert (status, b"needs the role viewer" in content) == (403, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("people", "list"), 0),
        (("audit", "verify"), 0),
        (("run",), 0),
        (("people", "add", "Not A Slug"), 2),
        (("trace", "answers@9"), 2),
        (("people", "grant", "ann", "developer"), 4),
        (("run", "--param", "factor=x"), 6),
    ],
)
def test_commands_end_alike_here_and_over_http(server, command, arguments, code):
    who = "viewer" if code == 4 else "admin"
    here = command(server.folder, *arguments, "--json", PLIMSOLL_TOKEN=server.tokens[who])
    there = command(
        server.folder.parent, *arguments, "--json", PLIMSOLL_TOKEN=server.tokens[who], PLIMSOLL_URL=server.address
    )
    assert (here.returncode, there.returncode) == (code, code), (here.stderr, there.stderr)
    ours, theirs = json.loads(here.stdout), json.loads(there.stdout)
    assert type(ours) is type(theirs)
    if code:
        assert ours["error"]["code"] == theirs["error"]["code"]
        assert ours["error"]["kind"] == theirs["error"]["kind"]


def test_progress_of_a_remote_command_is_shown_as_it_is_locally(server, command):
    remote = command(
        server.folder.parent,
        "run",
        "--param",
        "factor=5",
        PLIMSOLL_TOKEN=server.tokens["admin"],
        PLIMSOLL_URL=server.address,
    )
    assert remote.returncode == 0, remote.stderr
    assert remote.stderr.strip()


def test_without_a_token_a_remote_command_says_how_to_get_one(server, command):
    answer = command(server.folder, "people", PLIMSOLL_URL=server.address)
    assert answer.returncode == 4
    assert "plimsoll tokens create" in answer.stderr


def test_a_server_that_is_not_there_is_unavailable(server, command):
    answer = command(server.folder, "people", PLIMSOLL_URL="http://127.0.0.1:9", PLIMSOLL_TOKEN="x")
    assert answer.returncode == 5
