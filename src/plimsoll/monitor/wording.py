"""What was found, in sentences: which values moved, and how a metric fell."""

from __future__ import annotations

from plimsoll.data.entities import ColumnProfile
from plimsoll.monitor.entities import ColumnJudgement, Day, Move
from plimsoll.project.entities import Quality

_NAMED_MOVES = 2


def drift_sentence(found: ColumnJudgement, profile: ColumnProfile) -> str:
    """How far a column has drifted, and which of its values moved most."""
    moves = "; ".join(move_text(move, profile) for move in found.moves[:_NAMED_MOVES])
    told = f" ({moves})" if moves else ""
    index = f"PSI {found.effect:.3g}, above {found.critical:.3g} that chance and the tolerance explain"
    return f"{profile.name.removeprefix('_')} is distributed otherwise than in the reference: {index}{told}; {found.rows:,} rows."


def move_text(move: Move, profile: ColumnProfile) -> str:
    """`amount above 63: 10 % -> 34 %`."""
    return f"{bin_name(profile, move.bin)}: {move.expected:.0%} -> {move.actual:.0%}"


def bin_name(profile: ColumnProfile, bin: int) -> str:
    """What the rows of a bin have in common."""
    if bin == profile.bins - 1:
        return "missing"
    if profile.kind == "categorical":
        return repr(profile.categories[bin]) if bin < len(profile.categories) else "other values"
    edges = profile.edges
    if not edges:
        return "any value"
    if bin == 0:
        return f"up to {edges[0]:g}"
    if bin == len(edges):
        return f"above {edges[-1]:g}"
    return f"{edges[bin - 1]:g} to {edges[bin]:g}"


def decay_sentence(day: Day, *, quality: Quality, reference: float, limit: float) -> str:
    """How the metric fell, on the day that made it certain."""
    assert day.value is not None, "a day without a value shows nothing"
    covered = day.labelled / day.rows if day.rows else 0.0
    return (
        f"{quality.metric} was {day.value:.3g} on {day.begin[:10]} (labels for {covered:.0%} of {day.rows:,} rows),"
        f" {reference:.3g} on the holdout. Over the last days it is worse by more than {quality.tolerance:g}: e-value"
        f" {day.evidence:,.0f} of {limit:,.0f}."
    )
