"""Two tables compared for drift: `plimsoll drift`. Needs no project and no ledger; reads the files where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from plimsoll.data.binning import counts_of
from plimsoll.data.engine import engine
from plimsoll.data.entities import ColumnProfile, Profile, Spread, WindowCounts
from plimsoll.data.phases import HOUR, blocks_of, spans_of
from plimsoll.data.profiles import clustered, profile_of
from plimsoll.data.rows import Rows, open_rows
from plimsoll.kernel.errors import PlimsollError
from plimsoll.monitor.common_columns import Selection, agreed_types, chosen_columns
from plimsoll.monitor.drift import Reference, expected_shares, judge, merged, ranked, reference_of
from plimsoll.monitor.drift_errors import RowsUnusable
from plimsoll.monitor.drift_wording import moved_told
from plimsoll.monitor.entities import ColumnJudgement, DriftRule

if TYPE_CHECKING:
    import duckdb

Verdict = Literal["drift", "no drift", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is compared, and how strictly."""

    reference: str
    current: str
    """A file, glob or folder each."""
    selection: Selection = field(default_factory=Selection)
    window_s: float | None = None
    """With `time`: judge window by window as well, and days and weeks."""
    tolerance: float = 0.1
    alpha: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One column: its profile, its judgement, and what was expected and found per bin."""

    profile: ColumnProfile
    judgement: ColumnJudgement
    expected: tuple[float, ...]
    actual: tuple[float, ...]
    new: int
    """Rows of a category that the reference never had."""
    out_of_range: int
    """Rows with a number that lies outside of the reference's."""
    told: str
    """What moved most; empty when hardly anything did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFound:
    """A span of time in which columns drifted."""

    span: str
    begin: datetime
    rows: int
    columns: tuple[ColumnJudgement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of it. `columns`: drifted ones first, the largest effect first."""

    question: Question
    profile: Profile
    rows: int
    verdict: Verdict
    columns: tuple[Compared, ...]
    spans: tuple[SpanFound, ...]
    """With windows: the spans in which something drifted, oldest first."""
    spans_judged: int
    skipped: tuple[tuple[str, str], ...]
    """Columns that were not compared, and why."""


def compare(question: Question, *, root: Path) -> Comparison:
    """Whether the current rows are distributed as the reference's are. root: where relative paths begin.

    Raises RowsUnusable for files that cannot be read, UnknownColumn, NotTime, ColumnsDiffer, NothingToCompare.
    """
    with engine() as connection:
        reference = _opened(connection, question.reference, "REFERENCE", root)
        current = _opened(connection, question.current, "CURRENT", root)
        return compare_rows(question, reference, current, connection=connection)


def compare_rows(
    question: Question, reference: Rows, current: Rows, *, connection: duckdb.DuckDBPyConnection
) -> Comparison:
    """As `compare`, of rows that are opened on the connection already."""
    names, skipped = chosen_columns(question.selection, reference, current)
    types = agreed_types(connection, names, reference, current)
    profile = profile_of(
        connection,
        reference.relation,
        columns=types,
        time=question.selection.time,
        group=question.selection.group,
        window_s=question.window_s or HOUR,
    )
    if question.selection.group:
        profile = _with_current_clusters(connection, profile, current, question)
    windows = counts_of(
        connection,
        current.relation,
        columns=profile.columns,
        phase=profile.phase,
        moment=question.selection.time,
        window_s=question.window_s or (HOUR if question.selection.time else None),
    )
    _require_rows(question, profile, windows)
    return _judged(question, profile, windows, skipped)


def _judged(
    question: Question, profile: Profile, windows: Sequence[WindowCounts], skipped: tuple[tuple[str, str], ...]
) -> Comparison:
    whole = merged(windows)
    reference = reference_of(profile.columns)
    rule = DriftRule(span=_span_of(question, windows), alpha=question.alpha, tolerance=question.tolerance)
    judgements = judge(reference, whole, rule)
    compared = _compared(reference, whole, judgements)
    judged, spans = _by_span(question, reference, windows) if question.window_s else (0, ())
    drifted = any(one.drifted for one in judgements) or bool(spans)
    verdict: Verdict = "drift" if drifted else "no drift" if all(j.judged for j in judgements) else "inconclusive"
    return Comparison(
        question=question,
        profile=profile,
        rows=whole.rows,
        verdict=verdict,
        columns=compared,
        spans=spans,
        spans_judged=judged,
        skipped=skipped,
    )


