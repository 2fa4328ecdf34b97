"""`plimsoll up`: one process that serves the API and pages, and runs the controllers' loop.

What is deployed does not depend on it: doors outlive the server, and the loop restarts what died while it was away.
Several may run for one ledger: one of them works, the others stand by.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from plimsoll.edge.context import Caller, Context, Progress
from plimsoll.governance.operations import authenticate, caller_named, local_caller
from plimsoll.kernel.clock import SystemClock, to_text, workspace_clock
from plimsoll.kernel.files import replace_text
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.server.app import Api, create_app
from plimsoll.server.errors import AddressTaken, NotLoopback
from plimsoll.server.guard import hosts_of
from plimsoll.server.login import NOTE
from plimsoll.server.loops import Loops
from plimsoll.server.pages import add_pages
from plimsoll.server.pages.visitors import login_address
from plimsoll.server.sessions import Sessions
from plimsoll.server.wiring import load_operations, make_context, open_ledger, plugin, project_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server answers, and the link that logs a browser in, once."""

    address: str
    login: str
    pid: int
    project: str


def serve(workspace: Workspace, *, host: str, port: int, announce: Callable[[Address], None]) -> None:
    """Serve until a signal ends it. announce: called once, when the address is known and connections queue.

    Raises NotLoopback, AddressTaken.
    """
    _require_loopback(host)
    with closing(_listen(host, port)) as listener:
        _log_to(workspace.logs / "server.log")
        _serve(workspace, listener, host=host, port=listener.getsockname()[1], announce=announce)


def _serve(
    workspace: Workspace,
    listener: socket.socket,
    *,
    host: str,
    port: int,
    announce: Callable[[Address], None],
) -> None:
    clock = SystemClock()  # sessions and leases last as long as they last, whatever time is replayed
    load_operations()
    database = open_ledger(workspace.ledger_url)
    owner = local_caller(database, workspace, workspace_clock(workspace))
    api = _api(workspace, database)
    sessions = Sessions(clock)
    loops = Loops(workspace, database, clock)
    plugin(workspace, "controllers", "turns").loops = loops
    app = create_app(api, hosts=hosts_of(port))
    key = secrets.token_urlsafe(32)

    def local(given: str) -> Caller | None:
        return caller_named(database, owner.name) if hmac.compare_digest(given.encode(), key.encode()) else None

    feeds = add_pages(
        app, api, sessions, clock=clock, cookie=f"plimsoll_{port}", trouble=lambda: loops.problem, local=local
    )
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    link, _ = sessions.new_link(lambda: caller_named(database, owner.name))
    address = Address(address=base, login=login_address(base, link), pid=os.getpid(), project=project_name(workspace))
    note = {"address": base, "pid": address.pid, "since": to_text(clock.now()), "what": "plimsoll up", "key": key}
    replace_text(workspace.state / NOTE, json.dumps(note) + "\n")  # only its owner may read it: the key is in it
    loops.start()
    server = _Server(_config(app), before_end=feeds.close)
    with _ended_by_signals(server):
        try:
            announce(address)
            server.run(sockets=[listener])
        finally:
            loops.stop(timeout_s=5)
            _forget(workspace.state / NOTE)
            api.threads.shutdown(wait=False, cancel_futures=True)


def _api(workspace: Workspace, database: Database) -> Api:
    def context(caller: Caller, progress: Callable[[Progress], None]) -> Context:
        return make_context(workspace, caller=caller, progress=progress)

    return Api(
        authenticate=lambda token: authenticate(database, token),
        make_context=context,
        project=lambda: project_name(workspace),
    )


class _Server(uvicorn.Server):
    """Uvicorn, ended by our own signal handlers: they are in place before anybody is told the address.

    before_end: lets the readers of streams go, who would not leave by themselves.
    """

    def __init__(self, config: uvicorn.Config, *, before_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_end = before_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",  # bounds the size of a request's headers
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would write login links down
        server_header=False,
        timeout_graceful_shutdown=3,
    )


@contextmanager
def _ended_by_signals(server: _Server) -> Iterator[None]:
    """SIGINT and SIGTERM let the server finish its requests; a second SIGINT does not wait for them."""
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget(note: Path) -> None:
    """Remove the note about this server; another one may have written its own over it."""
    with suppress(OSError, ValueError):
        if json.loads(note.read_text(encoding="utf-8"))["pid"] == os.getpid():
            note.unlink()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a killed server's connections may linger
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise AddressTaken(host=host, port=port, problem=error.strerror or str(error)) from error
    return listener


def _require_loopback(host: str) -> None:
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise NotLoopback(host=host)


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=3, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
