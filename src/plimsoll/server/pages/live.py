"""Pages that keep themselves up to date: a stream of the pieces that changed, one look for all who read the same.

A feed looks at one page for one caller, as often as leaves nineteen twentieths of its time to others, and stops when
nobody reads it. A reader is told of every change once, and let go when its session is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.errors import TooManyStreams, note_incident

MOST_READERS = 64
PAUSE_S = 0.5
"""Between two looks at one page, at least."""
SHARE = 20
"""A look is followed by a pause of so many times its length, at least."""
SILENCE_S = 5.0
"""After so long without a change a reader hears that the server is there, and its session is looked up anew."""

Look = Callable[[], Awaitable[dict[str, str]]]
"""The page's pieces as they are now: id -> HTML."""


@dataclass(slots=True, kw_only=True)
class _Feed:
    """One page for one caller."""

    pieces: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    readers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Feeds:
    """All streams of one server."""

    def __init__(self, *, most: int = MOST_READERS, pause_s: float = PAUSE_S) -> None:
        self._feeds: dict[Hashable, _Feed] = {}
        self._most = most
        self._pause_s = pause_s
        self._closed = False

    @property
    def readers(self) -> int:
        return sum(feed.readers for feed in self._feeds.values())

    @property
    def looks(self) -> int:
        """Pages that are looked at now."""
        return len(self._feeds)

    def close(self) -> None:
        """Let every reader go, so that the server can stop."""
        self._closed = True
        for feed in self._feeds.values():
            feed.tell()

    def require_room(self) -> None:
        """Raises TooManyStreams."""
        if self.readers >= self._most:
            raise TooManyStreams(limit=self._most)

    async def read(
        self, key: Hashable, look: Look, *, known: Callable[[], Awaitable[bool]], own: Callable[[str], str]
    ) -> AsyncIterator[bytes]:
        """Server-sent events: first every piece, then those that change, until the reader goes or is not known any more.

        key: page and caller; who shares it shares one look. own: makes a piece the reader's own.
        """
        feed = self._feeds.setdefault(key, _Feed())
        feed.readers += 1
        if feed.task is None:
            feed.task = asyncio.create_task(self._keep_looking(feed, look))
        sent: dict[str, str] = {}
        problem = ""
        try:
            while not self._closed:
                changed = feed.changed  # before the pieces are read, so that no change is missed
                if not await known():
                    yield event("over", {})
                    return
                news = {name: piece for name, piece in feed.pieces.items() if sent.get(name) != piece}
                if news:
                    sent |= news
                    yield event("pieces", {name: own(piece) for name, piece in news.items()})
                if feed.problem != problem:
                    problem = feed.problem
                    yield event("problem", {"text": problem})
                if not await _happens(changed, within_s=SILENCE_S):
                    yield b": here\n\n"
        finally:
            feed.readers -= 1
            if not feed.readers:
                self._feeds.pop(key, None)
                feed.task.cancel()

    async def _keep_looking(self, feed: _Feed, look: Look) -> None:
        while True:
            begun = time.monotonic()
            before = (feed.pieces, feed.problem)
            try:
                feed.pieces, feed.problem = await look(), ""
            except PlimsollError as error:
                feed.problem = f"{error} ({error.code})"
            except Exception as error:  # noqa: BLE001 - the edge: readers get an id, the log the traceback
                feed.problem = str(note_incident(error, where="a live page"))
            if (feed.pieces, feed.problem) != before:
                feed.tell()
            await asyncio.sleep(max(self._pause_s, SHARE * (time.monotonic() - begun)))


def event(name: str, data: dict[str, str]) -> bytes:
    """One server-sent event; JSON has no line breaks of its own, so the data is one line."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def _happens(what: asyncio.Event, *, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(what.wait(), within_s)
        return True
    return False
