"""Requests straight over ASGI, and visits to a real server as a browser without script would make them."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any
from urllib.parse import urlencode


def ask(
    app: Any, method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str
) -> tuple[int, dict[bytes, bytes], bytes]:
    """One request through the app, straight over ASGI."""
    sent: list[dict[str, Any]] = []
    given = {"host": "127.0.0.1:7318", "authorization": "Bearer x", **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 7318),
        "http_version": "1.1",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()  # the client stays
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), content


class Visit:
    """A browser's session on a running server, without script."""

    def __init__(self, server: Any, token: str) -> None:
        self._server = server
        status, headers, _ = server.request("POST", "/login", body=urlencode({"token": token}).encode())
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]

    def get(self, path: str) -> tuple[int, str]:
        status, _, content = self._server.request("GET", path, headers={"Cookie": self.cookie})
        return status, html.unescape(content.decode())

    def form_token(self) -> str:
        """As any page with a form holds it."""
        found = re.search(r'name="form_token" value="(\w+)"', self.get("/environments/staging/do/stop")[1])
        assert found
        return found[1]

    def post(self, path: str, *, token: str | None = None, headers: dict[str, str] | None = None, **fields: str) -> Any:
        """Send a form; the answer's status, where it leads, and its content."""
        fields["form_token"] = self.form_token() if token is None else token
        status, answered, content = self._server.request(
            "POST", path, body=urlencode(fields).encode(), headers={"Cookie": self.cookie, **(headers or {})}
        )
        return status, answered.get("location"), html.unescape(content.decode())
