"""A comparison for people on a terminal, and as the JSON document of the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plimsoll.data.phases import WEEK
from plimsoll.edge.scales import share_text
from plimsoll.monitor.comparison import Compared, Comparison, SpanFound
from plimsoll.monitor.drift_wording import bin_name, verdict_told
from plimsoll.monitor.entities import ColumnJudgement

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 12
_SHOWN_SPANS = 12
_WORTH_A_WORD = 0.001
HEADINGS = ("column", "PSI", "drift above", "verdict", "reference", "current")


def headline(comparison: Comparison) -> str:
    """The verdict in one sentence."""
    drifted = [one.profile.name for one in comparison.columns if one.judgement.drifted]
    unjudged = sum(not one.judgement.judged for one in comparison.columns)
    total = len(comparison.columns)
    if drifted:
        return f"drift in {len(drifted)} of {_counted(total, 'column')}"
    if comparison.spans:
        return f"no drift in the whole, yet in {len(comparison.spans)} of {comparison.spans_judged:,} spans of time"
    if unjudged:
        return f"inconclusive: too few rows to judge {_counted(unjudged, 'column')} of {total}"
    return f"no drift in {_counted(total, 'column')}"


def compared_told(comparison: Comparison) -> list[str]:
    """What was compared with what, and how."""
    question, profile = comparison.question, comparison.profile
    how = {
        "none": "all rows alike",
        "hour of day": "each hour with the same hours of the day",
        "hour of week": "each hour with the same hours of the week",
    }[profile.phase]
    lines = [
        f"reference  {question.reference}  {_counted(profile.rows, 'row')}",
        f"current    {question.current}  {_counted(comparison.rows, 'row')}",
        f"tolerated  PSI {question.tolerance:g}, wrong in {share_text(question.alpha)} of comparisons without drift; {how}",
    ]
    by_reason: dict[str, list[str]] = {}
    for name, because in comparison.skipped:
        by_reason.setdefault(because, []).append(name)
    return lines + [f"left out   {', '.join(names)} ({because})" for because, names in by_reason.items()]


def table_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row a column under `HEADINGS`, the largest effect first."""
    return [
        (
            one.profile.name,
            f"{one.judgement.effect:.3f}" if one.judgement.judged else "",
            f"{one.judgement.critical:.3f}" if one.judgement.judged else "",
            verdict_told(one.judgement),
            *sparklines(one.expected, one.actual),
        )
        for one in comparison.columns
    ]


def reasons(comparison: Comparison) -> list[str]:
    """A sentence for each drifted column that says what moved."""
    return [
        f"{one.profile.name}: {one.told or 'many bins a little'}{_unseen(one)}"
        for one in comparison.columns
        if one.judgement.drifted
    ]


def spans_told(comparison: Comparison) -> list[str]:
    """The spans in which something drifted, the first ones by name."""
    lines = [_span_told(span, comparison.question.window_s or 0) for span in comparison.spans[:_SHOWN_SPANS]]
    more = len(comparison.spans) - len(lines)
    return lines + ([f"and {more:,} more; --json lists all"] if more else [])


def sparklines(expected: Sequence[float], actual: Sequence[float]) -> tuple[str, str]:
    """Both distributions as bars on one scale: at most twelve bins, then the rest, then the missing values if any."""
    places = list(range(len(expected) - 1))
    if len(places) > _MOST_BARS:
        rest = places[_MOST_BARS - 1 :]
        groups = [[place] for place in places[: _MOST_BARS - 1]] + [rest]
    else:
        groups = [[place] for place in places]
    if groups and not any(side[place] for side in (expected, actual) for place in groups[-1]):
        groups.pop()
    if expected[-1] or actual[-1]:
        groups.append([len(expected) - 1])
    sides = [[sum(side[place] for place in group) for group in groups] for side in (expected, actual)]
    most = max((share for side in sides for share in side), default=0.0) or 1.0
    return tuple("".join(_bar(share / most) for share in side) for side in sides)  # type: ignore[return-value]


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Everything as JSON-ready data."""
    question, profile = comparison.question, comparison.profile
    return {
        "verdict": comparison.verdict,
        "told": headline(comparison),
        "reference": {"path": question.reference, "rows": profile.rows},
        "current": {"path": question.current, "rows": comparison.rows},
        "tolerance": question.tolerance,
        "alpha": question.alpha,
        "compared": profile.phase,
        "columns": [_column_document(one) for one in comparison.columns],
        "spans_judged": comparison.spans_judged,
        "spans": [
            {
                "span": span.span,
                "begin": span.begin.isoformat(),
                "rows": span.rows,
                "columns": [_judgement_document(one) for one in span.columns],
            }
            for span in comparison.spans
        ],
        "left_out": [{"column": name, "because": because} for name, because in comparison.skipped],
    }


def _column_document(one: Compared) -> dict[str, Any]:
    return {
        **_judgement_document(one.judgement),
        "kind": one.profile.kind,
        "told": one.told,
        "new_categories": one.new,
        "out_of_range": one.out_of_range,
        "bins": [
            {"bin": bin_name(one.profile, place), "reference": expected, "current": actual}
            for place, (expected, actual) in enumerate(zip(one.expected, one.actual, strict=True))
        ],
    }


def _judgement_document(one: ColumnJudgement) -> dict[str, Any]:
    return {
        "column": one.column,
        "drifted": one.drifted,
        "judged": one.judged,
        "rows": one.rows,
        "reference_rows": one.reference_rows,
        "psi": one.psi,
        "likelihood": one.likelihood,
        "critical": one.critical,
        "p": one.p,
        "alpha": one.alpha,
        "spread": one.spread,
    }


def _span_told(span: SpanFound, window_s: float) -> str:
    columns = ", ".join(f"{one.column} {one.effect:.2f}" for one in span.columns)
    if span.span == "window" and window_s < WEEK:
        name = f"{span.begin:%Y-%m-%d %H:%M}"
    else:
        name = f"{span.span} of {span.begin:%Y-%m-%d}"
    return f"{name} ({_counted(span.rows, 'row')}): {columns}"


def _unseen(one: Compared) -> str:
    """What the reference never had, where it is worth a word."""
    if one.new:
        return f"; {_counted(one.new, 'row')} of categories that the reference never had"
    outside = one.out_of_range / max(one.judgement.rows, 1)
    return f"; {share_text(outside)} outside of the reference's range" if outside >= _WORTH_A_WORD else ""


def _bar(height: float) -> str:
    return _BARS[min(int(height * len(_BARS)), len(_BARS) - 1)] if height > 0 else " "


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
