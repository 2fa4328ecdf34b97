"""Frames on the socket between door and worker: many requests at once on one connection, answered in any order.

A frame is `length of the rest, request id, length of the header` (32, 64 and 32 bits, little-endian), a JSON header,
and raw bytes. Request id 0 is the worker's greeting.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

GREETING = 0
LARGEST_FRAME = 256 * 1024 * 1024
_HEAD = struct.Struct("<IQI")
_AFTER_LENGTH = _HEAD.size - 4


class BrokenFrame(Exception):
    """The other side does not speak this protocol; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One request or answer."""

    request: int
    header: Any
    raw: bytes = b""


def pack(request: int, header: Any, raw: bytes = b"") -> bytes:
    """A frame as bytes."""
    text = orjson.dumps(header)
    return _HEAD.pack(_AFTER_LENGTH + len(text) + len(raw), request, len(text)) + text + raw


class Unpacker:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> Iterator[Frame]:
        """Every frame that is complete with these bytes. Raises BrokenFrame."""
        self._buffer += content
        start = 0
        try:
            while (frame := self._frame_at(start)) is not None:
                size, found = frame
                start += size
                yield found
        finally:
            del self._buffer[:start]

    def _frame_at(self, start: int) -> tuple[int, Frame] | None:
        if len(self._buffer) - start < _HEAD.size:
            return None
        length, request, header_length = _HEAD.unpack_from(self._buffer, start)
        if length > LARGEST_FRAME or header_length > length - _AFTER_LENGTH:
            raise BrokenFrame(f"a frame of {length} bytes with a header of {header_length}")
        end = start + 4 + length
        if len(self._buffer) < end:
            return None
        middle = start + _HEAD.size + header_length
        try:
            header = orjson.loads(bytes(self._buffer[start + _HEAD.size : middle]))
        except orjson.JSONDecodeError as error:
            raise BrokenFrame("a header that is not JSON") from error
        return 4 + length, Frame(request, header, bytes(self._buffer[middle:end]))
