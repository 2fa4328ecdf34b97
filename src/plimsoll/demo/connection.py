"""One keep-alive HTTP/1.1 connection, just enough to post JSON: what a load generator needs and no more.

It tells apart what a caller must tell apart: a connection that the peer closed while it was idle, when nothing was
sent and opening another loses nothing, and one that broke with a request under way.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_HEADER_BYTES = 64 * 1024


class RequestFailed(Exception):
    """A request was sent, or could not be sent, and no answer came. The text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole response. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection to one URL that is opened when needed, and again when the peer closed it between requests."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        place = urlsplit(url)
        if place.scheme != "http" or not place.hostname:
            message = f"{url!r} is not an http:// address"
            raise ValueError(message)
        self._host, self._port = place.hostname, place.port or 80
        self._start = f"POST {place.path or '/'} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        self._timeout_s = timeout_s
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.reopened = 0
        """How often the peer had closed the connection while no request was under way."""

    def close(self) -> None:
        """Close it; another request would open it anew."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def post(self, body: bytes) -> Answer:
        """Send a body, wait for its answer. Raises RequestFailed; the next request opens a new connection then."""
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._open()
                writer.write(f"{self._start}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
                answer = await _read_answer(reader)
        except TimeoutError as error:
            self.close()
            raise RequestFailed(f"no answer within {self._timeout_s:g} s") from error
        except asyncio.IncompleteReadError as error:
            self.close()
            raise RequestFailed("the connection was closed before the answer was complete") from error
        except (OSError, ValueError) as error:
            self.close()
            raise RequestFailed(str(error) or type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._writer is not None:
            if not self._reader.at_eof() and not self._writer.is_closing():
                return self._reader, self._writer
            self.close()
            self.reopened += 1
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=MOST_HEADER_BYTES)
        return self._reader, self._writer


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError("the answer's headers are too long") from error
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdecimal():
        message = f"the answer does not begin like HTTP: {first[:80]!r}"
        raise ValueError(message)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise ValueError("the answer has no Content-Length")
    return Answer(status=int(parts[1]), headers=headers, body=await reader.readexactly(int(length)))
