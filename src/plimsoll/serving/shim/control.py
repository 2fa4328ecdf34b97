"""The control socket: one JSON object a line, one answer each. A client that says nothing holds up nobody."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from plimsoll.serving.shim.log import note
from plimsoll.serving.shim.sockets import receive, send

LONGEST_LINE = 1 << 20


class Refusal(Exception):
    """A request that cannot be done: code and text go back to who asked."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.answer = {"error": {"code": code, "text": text}}


class Control:
    """Those who ask. `do` takes a request and who asks, and returns the answer; None when it is given later."""

    def __init__(
        self,
        listener: socket.socket,
        selector: selectors.BaseSelector,
        do: Callable[[dict[str, Any], socket.socket], dict[str, Any] | None],
    ) -> None:
        self.asked = time.monotonic()
        """When somebody asked something last."""
        self._selector = selector
        self._do = do
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            client.settimeout(2.0)
            heard = bytearray()

            def read(stream: socket.socket) -> None:
                self._read(stream, heard)

            self._selector.register(client, selectors.EVENT_READ, read)

    def _read(self, client: socket.socket, heard: bytearray) -> None:
        content = receive(client)
        heard += content
        if not content or len(heard) > LONGEST_LINE:
            self._selector.unregister(client)
            client.close()
            return
        while (end := heard.find(b"\n")) >= 0:
            line = bytes(heard[:end])
            del heard[: end + 1]
            answer = self._answer(line, client)
            if answer is not None:
                send(client, answer)

    def _answer(self, line: bytes, client: socket.socket) -> dict[str, Any] | None:
        self.asked = time.monotonic()
        try:
            return self._do(json.loads(line), client)
        except Refusal as refusal:
            return refusal.answer
        except (ValueError, KeyError, TypeError, OSError) as error:
            note(f"a request failed: {error!r}")
            return {"error": {"code": "serving.shim_failed", "text": f"{type(error).__name__}: {error}"}}
