"""Adds up the records of counting journals: exact, and the same in whatever order and pieces they come.

A sticky unit counts once per stage and arm: with the latency of its earliest request there (of two in one microsecond
the shorter) and with one error at most. No files here; numpy does the work.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from plimsoll.capture import journal
from plimsoll.capture.counts import ArmCounts, StageCounts
from plimsoll.kernel.histogram import Histogram

RECORD = np.dtype(
    [("stage", "<u2"), ("due", "<u2"), ("champion", "<u2"), ("candidate", "<u2"), ("fallback", "<u2"), ("flags", "<u2"),
     ("unit", "<u8"), ("at", "<u8"), ("sum", "<u4")]
)  # fmt: skip
"""A record of journal.py, as numpy reads it."""

Array = npt.NDArray[Any]

_BUCKETS = journal.LAST_BUCKET + 1
_BUCKET_BITS = np.uint64(journal.LAST_BUCKET.bit_length())
_BODY_BYTES = RECORD.itemsize - 4


def _no_buckets() -> Array:
    return np.zeros(_BUCKETS, np.int64)


def _no_numbers() -> Array:
    return np.zeros(0, np.uint64)


def _no_flags() -> Array:
    return np.zeros(0, np.bool_)


@dataclass(slots=True, kw_only=True)
class Units:
    """The sticky units of one arm in one stage, sorted; parallel arrays."""

    units: Array = field(default_factory=_no_numbers)
    first: Array = field(default_factory=_no_numbers)
    """Microsecond and latency bucket of the earliest request, packed so that the least one is the earliest."""
    failed: Array = field(default_factory=_no_flags)

    def add(self, units: Array, first: Array, failed: Array) -> None:
        """Take in requests, some of units known already."""
        order = np.argsort(units, kind="stable")
        units = units[order]
        begins = np.flatnonzero(np.concatenate(([True], units[1:] != units[:-1])))
        units = units[begins]
        first = np.minimum.reduceat(first[order], begins)
        failed = np.logical_or.reduceat(failed[order], begins)

        place = np.searchsorted(self.units, units)
        known = np.zeros(len(units), np.bool_)
        inside = place < len(self.units)
        known[inside] = self.units[place[inside]] == units[inside]
        at = place[known]
        self.first[at] = np.minimum(self.first[at], first[known])
        self.failed[at] |= failed[known]
        self.units = np.insert(self.units, place[~known], units[~known])
        self.first = np.insert(self.first, place[~known], first[~known])
        self.failed = np.insert(self.failed, place[~known], failed[~known])


@dataclass(slots=True, kw_only=True)
class ArmFold:
    """One arm in one stage."""

    requests: int = 0
    loose: int = 0
    """Requests that are units of their own."""
    loose_errors: int = 0
    loose_latency: Array = field(default_factory=_no_buckets)
    sticky: Units = field(default_factory=Units)

    def add(self, records: Array, *, bucket: str, tried: int, failed: int) -> None:
        """Take in the records that say this arm tried."""
        records = records[_has(records, tried)]
        self.requests += len(records)
        records = records[_has(records, journal.FRESH)]
        is_sticky = _has(records, journal.UNIT)
        has_failed = _has(records, failed)
        loose = records[~is_sticky]
        self.loose += len(loose)
        self.loose_errors += int(np.count_nonzero(has_failed[~is_sticky]))
        self.loose_latency += _by_bucket(loose[bucket])
        sticky = records[is_sticky]
        if len(sticky):
            first = sticky["at"] << _BUCKET_BITS | sticky[bucket].astype(np.uint64)
            self.sticky.add(sticky["unit"], first, has_failed[is_sticky])

    def counts(self) -> ArmCounts:
        buckets = self.sticky.first & np.uint64(journal.LAST_BUCKET)
        return ArmCounts(
            requests=self.requests,
            units=self.loose + len(self.sticky.units),
            errors=self.loose_errors + int(np.count_nonzero(self.sticky.failed)),
            latency=histogram(self.loose_latency + _by_bucket(buckets)),
        )


@dataclass(slots=True, kw_only=True)
class StageFold:
    """Both arms in one stage."""

    champion: ArmFold = field(default_factory=ArmFold)
    candidate: ArmFold = field(default_factory=ArmFold)
    noticed: int = 0
    fallback: Array = field(default_factory=_no_buckets)

    def add(self, records: Array) -> None:
        """Take in records of this stage."""
        self.champion.add(records, bucket="champion", tried=journal.CHAMPION, failed=journal.CHAMPION_FAILED)
        self.candidate.add(records, bucket="candidate", tried=journal.CANDIDATE, failed=journal.CANDIDATE_FAILED)
        self.noticed += int(np.count_nonzero(_has(records, journal.NOTICED)))
        self.fallback += _by_bucket(records["fallback"][_has(records, journal.FALLBACK)])

    def counts(self) -> StageCounts:
        return StageCounts(
            champion=self.champion.counts(),
            candidate=self.candidate.counts(),
            noticed=self.noticed,
            fallback=histogram(self.fallback),
        )


@dataclass(slots=True, kw_only=True)
class Fold:
    """Everything added up so far, by stage."""

    stages: dict[int, StageFold] = field(default_factory=dict)
    damaged: int = 0
    """Records that did not fit their checksums, and so are not in the counts."""

    def add(self, content: bytes, *, until_us: int | None = None) -> bytes:
        """Take in whole records, as they stand in a journal; each of them once.

        until_us: only those that are due by then, in microseconds since 1970; None takes all. Returns the others.
        """
        if not content:
            return b""
        records = np.frombuffer(content, RECORD)
        fits = _checksums(records) == records["sum"]
        self.damaged += int(np.count_nonzero(~fits))
        records = records[fits]
        is_due = np.ones(len(records), np.bool_) if until_us is None else due_us(records) <= np.uint64(until_us)
        self._take(records[is_due])
        return bytes(records[~is_due].tobytes())

    def _take(self, records: Array) -> None:
        for stage in np.unique(records["stage"]).tolist():
            self.stages.setdefault(stage, StageFold()).add(records[records["stage"] == stage])

    def counts(self) -> Mapping[int, StageCounts]:
        return {stage: self.stages[stage].counts() for stage in sorted(self.stages)}


def due_us(records: Array) -> Array:
    """When the outcome of each was known at the latest: microseconds since 1970."""
    return np.asarray(records["at"] + records["due"].astype(np.uint64) * np.uint64(journal.DUE_US))


def histogram(buckets: Array) -> Histogram:
    """The histogram of counts by bucket."""
    return Histogram({int(bucket): int(buckets[bucket]) for bucket in np.flatnonzero(buckets)})


def _has(records: Array, flag: int) -> Array:
    return np.asarray(records["flags"] & flag != 0)


def _by_bucket(buckets: Array) -> Array:
    return np.bincount(buckets.astype(np.intp), minlength=_BUCKETS)


def _checksums(records: Array) -> Array:
    """The CRC-32 of every record's body at once.

    A checksum of this kind is linear: of bodies of one length it is the XOR of what each byte adds by its place.
    """
    bodies = records.view(np.uint8).reshape(len(records), RECORD.itemsize)
    sums = np.full(len(records), zlib.crc32(bytes(_BODY_BYTES)), np.uint32)
    for place, table in enumerate(_added_by_place()):
        sums ^= table[bodies[:, place]]
    return sums


@cache
def _added_by_place() -> Array:
    """What each value of each byte changes in the checksum of a body of zeros, shape (bytes of a body, 256)."""
    zeros = zlib.crc32(bytes(_BODY_BYTES))
    table = np.zeros((_BODY_BYTES, 256), np.uint32)
    for place in range(_BODY_BYTES):
        body = bytearray(_BODY_BYTES)
        for value in range(256):
            body[place] = value
            table[place, value] = zlib.crc32(body) ^ zeros
    return table
