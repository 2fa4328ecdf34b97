"""The client over a real HTTP server: progress as it comes, results, errors in the server's words, broken answers."""

from __future__ import annotations

import json
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from plimsoll.edge import client
from plimsoll.edge.client import NoServerUrl, RemoteError, ServerUnreachable, ask
from plimsoll.edge.context import Progress
from plimsoll.kernel.errors import EXIT_CODES

Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


class Server:
    """A tiny HTTP server that answers every POST as it is told and notes what came."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler, payload: send(handler, {"result": payload})
        self.seen: list[tuple[str, str | None, dict[str, Any]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.seen.append((self.path, self.headers.get("Authorization"), payload))
                server.answer(self, payload)

            def log_message(self, *_: object) -> None:
                """Quietly."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()


def send(handler: BaseHTTPRequestHandler, *documents: Any, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/x-ndjson")
    handler.end_headers()
    for document in documents:
        handler.wfile.write(document if isinstance(document, bytes) else json.dumps(document).encode() + b"\n")
        handler.wfile.flush()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setenv("PLIMSOLL_URL", server.url)
    yield server
    server.http.shutdown()
    server.thread.join()
    server.http.server_close()


def quiet(progress: Progress) -> None:
    """Nobody watches."""


def test_a_call_carries_its_fields_and_the_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_TOKEN", "plim_secret")
    assert ask("runs.create", quiet, params={"a": 1}) == {"params": {"a": 1}}
    monkeypatch.delenv("PLIMSOLL_TOKEN")
    monkeypatch.setenv("PLIMSOLL_URL", server.url + "/ml/")
    ask("runs.list", quiet)
    assert server.seen == [
        ("/api/call/runs.create", "Bearer plim_secret", {"params": {"a": 1}}),
        ("/ml/api/call/runs.list", None, {}),
    ]


def test_progress_arrives_while_the_work_goes_on(server: Server) -> None:
    arrived = threading.Event()
    waited: list[bool] = []

    def answer(handler: BaseHTTPRequestHandler, payload: dict[str, Any]) -> None:
        send(handler, {"progress": {"task": "run", "message": "train", "done": 1, "total": 2}})
        waited.append(arrived.wait(10))
        handler.wfile.write(b'{"result": null}\n')

    server.answer = answer
    seen: list[Progress] = []
    assert ask("runs.create", lambda progress: (seen.append(progress), arrived.set())) is None
    assert waited == [True], "the first line was seen before the second was sent"
    assert seen == [Progress(task="run", message="train", done=1, total=2)]


@pytest.mark.parametrize(("kind", "exit_code"), [("denied", 4), ("check_failed", 1), ("a later version's", 70)])
def test_an_error_speaks_in_the_servers_words(server: Server, kind: str, exit_code: int) -> None:
    document = {"code": "release.not_approved", "kind": kind, "text": "No {x}.", "hint": "Ask.", "facts": {"a": [1]}}
    server.answer = lambda handler, payload: send(handler, {"error": document}, status=403)
    with pytest.raises(RemoteError) as caught:
        ask("releases.create", quiet)
    error = caught.value
    assert (error.code, str(error), error.advice, error.facts) == (
        "release.not_approved",
        "No {x}.",
        "Ask.",
        {"a": [1]},
    )
    assert EXIT_CODES[error.kind] == exit_code
    assert error.as_dict() == document
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, str(again), again.kind) == (error.code, str(error), error.kind)


@pytest.mark.parametrize(
    ("lines", "status", "problem"),
    [
        ([], 200, "the answer ended before its result"),
        ([{"progress": {"task": "a", "message": "b"}}], 200, "the answer ended before its result"),
        ([b'{"resu'], 200, "it answered HTTP 200 with something else than Plimsoll's API does"),
        ([b"<html>"], 404, "it answered HTTP 404 with something else than Plimsoll's API does"),
        ([{"detail": "Not Found"}], 404, "it answered HTTP 404 with something else than Plimsoll's API does"),
        ([[1]], 200, "it answered HTTP 200 with something else than Plimsoll's API does"),
    ],
)
def test_an_answer_that_is_cut_off_or_not_ours(server: Server, lines: list[Any], status: int, problem: str) -> None:
    server.answer = lambda handler, payload: send(handler, *lines, status=status)
    with pytest.raises(ServerUnreachable) as caught:
        ask("runs.create", quiet)
    assert str(caught.value) == f"The server at {server.url} cannot be reached: {problem}."


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PLIMSOLL_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(ServerUnreachable, match="Connection refused") as caught:
        ask("runs.create", quiet)
    assert EXIT_CODES[caught.value.kind] == 5


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:port", "x"])
def test_what_is_no_address_of_a_server(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PLIMSOLL_URL", url)
    with pytest.raises(NoServerUrl, match="is not the address of a server") as caught:
        ask("runs.create", quiet)
    assert EXIT_CODES[caught.value.kind] == 2


def test_without_a_url_the_work_is_done_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLIMSOLL_URL", raising=False)
    monkeypatch.setattr("plimsoll.edge.client.LOCAL", f"{__name__}:local")
    assert ask("runs.create", quiet, a=1) == ("runs.create", {"a": 1})


def local(name: str, payload: dict[str, Any], progress: Any) -> Any:
    return name, payload


def test_a_server_that_takes_no_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_S", 0.1)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        monkeypatch.setenv("PLIMSOLL_URL", f"http://127.0.0.1:{full.getsockname()[1]}")
        with socket.create_connection(full.getsockname()), pytest.raises(ServerUnreachable) as caught:
            ask("runs.create", quiet)
    assert EXIT_CODES[caught.value.kind] == 5
    assert "timed out" in str(caught.value)
