"""The door's HTTP side: a raw ASGI application that speaks the Open Inference Protocol, health and metrics.

It knows one model, the project, and the routes that there are when a request arrives. Which release answers, and what
is captured and counted before the answer is sent, arms.py sees to.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

import plimsoll
from plimsoll.capture.entities import Role
from plimsoll.capture.writer import CaptureWriter
from plimsoll.serving.arms import Answered, Arms, Asked
from plimsoll.serving.entities import Limits
from plimsoll.serving.errors import BadRequest
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.metrics import Tally, family, sample
from plimsoll.serving.oip import parse
from plimsoll.serving.record import Recorder
from plimsoll.serving.routing import Routes

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
PIN = b"plimsoll-release"
"""The header by which a tester chooses the release, and by which every answer names its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, body and the headers beyond content type and length."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    kind: tuple[bytes, bytes] = _JSON


class BodyTooLarge(Exception):
    """A body beyond the limit; the rest of it was not read."""


@dataclass(slots=True, kw_only=True)
class DoorApp:
    """The ASGI application. `routes` is the pointer that a swap moves; requests keep the routes they began with."""

    model: str
    environment: str
    slot: str
    """Which of the environment's doors it is."""
    capture: CaptureWriter
    limits: Limits
    now_ns: Callable[[], int] = time.time_ns
    routes: Routes[LiveRelease] = field(default_factory=Routes)
    draining: bool = False
    """Whether every answer asks its caller to connect anew."""
    tally: Tally = field(init=False)
    arms: Arms = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(model=self.model, environment=self.environment)
        self.arms = Arms(Recorder(self.capture, environment=self.environment), self.tally, limits=self.limits)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self._answer(scope["method"], scope["path"], scope["headers"], receive)
        headers: Headers = [answer.kind, (b"content-length", b"%d" % len(answer.body)), *answer.headers]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, method: str, path: str, headers: Headers, receive: Receive) -> Answer:
        place = _place(path)
        if place is None:
            return _error(404, f"there is nothing at {path[:200]}; the model is at /v2/models/{self.model}")
        name, model, version = place
        wanted = "POST" if name == "infer" else "GET"
        if method != wanted:
            return _error(405, f"{path[:200]} takes {wanted}", (b"allow", wanted.encode()))
        if model is not None and model != self.model:
            return self._unknown(f"there is no model {model[:200]!r} here; the model is {self.model}")
        if name == "infer":
            return await self._infer(version, headers, receive)
        if version is None:
            return self._describe(name, self.routes.live)
        release = self.routes.loaded.get(version)
        return self._describe(name, release) if release else self._not_loaded(version)

    def _unknown(self, problem: str) -> Answer:
        self._count_unanswered(404)
        return _error(404, problem)

    def _not_loaded(self, pin: str) -> Answer:
        loaded = ", ".join(sorted(self.routes.loaded, key=lambda version: (len(version), version)))
        known = f"loaded: {loaded}" if loaded else "no release is loaded"
        return self._unknown(f"there is no version {pin[:200]!r} of {self.model} here; {known}")

    def _count_unanswered(self, status: int) -> None:
        self.tally.requests("", "").count(status, 0.0)

    def _describe(self, name: str, live: LiveRelease | None) -> Answer:
        ready = live is not None and live.ready and not self.draining
        match name:
            case "live":
                return _json(200, {"live": True})
            case "ready":
                return _json(200 if ready else 503, {"live": True, "ready": ready})
            case "model_ready":
                return _json(200 if ready else 503, {"name": self.model, "ready": ready})
            case "metrics":
                return Answer(200, self._metrics().encode(), kind=_TEXT)
            case "server":
                return _json(200, {"name": "plimsoll", "version": plimsoll.__version__, "extensions": []})
        if live is None:
            return _error(503, f"no release of {self.model} is live", (b"retry-after", b"1"))
        return _json(200, live.metadata, (b"plimsoll-release", live.ref.name.encode()))

    async def _infer(self, version: str | None, headers: Headers, receive: Receive) -> Answer:
        try:
            body = await _body(headers, receive, self.limits.body_bytes)
        except BodyTooLarge:
            self._count_unanswered(413)
            text = f"the body is larger than {self.limits.body_bytes} bytes; send fewer rows at once"
            return _error(413, text, (b"connection", b"close"))
        received_us, begun = self.now_ns() // 1000, time.perf_counter()
        routes = self.routes  # read once, after the body: a slow one may have outlived what it began with
        pin = version or _pin(headers)
        release = routes.pinned(pin, model=self.model) if pin else routes.live
        if release is None:
            return self._not_loaded(pin) if pin else self._none_live()
        role: Role = "candidate" if routes.split and release is routes.split.candidate else "champion"
        try:
            page = parse(body, model=self.model)
        except BadRequest as error:
            self.tally.requests(release.ref.version, role).count(400, time.perf_counter() - begun)
            return _error(400, str(error), (PIN, release.ref.name.encode()))
        asked = Asked(page=page, headers=headers, received_us=received_us, begun=begun)
        if pin:
            answered = await self.arms.pinned(release, role, asked)
        else:
            answered = await self.arms.answer(routes, asked)
        answer = self._written(answered)
        self.tally.requests(answered.attempt.release.ref.version, answered.role).count(answer.status, asked.seconds)
        return answer

    def _none_live(self) -> Answer:
        self._count_unanswered(503)
        return _error(503, f"no release of {self.model} is live", (b"retry-after", b"1"))

    def _written(self, answered: Answered) -> Answer:
        attempt = answered.attempt
        headers = [(PIN, attempt.release.ref.name.encode())]
        if answered.prediction:
            headers.append((b"plimsoll-prediction-id", answered.prediction.encode()))
        if answered.fallback_for:
            headers.append((b"plimsoll-fallback", answered.fallback_for.encode()))
        if attempt.error is not None or attempt.request is None:
            headers += [(b"retry-after", b"1")] if attempt.status == 503 else []
            return _error(attempt.status, str(attempt.error), *headers)
        body = attempt.release.write(attempt.request, attempt.outputs, prediction_id=answered.prediction)
        return Answer(200, body, tuple(headers))

    def _metrics(self) -> str:
        here = {"model": self.model, "environment": self.environment}
        live = self.routes.live
        version = {**here, "version": live.ref.version} if live else here
        shed = self.routes.split.journal.shed if self.routes.split else 0
        gauge, counter = "gauge", "counter"
        rows: tuple[tuple[str, str, str, float, dict[str, str]], ...] = (
            ("plimsoll_in_flight", gauge, "Requests being answered.", live.in_flight if live else 0, version),
            ("plimsoll_ready", gauge, "1 when the live release answers.", int(bool(live and live.ready)), version),
            (
                "plimsoll_door",
                gauge,
                "Which of the environment's doors this page is of.",
                1,
                {**here, "door": self.slot},
            ),
            ("plimsoll_worker_restarts_total", counter, "Workers lost.", live.worker_deaths if live else 0, version),
            ("plimsoll_capture_written_total", counter, "Predictions captured.", self.capture.written, here),
            ("plimsoll_capture_shed_total", counter, "Predictions not captured.", self.capture.shed, here),
            ("plimsoll_counts_shed_total", counter, "Outcomes of this rollout not counted.", shed, here),
        )
        families = (
            family(name, kind, about, [sample(name, labels, value)]) for name, kind, about, value, labels in rows
        )
        return "".join([*self.tally.families(), *families])


def _place(path: str) -> tuple[str, str | None, str | None] | None:
    """What a path names: (place, model, version); None when nothing."""
    if path in _PLAIN:
        return _PLAIN[path], None, None
    parts = path.split("/")
    if parts[:3] != ["", "v2", "models"] or len(parts) < 4:
        return None
    model, rest = parts[3], parts[4:]
    version = None
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
    name = {(): "model", ("ready",): "model_ready", ("infer",): "infer"}.get(tuple(rest))
    return (name, model, version) if name else None


_PLAIN = {
    "/v2": "server",
    "/v2/health/live": "live",
    "/v2/health/ready": "ready",
    "/metrics": "metrics",
}


async def _body(headers: Headers, receive: Receive, largest: int) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it is known to be."""
    for name, value in headers:
        if name == b"content-length" and int(value) > largest:
            raise BodyTooLarge
    message = await receive()
    if not message.get("more_body"):
        return bytes(message.get("body", b""))
    parts = bytearray(message["body"])
    while message.get("more_body"):
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > largest:
            raise BodyTooLarge
    return bytes(parts)


def _pin(headers: Headers) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == PIN), "")


def _json(status: int, page: Any, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, orjson.dumps(page), headers)


def _error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return _json(status, {"error": text}, *headers)
