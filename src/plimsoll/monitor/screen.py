"""What is watched of a release, for a terminal: rows, columns, the metric, alerts. From the view, as `--json` has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plimsoll.edge.output import moment, paint
from plimsoll.edge.scales import share_text

_BARS = "▁▂▃▄▅▆▇█"
_LATELY = 48
MOST_BINS = 12
HEADINGS = ("column", "PSI", "drift above", "over", "verdict", "reference", "lately")
COLOURS = {"drift": "red", "no drift": "green", "too few rows": "dim"}
_SPANS = ("window", "day", "week")


def heading(view: dict[str, Any]) -> Iterator[str]:
    """Which release, until when, and how many rows it answered."""
    yield f"{paint(view['release'], 'bold')} in {view['environment']}, windows of {view['window']}"
    windows = view["windows"][-_LATELY:]
    if not windows:
        yield f"  {view['note']}"
        return
    rows, failed = sum(one["rows"] for one in windows), sum(one["failed"] for one in windows)
    course = bars([one["rows"] for one in windows])
    yield f"  rows     {course}  {rows:,} in {len(windows)} windows until {moment(view['measured_until'])}, {failed:,} failed"
    yield from _quality(view)


def table_rows(view: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a column under `HEADINGS`: the span in which it is furthest from the reference."""
    return [_row(column) for column in view["columns"]]


def remarks(view: dict[str, Any]) -> Iterator[str]:
    """Missing values, new categories, values out of range: what a table of distances does not show."""
    for column in view["columns"]:
        told = [
            f"{share_text(column[name])} {words}"
            for name, words in (("new", "of new categories"), ("out_of_range", "out of range"))
            if column[name] >= 0.001
        ]
        if column["missing"] >= column["missing_in_reference"] + 0.01:
            told.append(f"{share_text(column['missing'])} missing, {share_text(column['missing_in_reference'])} before")
        if told:
            yield f"  {column['name']}: {', '.join(told)}"


def bars(values: list[float]) -> str:
    """Values as bars from zero to the largest."""
    most = max(values, default=0.0) or 1.0
    return "".join(_BARS[min(int(value / most * len(_BARS)), len(_BARS) - 1)] for value in values)


def _quality(view: dict[str, Any]) -> Iterator[str]:
    quality, days = view["quality"], [day for day in view["days"] if day["value"] is not None]
    if quality is None:
        return
    holdout = "" if quality["holdout"] is None else f", {quality['holdout']:.4g} on the holdout"
    if not days:
        yield f"  {quality['metric']}: no day's labels are due yet{holdout}; they are {quality['label_delay']} after it"
        return
    latest = days[-1]
    covered = share_text(latest["labelled"] / latest["rows"]) if latest["rows"] else "no"
    yield (
        f"  {quality['metric']:<8} {bars([day['value'] for day in days[-_LATELY:]])}  {latest['value']:.4g} on "
        f"{latest['begin'][:10]}{holdout}; labels for {covered}; decay at e-value {quality['alarm_at']:,.0f}, now "
        f"{latest['evidence']:,.1f}"
    )


def _row(column: dict[str, Any]) -> tuple[str, ...]:
    name = f"({column['name']})" if column["predicted"] else column["name"]
    worst = column["worst"]
    before, now = _distributions(column["bins"])
    if worst is None:
        return name, "", "", "", paint("too few rows", COLOURS["too few rows"]), before, now
    verdict = "drift" if worst["drifted"] else "no drift"
    figures = (f"{worst['psi']:.3f}", f"{worst['critical']:.3f}", worst["span"])
    return name, *figures, paint(verdict, COLOURS[verdict]), before, now


def _distributions(bins: list[dict[str, Any]]) -> tuple[str, str]:
    """Both on one scale; of many bins the first, and the rest as one."""
    sides = [[float(one[side]) for one in bins] for side in ("expected", "actual")]
    if len(bins) > MOST_BINS:
        sides = [[*side[: MOST_BINS - 1], sum(side[MOST_BINS - 1 :])] for side in sides]
    most = max((share for side in sides for share in side), default=0.0) or 1.0
    before, now = (bars([*side, most])[: len(side)] for side in sides)
    return before, now
