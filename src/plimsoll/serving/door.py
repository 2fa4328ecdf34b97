"""The door: a process that answers an environment's requests, whatever releases are loaded.

It inherits the listening socket and a control channel from the shim. Over the channel it is told, in absolute terms,
what to load and how to answer, and tells which workers it needs and how it is. It ends when the channel does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.clock import FileClock
from plimsoll.serving.app import DoorApp
from plimsoll.serving.entities import Limits, ReleaseRef, Wanted
from plimsoll.serving.swap import Swapper

log = logging.getLogger("plimsoll.door")

IDLE_S = 75
"""How long a connection may stay idle."""
DRAIN_S = 10.0
LINGER_S = 1.0
"""At the end, how long idle connections are kept for a last request, which is told to connect anew."""
COPIES_S = 3.0
"""At the end, how long copies in flight may take after the last answer."""
LIMITS = Limits()


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="plimsoll.serving.door", description=__doc__)
    parser.add_argument("--slot", required=True, help="which of the environment's doors this is")
    parser.add_argument("--listen", type=int, required=True, help="file descriptor of the listening socket")
    parser.add_argument("--channel", type=int, required=True, help="file descriptor of the shim's channel")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        listener, channel = socket.socket(fileno=options.listen), socket.socket(fileno=options.channel)
        runner.run(_serve(options.slot, listener, channel))
    logging.shutdown()
    os._exit(0)  # nothing is left to do; threads of native libraries must not delay it


def _fast_loop() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(slot: str, listener: socket.socket, channel: socket.socket) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    reader, writer = await asyncio.open_connection(sock=channel)
    first = await reader.readline()
    if not first:
        return
    message = json.loads(first)
    desired = message["desired"]
    replayed = desired.get("clock", "")
    now_ns = FileClock(Path(replayed)).now_ns if replayed else time.time_ns
    app = DoorApp(
        model=desired["project"],
        environment=desired["environment"],
        slot=slot,
        capture=CaptureWriter(Path(desired["capture"]), now_ns=now_ns, replayed=bool(replayed)),
        limits=LIMITS,
        now_ns=now_ns,
    )

    def tell(page: dict[str, Any]) -> None:
        if not writer.is_closing():  # the shim is gone: what is in flight is still answered
            writer.write(json.dumps(page).encode() + b"\n")

    swapper = Swapper(app, keys=Path(desired["keys"]), counts=Path(desired["counts"]), tell=tell)
    _heed(swapper, message)
    swapping = asyncio.create_task(swapper.run())
    watching = asyncio.create_task(swapper.watch_disk())
    listening = asyncio.create_task(_listen(reader, swapper, ending))
    server = _Server(_config(app))
    serving = asyncio.create_task(_accept(server, listener, swapper))
    await ending.wait()
    log.info("ending")
    app.draining = True
    serving.cancel()
    await server.end()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COPIES_S):
            await app.arms.copied()
    listening.cancel()
    swapping.cancel()
    watching.cancel()
    swapper.close()
    app.capture.close()


async def _listen(reader: asyncio.StreamReader, swapper: Swapper, ending: asyncio.Event) -> None:
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            _heed(swapper, json.loads(line))
    ending.set()


def _heed(swapper: Swapper, message: dict[str, Any]) -> None:
    """Do what a message of the shim says; each kind is absolute and may come again."""
    if "sockets" in message:
        swapper.place_workers(message["sockets"])
    if "exited" in message:
        swapper.worker_exited(message["exited"])
    if "desired" in message:
        answering = message.get("answering")
        last = ReleaseRef.read(answering) if answering else None
        swapper.want(Wanted.read(message["desired"]), answering=last)


async def _accept(server: _Server, listener: socket.socket, swapper: Swapper) -> None:
    """Take connections once it is known what answers: until then they queue."""
    await swapper.settled()
    gc.collect()
    gc.freeze()  # what is loaded now stays; collections need not walk it
    await server.begin(listener)


def _config(app: DoorApp) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
    )
    config.load()
    return config


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on a request's head, which httptools itself does not have."""

    _head_bytes = 0
    _header_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Count what arrives before a head is complete; too much of it ends the connection with 431."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > LIMITS.header_bytes:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse a head whose headers grow beyond the bound while they arrive in one piece."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > LIMITS.header_bytes:
            message = "the head is too large"
            raise httptools.HttpParserError(message)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete; a body follows, which the application bounds."""
        self._in_head = False
        self._head_bytes = self._header_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next bytes begin another head."""
        self._in_head = True
        super().on_message_complete()

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handling, ended in two steps so that no request is cut off."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)

    async def begin(self, listener: socket.socket) -> None:
        """Take connections from a socket that somebody else owns."""
        await self.startup(sockets=[listener])
        await self.main_loop()

    async def end(self) -> None:
        """Stop taking connections, let those that are open finish, and tell them to connect anew."""
        if not self.started:
            return
        self.should_exit = True
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.server_state.connections:  # noqa: ASYNC110 - uvicorn tells nobody when one closes
                    await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.shutdown(sockets=[])

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """The door handles signals itself."""
        yield


if __name__ == "__main__":
    main()
