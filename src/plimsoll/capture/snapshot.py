"""A fold on disk: what closed journals added up to, their names, and the sticky units, so that nothing counts twice.

One file, replaced as a whole: magic, identity, length of a JSON page, the page, the arrays of units; at the end the
checksum of it all. Little-endian.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from plimsoll.capture.errors import CountsDamaged
from plimsoll.capture.fold import ArmFold, Array, Fold, StageFold, Units
from plimsoll.kernel.files import new_file, sync_folder

NAME = "folded.snapshot"
MAGIC = b"plimfold"
_IDENTITY_BYTES = 16
_NUMBER = struct.Struct("<I")
_PAGE_AT = len(MAGIC) + _IDENTITY_BYTES + _NUMBER.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What has been folded away. Without a file: nothing."""

    identity: bytes = b""
    """Differs with every snapshot that is written."""
    names: frozenset[str] = frozenset()
    """Journals whose records are in the fold, among them all that are still there."""
    fold: Fold = field(default_factory=Fold)


def read_identity(folder: Path) -> bytes:
    """Which snapshot the folder holds; empty when it has none."""
    try:
        with (folder / NAME).open("rb") as stream:
            return stream.read(len(MAGIC) + _IDENTITY_BYTES)[len(MAGIC) :]
    except FileNotFoundError:
        return b""


def read_snapshot(folder: Path) -> Snapshot:
    """The folder's snapshot. Raises CountsDamaged when it is not as it was written."""
    path = folder / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Snapshot()
    if not content.startswith(MAGIC) or _NUMBER.pack(zlib.crc32(content[: -_NUMBER.size])) != content[-_NUMBER.size :]:
        raise CountsDamaged(file=str(path))
    (length,) = _NUMBER.unpack_from(content, _PAGE_AT - _NUMBER.size)
    page = orjson.loads(content[_PAGE_AT : _PAGE_AT + length])
    arrays = _Arrays(content, _PAGE_AT + length)
    return Snapshot(
        identity=content[len(MAGIC) : len(MAGIC) + _IDENTITY_BYTES],
        names=frozenset(page["names"]),
        fold=Fold(
            stages={int(stage): _stage(counts, arrays) for stage, counts in page["stages"].items()},
            damaged=page["damaged"],
        ),
    )


def write_snapshot(folder: Path, names: frozenset[str], fold: Fold) -> None:
    """Replace the folder's snapshot; durable on return, and the old one or the new one at any moment."""
    arrays: list[bytes] = []
    page = orjson.dumps(
        {
            "names": sorted(names),
            "damaged": fold.damaged,
            "stages": {str(stage): _stage_page(counts, arrays) for stage, counts in fold.stages.items()},
        }
    )
    content = b"".join((MAGIC, secrets.token_bytes(_IDENTITY_BYTES), _NUMBER.pack(len(page)), page, *arrays))
    with new_file(folder) as new:
        with new.open("wb") as stream:
            stream.write(content)
            stream.write(_NUMBER.pack(zlib.crc32(content)))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(folder / NAME)
    sync_folder(folder)


def _stage_page(stage: StageFold, arrays: list[bytes]) -> dict[str, Any]:
    return {
        "noticed": stage.noticed,
        "fallback": _sparse(stage.fallback),
        "champion": _arm_page(stage.champion, arrays),
        "candidate": _arm_page(stage.candidate, arrays),
    }


def _arm_page(arm: ArmFold, arrays: list[bytes]) -> dict[str, Any]:
    sticky = arm.sticky
    arrays += [
        sticky.units.astype("<u8").tobytes(),
        sticky.first.astype("<u8").tobytes(),
        np.packbits(sticky.failed).tobytes(),
    ]
    return {
        "requests": arm.requests,
        "loose": arm.loose,
        "loose_errors": arm.loose_errors,
        "loose_latency": _sparse(arm.loose_latency),
        "sticky": len(sticky.units),
    }


def _stage(page: dict[str, Any], arrays: _Arrays) -> StageFold:
    stage = StageFold(noticed=page["noticed"])
    _fill(stage.fallback, page["fallback"])
    stage.champion = _arm(page["champion"], arrays)
    stage.candidate = _arm(page["candidate"], arrays)
    return stage


def _arm(page: dict[str, Any], arrays: _Arrays) -> ArmFold:
    count = page["sticky"]
    units = Units(
        units=arrays.take(np.dtype("<u8"), count),
        first=arrays.take(np.dtype("<u8"), count),
        failed=np.unpackbits(arrays.take(np.dtype("u1"), -(-count // 8)), count=count).astype(np.bool_),
    )
    arm = ArmFold(requests=page["requests"], loose=page["loose"], loose_errors=page["loose_errors"], sticky=units)
    _fill(arm.loose_latency, page["loose_latency"])
    return arm


def _sparse(buckets: Array) -> list[list[int]]:
    return [[int(bucket), int(buckets[bucket])] for bucket in np.flatnonzero(buckets)]


def _fill(buckets: Array, sparse: list[list[int]]) -> None:
    for bucket, count in sparse:
        buckets[bucket] = count


class _Arrays:
    """Takes arrays from a content one after the other."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self._at = at

    def take(self, kind: np.dtype[Any], count: int) -> Array:
        array = np.frombuffer(self._content, kind, count=count, offset=self._at).copy()
        self._at += array.nbytes
        return array
