"""Streams of live pages: framing, one look for all who read the same, bounds, and when they end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from tests.server.asking import Visit

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.server.errors import TooManyStreams
from plimsoll.server.pages import live
from plimsoll.server.pages.live import Feeds, event
from plimsoll.server.pages.page import FORM_TOKEN


class Subject:
    """A page that changes when told to."""

    def __init__(self):
        self.pieces = {"live_a": "one", "live_b": "same"}
        self.looks = 0
        self.known = True
        self.problem = None

    async def look(self):
        self.looks += 1
        if self.problem:
            raise self.problem
        return dict(self.pieces)

    def read(self, feeds, key="page"):
        return feeds.read(key, self.look, known=self._known, own=lambda piece: piece.replace(FORM_TOKEN, "mine"))

    async def _known(self):
        return self.known


def parsed(content):
    """Events as (name, data); what is only said to be there is left out."""
    found = []
    for text in content.decode().split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in text.splitlines())
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


async def following(stream):
    while True:
        for found in parsed(await asyncio.wait_for(anext(stream), 5)):
            return found


def playing(play):
    """Run a coroutine over feeds that look often; the bounds are small."""

    async def whole():
        feeds = Feeds(most=2, pause_s=0.01)
        await play(feeds)

    asyncio.run(whole())


def test_an_event_is_one_line_of_data_whatever_is_in_it():
    content = event("pieces", {"live_a": "<p>\nü\n\nevent: over\ndata: {}</p>"})
    assert content.count(b"\n\n") == 1
    assert content.endswith(b"\n\n")
    assert parsed(content) == [("pieces", {"live_a": "<p>\nü\n\nevent: over\ndata: {}</p>"})]


def test_all_pieces_come_first_and_then_those_that_change():
    async def play(feeds):
        subject = Subject()
        stream = subject.read(feeds)
        assert await following(stream) == ("pieces", subject.pieces)
        subject.pieces["live_a"] = f"two {FORM_TOKEN}"
        assert await following(stream) == ("pieces", {"live_a": "two mine"})
        await stream.aclose()
        assert (feeds.readers, feeds.looks) == (0, 0)

    playing(play)


def test_two_who_read_the_same_share_one_look_and_it_ends_with_the_last():
    async def play(feeds):
        subject = Subject()
        one, other = subject.read(feeds), subject.read(feeds)
        await following(one)
        await following(other)
        assert (feeds.readers, feeds.looks) == (2, 1)
        await one.aclose()
        subject.pieces["live_a"] = "two"
        assert await following(other) == ("pieces", {"live_a": "two"})
        await other.aclose()
        await asyncio.sleep(0)
        looks = subject.looks
        await asyncio.sleep(0.05)
        assert subject.looks == looks

    playing(play)


def test_no_more_readers_than_allowed():
    async def play(feeds):
        subject = Subject()
        streams = [subject.read(feeds, key=number) for number in range(2)]
        for stream in streams:
            feeds.require_room()
            await following(stream)
        with pytest.raises(TooManyStreams):
            feeds.require_room()
        await streams[0].aclose()
        feeds.require_room()
        await streams[1].aclose()

    playing(play)


def test_a_reader_whose_session_is_over_is_let_go():
    async def play(feeds):
        subject = Subject()
        stream = subject.read(feeds)
        await following(stream)
        subject.known = False
        subject.pieces["live_a"] = "secret"
        assert await following(stream) == ("over", {})
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    playing(play)


def test_a_session_that_ends_while_nothing_changes_is_noticed(monkeypatch):
    monkeypatch.setattr(live, "SILENCE_S", 0.02)

    async def play(feeds):
        subject = Subject()
        stream = subject.read(feeds)
        await following(stream)
        assert await anext(stream) == b": here\n\n"
        subject.known = False
        assert await following(stream) == ("over", {})

    playing(play)


def test_a_look_that_fails_is_told_and_tried_again(caplog):
    class Away(PlimsollError):
        code = "ledger.unavailable"
        kind = Kind.UNAVAILABLE
        text = "The ledger is away."

    async def play(feeds):
        subject = Subject()
        stream = subject.read(feeds)
        await following(stream)
        subject.problem = Away()
        assert await following(stream) == ("problem", {"text": "The ledger is away. (ledger.unavailable)"})
        subject.problem = ZeroDivisionError("a secret detail")
        name, data = await following(stream)
        assert (name, "secret" in data["text"], "incident" in data["text"]) == ("problem", False, True)
        subject.problem = None
        assert await following(stream) == ("problem", {"text": ""})
        await stream.aclose()

    playing(play)
    assert "a secret detail" in caplog.text


def test_a_server_that_stops_lets_every_reader_go():
    async def play(feeds):
        subject = Subject()
        stream = subject.read(feeds)
        await following(stream)
        feeds.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(stream), 1)

    playing(play)


@pytest.fixture
def open_stream(server):
    """Opens the stream of a page; closed at the end."""
    connections = []

    def opened(page, cookie):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connections.append(connection)
        connection.request("GET", f"/live?page={page}", headers={"Cookie": cookie})
        return connection.getresponse()

    yield opened
    for connection in connections:
        connection.close()


def next_event(answer):
    lines = b""
    while True:
        line = answer.readline()
        assert line, "the stream ended"
        lines += line
        if line == b"\n":
            if found := parsed(lines):
                return found[0]
            lines = b""


def test_a_run_of_another_process_is_seen_as_it_happens(server, open_stream):
    visit = Visit(server, server.tokens["viewer"])
    answer = open_stream("/runs", visit.cookie)
    assert (answer.status, answer.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    name, pieces = next_event(answer)
    assert (name, set(pieces)) == ("pieces", {"live_runs", "live_trouble", "live_count"})
    with subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "run", "--param", "factor=11"], cwd=server.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while True:
            name, changed = next_event(answer)
            before = pieces["live_runs"].count("<tr")
            assert name == "pieces"
            if changed["live_runs"].count("<tr") > before:
                break
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("page", "status", "code"),
    [
        ("/nowhere", 404, "server.no_such_page"),
        ("", 404, "server.no_such_page"),
        ("/audit/verification", 404, "server.no_such_page"),
    ],
)
def test_only_live_pages_have_a_stream(server, open_stream, page, status, code):
    answer = open_stream(page, Visit(server, server.tokens["viewer"]).cookie)
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (status, code)


def test_a_stream_needs_a_session_and_ends_with_it(server, open_stream):
    answer = open_stream("/", "nothing=1")
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (401, "server.no_token")
    visit = Visit(server, server.tokens["viewer"])
    answer = open_stream("/", visit.cookie)
    next_event(answer)
    server.request("POST", "/logout", headers={"Cookie": visit.cookie})
    while (found := next_event(answer))[0] == "pieces":
        pass
    assert found == ("over", {})
    assert answer.read() == b""


def test_what_is_missing_is_told_in_the_stream(server, open_stream):
    answer = open_stream("/runs/run-none", Visit(server, server.tokens["viewer"]).cookie)
    name, data = next_event(answer)
    assert (name, "run-none" in data["text"]) == ("problem", True)
