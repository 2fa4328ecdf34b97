"""The calendar of a profile: which hours are alike, and which span a moment falls in. All in UTC; weeks begin on Monday.

Pure arithmetic on microseconds since 1970, in Python and as SQL. Hours are what phases are made of: a longer window
has several of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from plimsoll.data.entities import Phase

SECOND = 1_000_000
HOUR, DAY, WEEK = 3600, 86_400, 604_800
"""In seconds."""
_MONDAY = 3 * DAY
"""1970-01-01 was a Thursday, three days after a Monday."""
_ENOUGH: tuple[tuple[Phase, int], ...] = (("hour of week", 14 * DAY), ("hour of day", 2 * DAY))
_PHASES: dict[Phase, int] = {"none": 1, "hour of day": 24, "hour of week": 168}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def phase_for(begin: datetime | None, end: datetime | None) -> Phase:
    """The finest calendar that rows over this time can tell: each of its hours must have been seen twice."""
    if begin is None or end is None:
        return "none"
    lasted = (end - begin).total_seconds() + HOUR
    return next((phase for phase, needs in _ENOUGH if lasted >= needs), "none")


def phase_count(phase: Phase) -> int:
    """How many phases there are."""
    return _PHASES[phase]


def phase_of(moments_s: NDArray[np.int64], phase: Phase) -> NDArray[np.int64]:
    """The number of the phase of each moment, given in seconds since 1970."""
    return (moments_s + _MONDAY) // HOUR % _PHASES[phase]


def phase_sql(moment_us: str, phase: Phase) -> str:
    """The same as SQL over an expression of microseconds since 1970."""
    hours = f"({floor_sql(moment_us, HOUR * SECOND)} + {_MONDAY * SECOND}) / {HOUR * SECOND}"
    return f"CAST({hours} AS BIGINT) % {_PHASES[phase]}" if _PHASES[phase] > 1 else "0"


def spans_of(window_s: float) -> dict[str, int]:
    """The spans over which rows are judged, shortest first, in seconds: the window; the day and the week if longer."""
    window = max(round(window_s), 1)
    return {"window": window} | {name: span for name, span in (("day", DAY), ("week", WEEK)) if span > window}


def floor_sql(moment_us: str, step_us: int) -> str:
    """The last multiple of the step at or before a moment, both in microseconds."""
    rest = f"({moment_us}) % {step_us}"
    return f"(({moment_us}) - (({rest}) + {step_us}) % {step_us})"


def blocks_of(moments_s: NDArray[np.int64], span_s: int) -> NDArray[np.int64]:
    """The number of the span that each moment falls in; a week begins on Monday, others at a multiple of theirs."""
    return (moments_s + (_MONDAY if span_s % WEEK == 0 else 0)) // span_s


def moment_of(moment_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=moment_us)


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 of a moment, which is UTC when it says no zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
