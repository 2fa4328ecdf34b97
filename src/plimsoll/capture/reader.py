"""Reads captured predictions back: all of a folder, or one by its id. Safe beside writers at work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from plimsoll.capture.entities import OF_A_ROLLOUT, CapturedPrediction
from plimsoll.capture.segment import REPLAYED, REPLAYED_SPAN_S, SUFFIX, read_segment
from plimsoll.kernel.clock import from_microseconds, in_microseconds, to_text
from plimsoll.kernel.ids import millisecond_of

__all__ = ["CapturedPrediction", "find_prediction", "read_predictions"]

SLACK_MS = 120_000
"""Between an id and its record lie a request's deadline and what clocks were set back."""


def read_predictions(folder: Path) -> Iterator[CapturedPrediction]:
    """Every prediction captured in a folder, segment by segment in the order the segments were begun."""
    for segment in _segments(folder):
        for payload in read_segment(segment):
            yield _prediction(orjson.loads(payload))


def find_prediction(folder: Path, prediction_id: str) -> CapturedPrediction | None:
    """The captured prediction of that id, or None. Opens only segments that were being written at the id's time."""
    try:
        moment = millisecond_of(prediction_id)
    except ValueError:
        return None
    needle = prediction_id.encode()
    for segment in _segments(folder):
        if not _may_hold(segment, moment, moment):
            continue
        for payload in read_segment(segment):
            if needle in payload and (record := orjson.loads(payload))["id"] == prediction_id:
                return _prediction(record)
    return None


def read_since(folder: Path, since: datetime, *, most: int) -> list[CapturedPrediction]:
    """The latest predictions received since a moment, at most so many, oldest first.

    Opens only segments that were written to since then. Doors write theirs side by side, so each may hold the latest.
    """
    since_us = in_microseconds(since)
    found: list[dict[str, Any]] = []
    for segment in _segments(folder):
        if _ended_us(segment) < since_us:
            continue
        latest = deque(read_segment(segment), maxlen=most)
        records = (orjson.loads(payload) for payload in latest)
        found += (record for record in records if record["at_us"] >= since_us)
    found.sort(key=lambda record: record["at_us"])
    return [_prediction(record) for record in found[-most:]]


def read_fallbacks(folder: Path, rollout: str, *, since: datetime, until: datetime) -> Iterator[CapturedPrediction]:
    """The answers that were given in the stead of a rollout's candidate; its time is from `since` to `until`.

    Opens only segments that were being written then, and reads only the records that name the rollout as one does.
    """
    name, instead = rollout.encode(), b'"fallback_because":"'
    begin, end = in_microseconds(since) // 1000, in_microseconds(until) // 1000
    for segment in _segments(folder):
        if not _may_hold(segment, begin, end):
            continue
        for payload in read_segment(segment):
            if name in payload and instead in payload and instead + b'"' not in payload:
                found = _prediction(orjson.loads(payload))
                if found.rollout == rollout:
                    yield found


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _may_hold(segment: Path, begin: int, end: int) -> bool:
    """Whether a record made between two milliseconds can be in a segment: begun before, last written after."""
    try:
        begun = millisecond_of(segment.stem)
    except ValueError:
        return True
    ended = _ended_us(segment) // 1000
    return begun - SLACK_MS <= end and begin <= ended + SLACK_MS


def _ended_us(segment: Path) -> int:
    """When a segment was last written to, in microseconds since 1970, or a later moment.

    A replay's records are not of the file's time; but a segment of a replay spans a known time only.
    """
    if segment.name.startswith(f"{REPLAYED}-"):
        return (millisecond_of(segment.stem) + REPLAYED_SPAN_S * 1000) * 1000
    return segment.stat().st_mtime_ns // 1000


def _prediction(record: dict[str, Any]) -> CapturedPrediction:
    return CapturedPrediction(
        id=record["id"],
        at=to_text(from_microseconds(record["at_us"])),
        release=record["release"],
        digest=record["digest"],
        environment=record["environment"],
        inputs=record["inputs"],
        outputs=record["outputs"],
        status=record["status"],
        latency_s=record["latency_s"],
        **{name: record[name] for name in OF_A_ROLLOUT if name in record},
    )