def _compared(reference: Reference, whole: WindowCounts, judgements: Sequence[ColumnJudgement]) -> tuple[Compared, ...]:
    phases = np.zeros((1, reference.worth.shape[1]))
    for phase, rows in whole.phases.items():
        phases[0, phase] += rows
    shares, _ = expected_shares(reference, phases)
    places = {column.name: place for place, column in enumerate(reference.columns)}
    found = []
    for judgement in ranked(judgements):
        column = reference.columns[places[judgement.column]]
        counts = whole.columns[column.name]
        expected = tuple(float(share) for share in shares[0, places[column.name], : column.bins])
        actual = tuple(count / max(judgement.rows, 1) for count in counts.counts)
        found.append(
            Compared(
                profile=column,
                judgement=judgement,
                expected=expected,
                actual=actual,
                new=counts.new,
                out_of_range=counts.out_of_range,
                told=moved_told(column, judgement, expected, actual),
            )
        )
    return tuple(found)


def _by_span(
    question: Question, reference: Reference, windows: Sequence[WindowCounts]
) -> tuple[int, tuple[SpanFound, ...]]:
    """The windows, days and weeks in which columns drifted; alpha is shared by the spans and all their judgements."""
    assert question.window_s is not None
    grouped = {span: _grouped(windows, seconds) for span, seconds in spans_of(question.window_s).items()}
    found = []
    for span, parts in grouped.items():
        alpha = question.alpha / len(grouped) / max(len(parts), 1)
        rule = DriftRule(span=span, alpha=alpha, tolerance=question.tolerance)
        for part in parts:
            drifted = tuple(one for one in ranked(judge(reference, part, rule)) if one.drifted)
            if drifted and part.begin is not None:
                found.append(SpanFound(span=span, begin=part.begin, rows=part.rows, columns=drifted))
    return sum(map(len, grouped.values())), tuple(sorted(found, key=lambda one: (one.begin, one.rows)))


def _grouped(windows: Sequence[WindowCounts], seconds: int) -> list[WindowCounts]:
    """Windows put together by the span that each falls in; windows that are as long stay as they are."""
    parts: dict[int, list[WindowCounts]] = {}
    for window in windows:
        assert window.begin is not None
        (number,) = blocks_of(np.array([int(window.begin.timestamp())], dtype=np.int64), seconds)
        parts.setdefault(int(number), []).append(window)
    return [merged(part) for part in parts.values()]


def _span_of(question: Question, windows: Sequence[WindowCounts]) -> str:
    """The longest span that the current rows fill: its spread is theirs."""
    begins = [window.begin for window in windows if window.begin is not None]
    if not question.selection.time or not begins:
        return "all"
    spans = spans_of(question.window_s or HOUR)
    lasted = (max(begins) - min(begins)).total_seconds() + spans["window"]
    return [name for name, seconds in spans.items() if seconds <= lasted or name == "window"][-1]


def _opened(connection: duckdb.DuckDBPyConnection, path: str, name: str, root: Path) -> Rows:
    try:
        return open_rows(connection, path, name=name, root=root)
    except PlimsollError as error:
        problem = str(error).removeprefix(f"Dataset {name}: ")
        raise RowsUnusable(side=name, path=path, problem=problem.rstrip(".")) from error


def _require_rows(question: Question, profile: Profile, windows: Sequence[WindowCounts]) -> None:
    """With a time column only dated rows count, so there may be none."""
    for side, path, rows in (
        ("REFERENCE", question.reference, profile.rows),
        ("CURRENT", question.current, sum(window.rows for window in windows)),
    ):
        if rows == 0:
            raise RowsUnusable(
                side=side, path=path, problem=f"no row has a value in the time column {question.selection.time}"
            )


def _with_current_clusters(
    connection: duckdb.DuckDBPyConnection, profile: Profile, current: Rows, question: Question
) -> Profile:
    """The profile with the clusters' effect of whichever side repeats its groups more."""
    assert question.selection.group is not None
    effects = clustered(
        connection,
        current.relation,
        profile.columns,
        group=question.selection.group,
        time=question.selection.time,
        window_s=question.window_s or HOUR,
    )
    columns = []
    for column in profile.columns:
        spread: dict[str, Spread] = {
            name: replace(one, clustered=max(one.clustered, effects[column.name].get(name, 1.0)))
            for name, one in column.spread.items()
        }
        columns.append(replace(column, spread=spread))
    return replace(profile, columns=tuple(columns))
