"""One release's attempt to answer one request: its tensors or its error, and how long it took. Never an exception."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.kernel.errors import PlimsollError
from plimsoll.serving.errors import BadRequest, DoesNotStart, ModelFailed, TooLate
from plimsoll.serving.oip import InferRequest, Output
from plimsoll.serving.ports import Release

log = logging.getLogger("plimsoll.door")

_STATUSES = {
    "serving.bad_request": 400,
    "serving.overloaded": 503,
    "serving.does_not_start": 503,
    "serving.too_late": 504,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a release made of a request."""

    release: Release
    request: InferRequest | None
    """None when the release refused it."""
    outputs: tuple[Output, ...]
    error: PlimsollError | None
    seconds: float
    away: bool = False
    """Whether there is no answer because its worker died meanwhile, or was not there."""

    @property
    def status(self) -> int:
        """As HTTP says it."""
        return 200 if self.error is None else _STATUSES.get(self.error.code, 500)

    @property
    def bad(self) -> bool:
        """Whether the release refused the request as one that does not fit it."""
        return isinstance(self.error, BadRequest)

    def failed(self, deadline_s: float) -> bool:
        """Whether there is no answer, or only one after the deadline."""
        return self.error is not None or self.seconds > deadline_s

    def late(self, deadline_s: float) -> bool:
        """Whether it was given up at a deadline, or answered after this one. Clocks may differ by a tick."""
        return isinstance(self.error, TooLate) or self.seconds > deadline_s


async def attempt(release: Release, page: Mapping[str, Any], *, deadline_s: float | None = None) -> Attempt:
    """Let a release answer.

    With a deadline somebody else can answer instead: it is given up then, and at once when its worker is not there.
    """
    begun, deaths = time.perf_counter(), release.worker_deaths
    request: InferRequest | None = None
    outputs: tuple[Output, ...] = ()
    error: PlimsollError | None = None
    try:
        request = release.read(page)
        if deadline_s is None:
            outputs = await release.score(request)
        else:
            outputs = await _within(deadline_s, release, request)
    except PlimsollError as raised:
        error = raised
    except Exception as raised:  # whatever a model does, its caller gets an answer
        error = ModelFailed(release=release.ref.name, problem=f"{type(raised).__name__}: {raised}")
        log.exception("%s failed", release.ref.name)
    seconds = time.perf_counter() - begun
    away = isinstance(error, DoesNotStart) or (error is not None and release.worker_deaths > deaths)
    return Attempt(release=release, request=request, outputs=outputs, error=error, seconds=seconds, away=away)


def is_bad(release: Release, page: Mapping[str, Any]) -> bool:
    """Whether a release refuses a request as one that does not fit it."""
    try:
        release.read(page)
    except BadRequest:
        return True
    return False


async def _within(deadline_s: float, release: Release, request: InferRequest) -> tuple[Output, ...]:
    if not release.ready:
        raise DoesNotStart(release=release.ref.name, problem="its worker is being started again")
    try:
        async with asyncio.timeout(deadline_s):
            return await release.score(request)
    except TimeoutError as error:
        raise TooLate(release=release.ref.name, seconds=deadline_s) from error
