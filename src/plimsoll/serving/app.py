"""The door's HTTP side: a raw ASGI application that speaks the Open Inference Protocol, health and metrics.

It knows one model, the project, and whatever release is live when a request arrives. Every answered prediction is in
the capture before the answer is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

import plimsoll
from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.ids import new_id
from plimsoll.serving.entities import Limits
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.metrics import Requests, family, sample
from plimsoll.serving.oip import InferRequest, Output

log = logging.getLogger("plimsoll.door")

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_STATUSES = {
    "serving.bad_request": 400,
    "serving.overloaded": 503,
    "serving.too_late": 504,
    "serving.model_failed": 500,
    "serving.worker_died": 500,
}


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
    """The ASGI application. `live` is the pointer that a swap moves; requests keep the release they began with."""

    model: str
    environment: str
    capture: CaptureWriter
    limits: Limits
    now_ns: Callable[[], int] = time.time_ns
    live: LiveRelease | None = None
    draining: bool = False
    """Whether every answer asks its caller to connect anew."""
    counts: dict[str, Requests] = field(default_factory=dict)
    _unanswerable: Requests = field(init=False)

    def __post_init__(self) -> None:
        self._unanswerable = self.requests_of("")

    def requests_of(self, version: str) -> Requests:
        """The counts of one version, kept while the door lives."""
        labels = {"model": self.model, "version": version, "environment": self.environment}
        return self.counts.setdefault(version, Requests(labels))

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
        live = self.live
        if version is not None and (live is None or version != live.ref.version):
            known = f"the live one is {live.ref.version}" if live else "no release is live"
            return self._unknown(f"there is no version {version[:200]!r} of {self.model} here; {known}")
        if name == "infer":
            return await self._infer(live, headers, receive)
        return self._describe(name, live)

    def _unknown(self, problem: str) -> Answer:
        self._unanswerable.count(404, 0.0)
        return _error(404, problem)

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

    async def _infer(self, live: LiveRelease | None, headers: Headers, receive: Receive) -> Answer:
        counts = live.requests if live else self._unanswerable
        try:
            body = await _body(headers, receive, self.limits.body_bytes)
        except BodyTooLarge:
            counts.count(413, 0.0)
            text = f"the body is larger than {self.limits.body_bytes} bytes; send fewer rows at once"
            return _error(413, text, (b"connection", b"close"))
        live = self.live  # a slow body may have outlived the release that was live when it began
        if live is None:
            self._unanswerable.count(503, 0.0)
            return _error(503, f"no release of {self.model} is live", (b"retry-after", b"1"))
        begun = time.perf_counter()
        live.begin()
        try:
            answer = await self._predict(live, body, begun)
        finally:
            live.end()
        live.requests.count(answer.status, time.perf_counter() - begun)
        return answer

    async def _predict(self, live: LiveRelease, body: bytes, begun: float) -> Answer:
        received_us = self.now_ns() // 1000
        release = (b"plimsoll-release", live.ref.name.encode())
        request: InferRequest | None = None
        try:
            request = live.protocol.read(body)
            outputs = await live.score(request)
        except PlimsollError as error:
            status = _STATUSES.get(error.code, 500)
            if status == 500 and request is not None:
                log.warning("%s: %s", error.code, error)
                identifier = self._record(live, request, (), status, received_us, begun)
                return _error(status, str(error), release, (b"plimsoll-prediction-id", identifier.encode()))
            return _error(status, str(error), release, *([(b"retry-after", b"1")] if status == 503 else []))
        identifier = self._record(live, request, outputs, 200, received_us, begun)
        answer = live.protocol.write(request, outputs, prediction_id=identifier)
        return Answer(200, answer, (release, (b"plimsoll-prediction-id", identifier.encode())))

    def _record(
        self,
        live: LiveRelease,
        request: InferRequest,
        outputs: Iterable[Output],
        status: int,
        received_us: int,
        begun: float,
    ) -> str:
        """Capture a prediction under a new id."""
        identifier = new_id("prediction", at=from_microseconds(received_us))
        self.capture.append(
            {
                "id": identifier,
                "at_us": received_us,
                "release": live.ref.name,
                "digest": live.ref.digest,
                "environment": self.environment,
                "inputs": {**request.columns, **request.context},
                "outputs": {item.name: _by_row(item) for item in outputs},
                "status": status,
                "latency_s": round(time.perf_counter() - begun, 6),
            }
        )
        return identifier

    def _metrics(self) -> str:
        here = {"model": self.model, "environment": self.environment}
        live = self.live
        version = {**here, "version": live.ref.version} if live else here
        requests = list(self.counts.values())
        gauge, counter = "gauge", "counter"
        rows: tuple[tuple[str, str, str, float, dict[str, str]], ...] = (
            ("plimsoll_in_flight", gauge, "Requests being answered.", live.in_flight if live else 0, version),
            ("plimsoll_ready", gauge, "1 when the live release answers.", int(bool(live and live.ready)), version),
            ("plimsoll_worker_restarts_total", counter, "Workers lost.", live.worker_deaths if live else 0, version),
            ("plimsoll_capture_written_total", counter, "Predictions captured.", self.capture.written, here),
            ("plimsoll_capture_shed_total", counter, "Predictions not captured.", self.capture.shed, here),
        )
        return "".join(
            [
                family(
                    "plimsoll_requests_total",
                    counter,
                    "Answers to inference requests by status.",
                    (line for item in requests for line in item.counter_lines()),
                ),
                family(
                    "plimsoll_request_seconds",
                    "histogram",
                    "Time from a request's last byte to its answer.",
                    (line for item in requests for line in item.histogram_lines()),
                ),
                *(
                    family(name, kind, about, [sample(name, labels, value)])
                    for name, kind, about, value, labels in rows
                ),
            ]
        )


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


def _by_row(output: Output) -> list[Any]:
    if len(output.shape) == 1:
        return output.data
    width = output.shape[1]
    return [output.data[start : start + width] for start in range(0, len(output.data), width)]


def _json(status: int, page: Any, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, orjson.dumps(page), headers)


def _error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    return _json(status, {"error": text}, *headers)
