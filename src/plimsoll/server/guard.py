"""What every request passes first: the host it names, the site it comes from, and headers for every answer.

A page of another site can make a browser send requests to a loopback server, and by DNS rebinding even read the
answers; both name a host, or an origin, that is not ours. There is no CORS: other sites get nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.errors import HeadersTooLarge, WrongHost, error_body, note_incident, status_of

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer browsers send their own forms with `Origin: null`
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
)
HEADER_LIMIT = 32_768
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """ASGI middleware; see the module's text. What fails unexpectedly inside of it is answered as an incident."""

    def __init__(self, app: Callable[[_Scope, _Receive, _Send], Awaitable[None]], *, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        problem: PlimsollError | None = self._problem(scope)
        if problem is None:
            try:
                await self._app(scope, receive, answer.send)
            except Exception as error:
                problem = note_incident(error, where=f"{scope['method']} {scope['path']}")
                if answer.started:
                    raise
        if problem is not None:
            await answer.send_error(problem)

    def _problem(self, scope: _Scope) -> PlimsollError | None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        if size > HEADER_LIMIT:
            return HeadersTooLarge(limit=HEADER_LIMIT)
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        for named in (host, *((urlsplit(origin).netloc or origin,) if origin else ())):
            if named not in self._hosts:
                return WrongHost(host=named, expected=min(self._hosts))
        return None


def hosts_of(port: int) -> frozenset[str]:
    """What the Host header may say to a loopback server on this port."""
    with_port = {f"{name}:{port}" for name in LOOPBACK_NAMES}
    return frozenset(with_port | set(LOOPBACK_NAMES) if port == 80 else with_port)


class _Answer:
    """Sends what the app sends, with the common headers that it does not set itself, and knows whether it has begun."""

    def __init__(self, send: _Send) -> None:
        self._send = send
        self.started = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            own = message.get("headers", ())
            named = {name for name, _ in own}
            message["headers"] = [*own, *(header for header in HEADERS if header[0] not in named)]
        await self._send(message)

    async def send_error(self, error: PlimsollError) -> None:
        body = error_body(error)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status_of(error), "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
