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


class ServerUnreachable(PlimsollError):
    """The server named by PLIMSOLL_URL does not answer."""

    code = "edge.server_unreachable"
    kind = Kind.UNAVAILABLE
    text = "The server at {url} cannot be reached: {problem}."
    hint = "Is `plimsoll up` running? Unset PLIMSOLL_URL to work in this process instead."


class RemoteError(PlimsollError):
    """An error that the server answered with, told here in its own words."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(**document.get("facts", {}))
        self._document = document
        self.code = document["code"]  # type: ignore[misc]
        self.kind = Kind(document["kind"])  # type: ignore[misc]

    def __str__(self) -> str:
        return str(self._document["text"])

    @property
    def advice(self) -> str:
        return str(self._document.get("hint", ""))

    def as_dict(self) -> dict[str, Any]:
        return self._document


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

    place = urlsplit(url)
    connect = HTTPSConnection if place.scheme == "https" else HTTPConnection
    connection = connect(place.hostname or "127.0.0.1", place.port)
    token = os.environ.get("PLIMSOLL_TOKEN", "")
    headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request("POST", f"{place.path.rstrip('/')}/api/call/{name}", json.dumps(payload), headers)
        response = connection.getresponse()
        for line in response:
            document = json.loads(line)
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
