"""Asks the running server for a link that logs a browser in: as the holder of a token, or as whoever started it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from plimsoll.edge.client import CONNECT_TIMEOUT_S, RemoteError, ServerUnreachable, parts_of
from plimsoll.server.errors import NotRunning, NotYourServer
from plimsoll.server.wiring import current_workspace

NOTE = "server.json"
"""In the workspace's state: where the server answers, and a key that its owner alone can read."""


def fresh_link() -> dict[str, Any]:
    """`login`, `until` and `person`. Raises NotRunning, NotYourServer, ServerUnreachable, BadToken."""
    token = os.environ.get("PLIMSOLL_TOKEN", "")
    url = os.environ.get("PLIMSOLL_URL", "")
    if url:
        return _ask(url, token)
    note = current_workspace().state / NOTE
    found = _read(note)
    return _ask(found["address"], token or found["key"])


def _read(note: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise NotYourServer(note=str(note)) from error
    except (OSError, ValueError) as error:
        raise NotRunning(place=str(note.parent.parent)) from error
    return found


def _ask(url: str, bearer: str) -> dict[str, Any]:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    scheme, host, port, path = parts_of(url)
    connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, port, timeout=CONNECT_TIMEOUT_S)
    try:
        connection.request("POST", f"{path}/login-links", headers={"Authorization": f"Bearer {bearer}"})
        with connection.getresponse() as response:
            document: dict[str, Any] = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise ServerUnreachable(url=url, problem=str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if "error" in document:
        raise RemoteError(document["error"])
    return document
