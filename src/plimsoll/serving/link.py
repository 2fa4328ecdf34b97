"""The door's end of a worker: many requests on one connection, and none lost when the worker is killed.

Predictions change nothing, so what a dead worker left unanswered is asked again of the next one. A worker scores in
order, so the oldest unanswered request is the one that was in it: only that one is charged with its death.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from plimsoll.kernel.errors import PlimsollError
from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.errors import BadRequest, DoesNotStart, ModelFailed, Overloaded, TooLate, WorkerDied
from plimsoll.serving.framing import GREETING, BrokenFrame, Frame, Unpacker, pack

log = logging.getLogger("plimsoll.door")

RECONNECT_S = 0.1


class Refused(Exception):
    """The worker will not load the release; `page` says why, with code, text and hint."""

    def __init__(self, page: dict[str, str]) -> None:
        super().__init__(page["text"])
        self.page = page


class _Waiting:
    __slots__ = ("answer", "deaths", "frame")

    def __init__(self, frame: bytes, answer: asyncio.Future[Frame]) -> None:
        self.frame = frame
        self.answer = answer
        self.deaths = 0


class WorkerLink:
    """Asks one release's worker, wherever it lives behind its socket."""

    def __init__(
        self, ref: ReleaseRef, socket_path: str, *, limits: Limits, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.deaths = 0
        """Connections lost since the first greeting."""
        self._ref = ref
        self._path = socket_path
        self._limits = limits
        self._changed = changed
        self._numbers = itertools.count(GREETING + 1)
        self._waiting: dict[int, _Waiting] = {}
        self._connection: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None  # the connection, once its worker has the release loaded
        self._greeted: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._connect())

    @property
    def ready(self) -> bool:
        """Whether a worker with the release loaded is connected."""
        return self._transport is not None

    async def greeting(self) -> None:
        """Return once a worker has the release loaded. Raises Refused when it will not."""
        page = await asyncio.shield(self._greeted)
        if "refused" in page:
            raise Refused(page["refused"])

    async def output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[np.float64]:
        """The model's raw output: shape (rows, classes), or (rows,) for regression.

        One that is given up stays in the worker's queue, so it counts as waiting until the worker is done with it.
        Raises Overloaded, TooLate, BadRequest, ModelFailed, WorkerDied.
        """
        if len(self._waiting) >= self._limits.waiting:
            raise Overloaded(waiting=len(self._waiting), release=self._ref.name)
        number = next(self._numbers)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(pack(number, {"rows": rows, "columns": columns}), answer)
        self._waiting[number] = waiting
        if self._transport is not None:
            self._transport.write(waiting.frame)
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                frame = await answer
                return scores_of(frame.header, frame.raw, release=self._ref.name)
        except TimeoutError as error:
            raise TooLate(release=self._ref.name, seconds=self._limits.deadline_s) from error
        finally:
            if self._transport is None:
                self._waiting.pop(number, None)

    async def close(self) -> None:
        """Leave the worker; nothing may be waiting."""
        self._closed = True
        self._task.cancel()
        self._transport = None
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> None:
        """Connect until it works. The shim owns the socket, so this waits in its queue while a worker starts."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                await loop.create_unix_connection(lambda: _Stream(self), self._path)
            except OSError as error:
                log.info("the worker's socket does not answer: %s", error)
                await asyncio.sleep(RECONNECT_S)
            else:
                return

    def connected(self, connection: asyncio.Transport) -> None:
        """There is a connection; whether its worker has the release loaded is still to be heard."""
        self._connection = connection
        if self._closed:
            connection.close()

    def arrived(self, frame: Frame, transport: asyncio.Transport) -> None:
        """A frame came from the worker."""
        if frame.request == GREETING:
            self._greet(frame.header, transport)
            return
        waiting = self._waiting.pop(frame.request, None)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(frame)

    def _greet(self, page: dict[str, Any], transport: asyncio.Transport) -> None:
        if not self._greeted.done():
            self._greeted.set_result(page)
        if "refused" in page:
            return
        self._transport = transport
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                transport.write(waiting.frame)
        self._changed()

    def lost(self) -> None:
        """The connection ended: connect again, to the worker's successor."""
        if self._closed:
            return
        if self._transport is not None:
            self._transport = None
            self.deaths += 1
            self._waiting = {number: item for number, item in self._waiting.items() if not item.answer.done()}
            self._charge_oldest()
            self._changed()
        self._task = asyncio.get_running_loop().create_task(self._connect())

    def _charge_oldest(self) -> None:
        number, oldest = next(iter(self._waiting.items()), (GREETING, None))
        if oldest is None:
            return
        oldest.deaths += 1
        if oldest.deaths >= self._limits.crashes:
            del self._waiting[number]
            oldest.answer.set_exception(WorkerDied(release=self._ref.name, times=oldest.deaths))


def scores_of(header: Mapping[str, Any], raw: bytes, *, release: str) -> NDArray[np.float64]:
    """What a worker answered. Raises BadRequest, ModelFailed."""
    if "shape" in header:
        return np.frombuffer(raw, dtype=np.float64).reshape(header["shape"])
    if header.get("invalid"):
        raise BadRequest(listing=header["text"], problems=[header["text"]], model=release.partition("@")[0])
    raise ModelFailed(release=release, problem=header["text"])


class _Stream(asyncio.Protocol):
    """One connection's bytes, cut into frames for its link."""

    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._link.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._unpacker.feed(data):
                self._link.arrived(frame, self._transport)
        except BrokenFrame:
            log.exception("the worker sent something else than frames")
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._link.lost()


def as_refusal(error: Exception, ref: ReleaseRef) -> dict[str, str]:
    """Why a release was not loaded, as code, text and hint."""
    if isinstance(error, Refused):
        return {"code": "serving.does_not_start", "hint": "", **error.page}
    if not isinstance(error, PlimsollError):
        error = DoesNotStart(release=ref.name, problem=f"{type(error).__name__}: {error}")
    return {"code": error.code, "text": str(error), "hint": error.advice}
