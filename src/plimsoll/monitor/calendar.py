"""Which windows are over, and which days and weeks end with one. Pure; in UTC, weeks begin on Monday."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from plimsoll.data.phases import DAY, SECOND, moment_of, spans_of
from plimsoll.kernel.clock import in_microseconds
from plimsoll.monitor.entities import Span

MOST_WINDOWS = 2_000
"""Windows that are measured in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A span of time that is over."""

    span: Span
    begin: datetime
    end: datetime


def floor_to(moment: datetime, length_s: float) -> datetime:
    """The beginning of the window that a moment lies in; windows are aligned to the beginning of 1970."""
    at, step = in_microseconds(moment), round(length_s * SECOND)
    return moment_of(at - at % step)


def windows_over(
    since: datetime, now: datetime, *, length_s: float, grace_s: float
) -> tuple[datetime, datetime] | None:
    """From where to where windows are over and not measured yet, at most MOST_WINDOWS of them; None when none is.

    since: until where they are measured, the end of a window. grace_s: so long after its end a window is complete.
    """
    until = floor_to(now - timedelta(seconds=grace_s), length_s)
    until = min(until, since + timedelta(seconds=length_s) * MOST_WINDOWS)
    return (since, until) if until > since else None


def stretches(begin: datetime, end: datetime, *, length_s: float) -> Iterator[Stretch]:
    """Every span that ends after `begin` and not after `end`, in the order of their ends, shorter ones first."""
    at = begin
    while at < end:
        at += timedelta(seconds=length_s)
        for name, lasting_s in spans_of(length_s).items():
            span = Span(name)
            if _ends(span, at):
                yield Stretch(span=span, begin=at - timedelta(seconds=lasting_s), end=at)


def days_over(since: datetime, now: datetime, *, delay: timedelta) -> Iterator[datetime]:
    """The beginnings of the days from `since` on whose predictions have all reached an age."""
    day = floor_to(since, DAY)
    while day + timedelta(days=1) + delay <= now:
        yield day
        day += timedelta(days=1)


def _ends(span: Span, at: datetime) -> bool:
    """Whether a span ends at a window's end."""
    midnight = floor_to(at, DAY) == at
    return span is Span.WINDOW or (midnight and (span is Span.DAY or at.weekday() == 0))
