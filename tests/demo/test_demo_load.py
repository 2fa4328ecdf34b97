"""The load generator against real servers that answer, misbehave and go away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.demo.connection import Connection, RequestFailed
from plimsoll.demo.load import Load, generate

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(reader: asyncio.StreamReader) -> bytes:
    """Read one request; its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    return await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))


def response(body: bytes = b"{}", *, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@contextlib.asynccontextmanager
async def serving(handle: Handler):
    """A server on loopback that calls `handle` for each connection; yields its address."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v2/models/fraud/infer"
    finally:
        server.close()


def load_on(url: str, **changed: Any) -> Load:
    return Load(**({"url": url, "bodies": (b'{"a":1}',), "connections": 2, "rate": 0.0, "count": 20} | changed))


def run_load(handle: Handler, **changed: Any) -> dict[str, Any]:
    async def story() -> dict[str, Any]:
        async with serving(handle) as url:
            return await generate(load_on(url, **changed))

    return asyncio.run(story())


def test_every_request_is_answered_and_counted():
    bodies = []

    async def handle(reader, writer):
        while True:
            bodies.append(await request(reader))
            extra = f"Plimsoll-Release: fraud@1\r\nPlimsoll-Prediction-Id: id-{len(bodies)}\r\n"
            writer.write(response(extra=extra))

    summary = run_load(handle, bodies=(b"1", b"22"))
    assert (summary["sent"], summary["answered"], summary["failed"], summary["reopened"]) == (20, 20, 0, 0)
    assert sorted(bodies) == [b"1"] * 10 + [b"22"] * 10
    assert summary["releases"] == {"fraud@1": 20}
    assert len(summary["predictions"]) == 6
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"] <= summary["latency_ms"]["max"]


def test_a_connection_closed_between_requests_is_opened_again_and_nothing_fails():
    async def handle(reader, writer):
        for _ in range(3):
            await request(reader)
            writer.write(response())

    # Slow enough for the close to arrive before the next request is due.
    summary = run_load(handle, connections=1, count=10, rate=50)
    assert (summary["answered"], summary["failed"], summary["reopened"]) == (10, 0, 3)


def test_an_announced_close_is_followed():
    async def handle(reader, writer):
        await request(reader)
        writer.write(response(extra="Connection: close\r\n"))

    summary = run_load(handle)
    assert (summary["answered"], summary["failed"], summary["reopened"]) == (20, 0, 0)


def test_a_connection_that_breaks_under_a_request_is_a_failure():
    served = 0

    async def handle(reader, writer):
        nonlocal served
        while True:
            await request(reader)
            served += 1
            if served == 5:
                writer.write(response(b"12345")[:-2])
                return
            writer.write(response())

    summary = run_load(handle, connections=1)
    assert (summary["sent"], summary["answered"], summary["failed"]) == (20, 19, 1)
    assert summary["reasons"] == {"the connection was closed before the answer was complete": 1}


def test_an_error_status_is_a_failure_with_the_server_s_words():
    async def handle(reader, writer):
        while True:
            await request(reader)
            writer.write(response(b'{"error": "no model"}', status="503 Service Unavailable"))

    summary = run_load(handle, count=4)
    assert (summary["answered"], summary["failed"]) == (0, 4)
    assert summary["reasons"] == {'HTTP 503: {"error": "no model"}': 4}


def test_an_answer_that_does_not_come_in_time_is_a_failure():
    async def handle(reader, writer):
        await request(reader)
        await reader.read()  # until the caller hangs up

    summary = run_load(handle, connections=1, count=2, timeout_s=0.05)
    assert summary["reasons"] == {"no answer within 0.05 s": 2}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"SSH-2.0\r\n\r\n", "does not begin like HTTP"), (b"HTTP/1.1 200 OK\r\n\r\n", "no Content-Length")],
)
def test_an_answer_that_is_not_http_is_a_failure(answer, reason):
    async def handle(reader, writer):
        await request(reader)
        writer.write(answer)

    [text] = run_load(handle, connections=1, count=1)["reasons"]
    assert reason in text


def test_nobody_listening_is_a_failure_each_time():
    async def story():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await generate(load_on(f"http://127.0.0.1:{port}/", count=3))

    summary = asyncio.run(story())
    assert (summary["sent"], summary["failed"]) == (3, 3)


def test_requests_are_paced():
    async def handle(reader, writer):
        while True:
            await request(reader)
            writer.write(response())

    summary = run_load(handle, count=21, rate=100)
    assert summary["seconds"] >= 0.2


def test_only_plain_http_addresses_are_taken():
    with pytest.raises(ValueError, match="not an http:// address"):
        Connection("https://example.org/", timeout_s=1)


def test_a_failed_request_says_so_to_its_caller():
    async def story():
        async with serving(lambda reader, _: request(reader)) as url:
            connection = Connection(url, timeout_s=1)
            with pytest.raises(RequestFailed, match="closed before"):
                await connection.post(b"x")

    asyncio.run(story())


def test_the_process_ends_on_sigterm_with_one_summary_and_keeps_its_files(tmp_path: Path):
    """The status file tells when enough was sent; then SIGTERM ends the process."""

    async def handle(reader, writer):
        while True:
            await request(reader)
            writer.write(response(extra="Plimsoll-Prediction-Id: abc\r\n"))

    requests, status, ids = tmp_path / "requests.jsonl", tmp_path / "status.json", tmp_path / "ids.txt"

    async def story() -> tuple[dict[str, Any], int | None]:
        async with serving(handle) as url:
            requests.write_text('{"inputs": []}\n\n{"inputs": [1]}\n')
            command = [sys.executable, "-m", "plimsoll.demo.load", url, requests, "--rate", "500"]
            command += ["--status", status, "--ids", ids]
            process = await asyncio.create_subprocess_exec(*map(str, command), stdout=subprocess.PIPE)
            deadline = time.monotonic() + 30
            while not status.exists() or json.loads(status.read_text())["answered"] < 50:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            out, _ = await process.communicate()
            return json.loads(out), process.returncode

    summary, code = asyncio.run(story())
    assert code == 0
    assert summary == json.loads(status.read_text())
    assert ids.read_text() == "abc\n" * summary["answered"]
    assert summary["answered"] == summary["sent"] >= 50
    assert summary["predictions"] == ["abc"]


def test_a_file_without_requests_is_refused(tmp_path: Path):
    (tmp_path / "empty.jsonl").write_text("\n")
    command = [sys.executable, "-m", "plimsoll.demo.load", "http://127.0.0.1:1/", tmp_path / "empty.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds no request" in done.stderr
