"""Time as an argument: the only place that reads the system's clock.

Everything that needs the time is handed a Clock, so that days can be replayed in seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a `Z`: sorts as text, the same in every database."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_microseconds(microseconds: int) -> datetime:
    """The moment that lies so long after the epoch, exactly."""
    return EPOCH + timedelta(microseconds=microseconds)


def in_microseconds(moment: datetime) -> int:
    """How long a moment lies after the epoch: the inverse of `from_microseconds`."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_text(text: str) -> datetime:
    """The inverse of `to_text`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
