"""Posts rows to a door: keep-alive connections, one request on each, and as many at once as one moment has.

Plain blocking sockets: what is replayed is in order of time, so there is nothing to wait for but the answer.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import urlopen

import orjson

from plimsoll.replay.entities import Rows, Tensor

TIMEOUT_S = 60.0
_PIECE = 65536


class RequestFailed(Exception):
    """No answer came; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the door said."""

    status: int
    prediction: str
    text: str = ""
    """The body of an answer that is no success."""


class Door:
    """One environment's door as a caller knows it."""

    def __init__(self, address: str, *, model: str, connections: int) -> None:
        self._model_url = f"{address}/v2/models/{model}"
        place = urlsplit(address)
        assert place.hostname is not None
        assert place.port is not None
        head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
        self._connections = [_Connection(place.hostname, place.port, head.encode()) for _ in range(connections)]

    def describe(self) -> tuple[str, tuple[Tensor, ...]]:
        """The live release, and the columns of a request to it."""
        with urlopen(self._model_url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - a door on loopback
            page = json.load(answer)
            release = answer.headers.get("plimsoll-release", "the live release")
        columns = [*page["inputs"], *page["parameters"].get("context", [])]
        return release, tuple(Tensor(name=item["name"], datatype=item["datatype"]) for item in columns)

    def send(self, bodies: Sequence[bytes]) -> list[Answer | RequestFailed]:
        """Every body's answer, in their order; at most one request is under way on a connection."""
        answers: list[Answer | RequestFailed] = []
        for start in range(0, len(bodies), len(self._connections)):
            answers += self._send_at_once(bodies[start : start + len(self._connections)])
        return answers

    def _send_at_once(self, bodies: Sequence[bytes]) -> list[Answer | RequestFailed]:
        begun = [_tried(connection, body) for connection, body in zip(self._connections, bodies, strict=False)]
        return [
            failed if failed is not None else _answered(connection)
            for connection, failed in zip(self._connections, begun, strict=False)
        ]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def body_of(rows: Rows, tensors: Sequence[Tensor]) -> bytes:
    """The request for some rows, in the Open Inference Protocol."""
    columns = zip(tensors, zip(*rows.values, strict=True), strict=True)
    shape = [len(rows.values)]
    return orjson.dumps(
        {
            "inputs": [
                {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": list(values)}
                for tensor, values in columns
            ]
        }
    )


def _tried(connection: _Connection, body: bytes) -> RequestFailed | None:
    try:
        connection.post(body)
    except OSError as error:
        connection.close()
        return RequestFailed(f"it could not be sent: {error.strerror or error}")
    return None


def _answered(connection: _Connection) -> Answer | RequestFailed:
    try:
        return connection.answer()
    except TimeoutError:
        connection.close()
        return RequestFailed(f"no answer within {TIMEOUT_S:g} s")
    except (OSError, ValueError) as error:
        connection.close()
        return RequestFailed(str(error) or type(error).__name__)


class _Connection:
    """Opened when needed, and again when the door closed it between two requests."""

    def __init__(self, host: str, port: int, head: bytes) -> None:
        self._place = (host, port)
        self._head = head
        self._socket: socket.socket | None = None

    def post(self, body: bytes) -> None:
        self._open().sendall(b"%sContent-Length: %d\r\n\r\n%s" % (self._head, len(body), body))

    def answer(self) -> Answer:
        """Raises OSError, and ValueError for what is no whole answer."""
        assert self._socket is not None
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        status = int(received[9:12])
        headers = _headers(received[:end])
        length = int(headers.get(b"content-length", b"0"))
        while len(received) < end + 4 + length:
            received += self._receive()
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        text = "" if status == 200 else received[end + 4 :].decode(errors="replace")[:300]
        return Answer(status=status, prediction=headers.get(b"plimsoll-prediction-id", b"").decode(), text=text)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is not None and _is_closed(self._socket):
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._place, timeout=TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _receive(self) -> bytes:
        assert self._socket is not None
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise ValueError("the connection was closed before the answer was complete")
        return piece


def _headers(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_closed(stream: socket.socket) -> bool:
    """Whether the peer closed the connection while nothing was under way on it."""
    stream.setblocking(False)
    try:
        return stream.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        stream.settimeout(TIMEOUT_S)
