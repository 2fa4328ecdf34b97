"""What a dataset must be as a whole: how many rows it has, and how old the newest one is. Pure: the time is an argument."""

from __future__ import annotations

from datetime import UTC, datetime

from plimsoll.data.checks import fresh_column
from plimsoll.data.entities import BrokenRule, RecordedVersion
from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.shares import parse_share
from plimsoll.project.entities import Dataset

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def count_rules(name: str, dataset: Dataset, *, rows: int) -> tuple[BrokenRule, ...]:
    """The limits that a number of rows breaks."""
    wanted = dataset.rows
    if wanted is None:
        return ()
    broken = []
    if wanted.min is not None and rows < wanted.min:
        broken.append(f"min: {wanted.min}")
    if wanted.max is not None and rows > wanted.max:
        broken.append(f"max: {wanted.max}")
    return tuple(
        BrokenRule(dataset=name, column="", rule=f"rows, {limit}", count=0, rows=rows, found=f"there are {rows:,}")
        for limit in broken
    )


def change_rules(name: str, dataset: Dataset, *, rows: int, last: RecordedVersion | None) -> tuple[BrokenRule, ...]:
    """What a new version with so many rows breaks beside the one that was recorded last."""
    if dataset.rows is None or dataset.rows.change is None or last is None:
        return ()
    before = last.version.rows
    if abs(rows - before) <= parse_share(dataset.rows.change) * before:
        return ()
    share = f"{100 * abs(rows - before) / before:.3g}%"
    found = (
        f"there are {rows:,}, {share} {'more' if rows > before else 'fewer'} than the {before:,} of "
        f"{name}@{last.version.digest[:12]}, recorded {last.recorded_at[:10]}"
    )
    rule = f"rows, change: {dataset.rows.change}"
    return (BrokenRule(dataset=name, column="", rule=rule, count=0, rows=rows, found=found),)


def freshness_rules(
    name: str, dataset: Dataset, *, rows: int, newest: datetime | None, now: datetime
) -> tuple[BrokenRule, ...]:
    """Whether the newest moment up to now is too old. newest: without a zone, in UTC."""
    if dataset.fresh is None:
        return ()
    allowed = parse_duration(dataset.fresh.within)
    if newest is None:
        found = "no row has a value up to now"
    else:
        age = (now - newest.replace(tzinfo=UTC)).total_seconds()
        if age <= allowed:
            return ()
        found = f"the newest value, {newest.isoformat(' ', 'seconds')}, is {_age(age)} old"
    rule = f"fresh, within: {dataset.fresh.within}"
    return (BrokenRule(dataset=name, column=fresh_column(dataset), rule=rule, count=0, rows=rows, found=found),)


def _age(seconds: float) -> str:
    """`3d4h`: the two largest units."""
    left, parts = int(seconds), []
    for unit, size in _UNITS:
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts[:2]) or "0s"
