"""Alerts reach a real mail server and a real webhook, and one that is away is tried again later."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.monitor.conftest import *  # noqa: F403 - fixtures
from tests.monitor.conftest import START, Watched
from tests.monitor.test_alerts import after, judged

from plimsoll.integrations.notify import AppriseNotifier
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease
from plimsoll.monitor.operations import tell_people, write_alerts


class Mailbox:
    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.letters.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[str, Mailbox]]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"mailto://127.0.0.1:{port}/?from=plimsoll@example.com&to=ops@example.com", box
    controller.stop()


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Any]]]:
    received: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/alerts", received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lease(watched: Watched) -> Lease:
    (alert,) = after([], judged("amount"))
    with watched.database.write() as transaction:
        write_alerts(watched.context(), transaction, [alert])
        found = leases.take(transaction, "monitors/fraud", holder="me", now=START, lasting_s=10)
    assert found is not None
    return found


def context_of(watched: Watched) -> Any:
    from dataclasses import replace

    notifier = AppriseNotifier(watched.workspace, watched.database)
    return replace(watched.context(), plugin=lambda group, name: notifier)


def test_an_alert_is_told_by_mail_and_webhook_once(watched: Watched, lease: Lease, mail: Any, webhook: Any):
    for _ in range(2):
        tell_people(context_of(watched), lease, [mail[0], webhook[0]])
    (letter,), (page,) = mail[1].letters, webhook[1]
    assert "fraud@1 in production: drift of amount found" in letter
    assert page["title"] == "fraud@1 in production: drift of amount found"
    assert "amount drifted" in page["message"]
    assert "plimsoll alerts ack alert-1" in page["message"]


def test_an_address_that_is_away_is_tried_again_and_the_others_are_not_told_twice(
    watched: Watched, lease: Lease, webhook: Any
):
    from datetime import timedelta

    away = "json://127.0.0.1:9/alerts"
    tell_people(context_of(watched), lease, [away, webhook[0]])
    tell_people(context_of(watched), lease, [away, webhook[0]])
    assert len(webhook[1]) == 1
    with watched.database.read() as transaction:
        (row,) = transaction.all("SELECT * FROM alert_notices")
    assert (row["tries"], row["sent_at"]) == (1, "")
    assert row["problem"].startswith("json: ")
    watched.clock.advance(timedelta(seconds=61))
    tell_people(context_of(watched), lease, [away, webhook[0]])
    assert len(webhook[1]) == 1
    watched.clock.advance(timedelta(days=1))
    for _ in range(10):
        tell_people(context_of(watched), lease, [away, webhook[0]])
        watched.clock.advance(timedelta(days=1))
    with watched.database.read() as transaction:
        (row,) = transaction.all("SELECT * FROM alert_notices")
    assert row["tries"] == 6
    assert row["sent_at"] > to_text(START)


def test_an_address_that_is_none_is_said_to_be_none(watched: Watched):
    assert "no address" in AppriseNotifier(watched.workspace, watched.database).tell(
        "nonsense://x", title="t", body="b"
    )
