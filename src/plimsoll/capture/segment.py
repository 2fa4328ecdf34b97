"""The format of a segment file: eight bytes of magic, then records, each `length, crc32, payload`.

Numbers are little-endian and 32 bits wide; the checksum is over the payload. A record is written by one write(), so a
killed process leaves whole records and at most one torn one at the end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"plimcap1"
SUFFIX = ".segment"
NAMED, REPLAYED = "capture", "replayed"
"""How the names of segments begin: of those written as time went by, and of those written at a replayed time."""
REPLAYED_SPAN_S = 86_400
"""A replayed segment holds no more of its own time, since the file's own time says nothing of when its records end."""
LARGEST_RECORD = 256 * 1024 * 1024
_HEAD = struct.Struct("<II")


def frame(payload: bytes) -> bytes:
    """A payload as it stands in a segment."""
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read_segment(path: Path) -> Iterator[bytes]:
    """The payloads of a segment in the order written; ends at the first record that is torn or does not fit its sum.

    What follows a broken record cannot be trusted to begin where it seems to, so nothing after it is read. A file
    without the magic holds nothing.
    """
    return (payload for payload, _ in read_from(path, 0))


def read_from(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    """The payloads from an offset on, each with the offset at which it ends: where to go on another time.

    offset: 0, or one that was given before.
    """
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return
        at = max(offset, len(MAGIC))
        stream.seek(at)
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            if length > LARGEST_RECORD:
                return
            payload = stream.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            at += _HEAD.size + length
            yield payload, at
