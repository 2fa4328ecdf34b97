"""What a release's windows show: columns, drift, and decay, as judgements that alerts follow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plimsoll.data.entities import ColumnProfile, Profile, WindowCounts
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.rates import parse_rate
from plimsoll.monitor.alerting import Finding, Judged
from plimsoll.monitor.calendar import Stretch, stretches
from plimsoll.monitor.columns import judge_columns
from plimsoll.monitor.decay import alarm_at
from plimsoll.monitor.drift import Reference, alphas, judge, merged, reference_of
from plimsoll.monitor.drift_wording import moved_told
from plimsoll.monitor.entities import ColumnJudgement, Concern, Day, DriftRule, Span, Window
from plimsoll.monitor.wording import decay_sentence, drift_sentence
from plimsoll.project.entities import Drift, Quality

PREDICTED = "_"
"""What the names of predictions' own columns begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanJudgement:
    """How the columns of one span were found to be."""

    span: Span
    end: str
    columns: tuple[ColumnJudgement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that a stretch of windows showed, in the order in which it could be known."""

    judged: tuple[Judged, ...]
    spans: tuple[SpanJudgement, ...]


def watch(
    profile: Profile, windows: Sequence[Window], *, begin: datetime, end: datetime, window_s: float, drift: Drift | None
) -> Seen:
    """Judge every span that ended in a stretch. windows: the live release's, a week back from `begin`."""
    judged: list[Judged] = []
    spans: list[SpanJudgement] = []
    by_begin = {window.begin: window for window in windows}
    reference = reference_of(profile.columns)
    chances = alphas(window_s, parse_rate(drift.false_alarms)) if drift else {}
    for stretch in stretches(begin, end, length_s=window_s):
        if stretch.span is Span.WINDOW and (window := by_begin.get(to_text(stretch.begin))):
            judged.append(judge_columns(profile, window.counts, end=to_text(stretch.end)))
        if drift is not None:
            rule = DriftRule(span=str(stretch.span), alpha=chances[str(stretch.span)], tolerance=drift.tolerance)
            found = _judge_span(reference, stretch, windows, rule)
            if found is not None:
                spans.append(found[0])
                judged.append(_of_drift(profile, *found))
    return Seen(judged=tuple(judged), spans=tuple(spans))


def judge_day(day: Day, *, quality: Quality, reference: float) -> Judged | None:
    """Whether a day shows decay; None where its labels do not define the metric. reference: the metric on the holdout."""
    if day.value is None:
        return None
    end = to_text(from_text(day.begin) + timedelta(days=1))
    looked_at = frozenset({(Concern.DECAY, quality.metric)})
    limit = alarm_at(false_alarms_per_day=parse_rate(quality.false_alarms))
    if day.evidence < limit:
        return Judged(span=Span.DAY, end=end, findings=(), looked_at=looked_at)
    finding = Finding(
        concern=Concern.DECAY,
        subject=quality.metric,
        sentence=decay_sentence(day, quality=quality, reference=reference, limit=limit),
        evidence={
            "moved": f"{reference:.3g} on the holdout -> {day.value:.3g}",
            "value": day.value,
            "holdout": reference,
            "tolerance": quality.tolerance,
            "labelled": day.labelled,
            "rows": day.rows,
            "e_value": day.evidence,
            "alarm_at": limit,
        },
    )
    return Judged(span=Span.DAY, end=end, findings=(finding,), looked_at=looked_at)


def _judge_span(
    reference: Reference, stretch: Stretch, windows: Sequence[Window], rule: DriftRule
) -> tuple[SpanJudgement, WindowCounts] | None:
    """The judgement and the counts that it is of; None where the span holds no rows."""
    begin, end = to_text(stretch.begin), to_text(stretch.end)
    inside = [window.counts for window in windows if begin <= window.begin < end]
    if not inside:
        return None
    counts = merged(inside)
    return SpanJudgement(span=stretch.span, end=end, columns=judge(reference, counts, rule)), counts


def _of_drift(profile: Profile, found: SpanJudgement, counts: WindowCounts) -> Judged:
    profiles = {column.name: column for column in profile.columns}
    findings = tuple(_drift_finding(one, profiles[one.column], counts) for one in found.columns if one.drifted)
    looked_at = frozenset((_concern(one.column), _subject(one.column)) for one in found.columns if one.judged)
    return Judged(span=found.span, end=found.end, findings=findings, looked_at=looked_at)


def _drift_finding(one: ColumnJudgement, profile: ColumnProfile, counts: WindowCounts) -> Finding:
    expected = [count / max(profile.rows, 1) for count in profile.counts]
    actual = [count / max(counts.rows, 1) for count in counts.columns[one.column].counts]
    moved = moved_told(profile, one, expected, actual)
    return Finding(
        concern=_concern(one.column),
        subject=_subject(one.column),
        sentence=drift_sentence(one, moved=moved),
        evidence={
            "moved": moved,
            "psi": one.psi,
            "critical": one.critical,
            "p": one.p,
            "alpha": one.alpha,
            "rows": one.rows,
            "reference_rows": one.reference_rows,
        },
    )


def _concern(column: str) -> Concern:
    return Concern.PREDICTION_DRIFT if column.startswith(PREDICTED) else Concern.DRIFT


def _subject(column: str) -> str:
    return column.removeprefix(PREDICTED)
