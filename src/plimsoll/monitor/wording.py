"""What was found, in sentences: which values moved, and how a metric fell."""

from __future__ import annotations

from plimsoll.monitor.entities import ColumnJudgement, Day
from plimsoll.project.entities import Quality


def drift_sentence(found: ColumnJudgement, *, moved: str) -> str:
    """How far a column has drifted, and what of it moved most (`moved_told`)."""
    name = found.column.removeprefix("_")
    told = f": {moved}" if moved else ""
    figures = f"PSI {found.effect:.2f} where chance and the tolerance explain {found.critical:.2f}; {found.rows:,} rows"
    return f"{name} has drifted{told} ({figures})."


def decay_sentence(day: Day, *, quality: Quality, reference: float, limit: float) -> str:
    """How the metric fell, on the day that made it certain."""
    assert day.value is not None, "a day without a value shows nothing"
    covered = day.labelled / day.rows if day.rows else 0.0
    return (
        f"{quality.metric} was {day.value:.3g} on {day.begin[:10]} (labels for {covered:.0%} of {day.rows:,} rows),"
        f" {reference:.3g} on the holdout. Over the last days it is worse by more than {quality.tolerance:g}: e-value"
        f" {day.evidence:,.0f} of {limit:,.0f}."
    )
