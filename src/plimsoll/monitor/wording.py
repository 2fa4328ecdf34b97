"""What was found, in sentences: which values moved, and how a metric fell."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.data.entities import ColumnProfile
from plimsoll.monitor.drift_wording import moved_told
from plimsoll.monitor.entities import ColumnJudgement, Day
from plimsoll.project.entities import Quality

Shares = Sequence[float]


def drift_sentence(found: ColumnJudgement, profile: ColumnProfile, expected: Shares, actual: Shares) -> str:
    """How far a column has drifted, and what of it moved most. expected, actual: shares per bin of the profile."""
    told = moved_told(profile, found, expected, actual)
    index = f"PSI {found.effect:.3g}, above {found.critical:.3g} that chance and the tolerance explain"
    moved = f" ({told})" if told else ""
    name = profile.name.removeprefix("_")
    return f"{name} is distributed otherwise than in the reference: {index}{moved}; {found.rows:,} rows."


def decay_sentence(day: Day, *, quality: Quality, reference: float, limit: float) -> str:
    """How the metric fell, on the day that made it certain."""
    assert day.value is not None, "a day without a value shows nothing"
    covered = day.labelled / day.rows if day.rows else 0.0
    return (
        f"{quality.metric} was {day.value:.3g} on {day.begin[:10]} (labels for {covered:.0%} of {day.rows:,} rows),"
        f" {reference:.3g} on the holdout. Over the last days it is worse by more than {quality.tolerance:g}: e-value"
        f" {day.evidence:,.0f} of {limit:,.0f}."
    )
