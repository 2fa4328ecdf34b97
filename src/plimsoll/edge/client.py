"""How commands reach operations: by name, in this process or over HTTP. A command does not know which.

The root command sets `local` once; with PLIMSOLL_URL in the environment the call goes to that server instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from plimsoll.edge.context import Progress
from plimsoll.kernel.errors import Kind, PlimsollError

LOCAL = "plimsoll.server.wiring:call"
"""Import string of `call(name, payload, progress) -> data`, which runs an operation in this process."""

CONNECT_TIMEOUT_S = 10
"""A server that does not take a connection in this time is not there; an answer may take as long as it needs."""


class ServerUnreachable(PlimsollError):
    """The server named by PLIMSOLL_URL does not answer."""

    code = "edge.server_unreachable"
    kind = Kind.UNAVAILABLE
    text = "The server at {url} cannot be reached: {problem}."
    hint = "Is `plimsoll up` running? Unset PLIMSOLL_URL to work in this process instead."


class NoServerUrl(PlimsollError):
    """PLIMSOLL_URL holds something else than the address of a server."""

    code = "edge.bad_url"
    kind = Kind.INVALID
    text = "PLIMSOLL_URL is {url!r}, which is not the address of a server."
    hint = "Write it as http://host:port, as `plimsoll up` prints it, or unset it to work in this process."


class RemoteError(PlimsollError):
    """An error that the server answered with, told here in its own words."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(**document.get("facts", {}))
        self._document = document
        self.code = document["code"]  # type: ignore[misc] # of the class elsewhere, of the answer here
        kinds = {str(kind): kind for kind in Kind}
        self.kind = kinds.get(document["kind"], Kind.INTERNAL)  # type: ignore[misc] # likewise

    def __str__(self) -> str:
        return str(self._document["text"])

    @property
    def advice(self) -> str:
        return str(self._document.get("hint", ""))

    def as_dict(self) -> dict[str, Any]:
        return self._document

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemoteError, (self._document,))


def ask(name: str, progress: Callable[[Progress], None], **payload: Any) -> Any:
    """Perform an operation by name and return its response as plain data. Raises PlimsollError."""
    url = os.environ.get("PLIMSOLL_URL")
    if url:
        return _over_http(url, name, payload, progress)
    module, _, function = LOCAL.partition(":")
    return getattr(import_module(module), function)(name, payload, progress)


def _over_http(url: str, name: str, payload: dict[str, Any], progress: Callable[[Progress], None]) -> Any:
    """POST /api/call/NAME; the answer is one JSON document a line: progress lines, then a result or an error."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    scheme, host, port, path = parts_of(url)
    connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, port, timeout=CONNECT_TIMEOUT_S)
    token = os.environ.get("PLIMSOLL_TOKEN", "")
    headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.connect()
        connection.sock.settimeout(None)  # a run may be silent for as long as its longest step
        connection.request("POST", f"{path}/api/call/{name}", json.dumps(payload), headers)
        with connection.getresponse() as response:
            for line in response:
                document = _document(line, response.status)
                if "progress" in document:
                    progress(Progress(**document["progress"]))
                elif "error" in document:
                    raise RemoteError(document["error"])
                else:
                    return document["result"]
    except (OSError, HTTPException, ValueError) as error:
        raise ServerUnreachable(url=url, problem=str(error) or type(error).__name__) from error
    finally:
        connection.close()
    raise ServerUnreachable(url=url, problem="the answer ended before its result")


def parts_of(url: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path of a server's address. Raises NoServerUrl."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise NoServerUrl(url=url) from error
    if place.scheme not in ("http", "https") or not place.hostname:
        raise NoServerUrl(url=url)
    return place.scheme, place.hostname, port, place.path.rstrip("/")


def _document(line: bytes, status: int) -> dict[str, Any]:
    """One line of the answer. Raises ValueError that says so when whatever answered is no server of ours."""
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    known = isinstance(document, dict) and document.keys() & {"progress", "result", "error"}
    if not known:
        message = f"it answered HTTP {status} with something else than Plimsoll's API does"
        raise ValueError(message)
    return dict(document)
