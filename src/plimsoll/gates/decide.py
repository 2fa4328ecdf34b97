"""From uncertain figures to findings: pure rules, each stated where it is applied.

A rule holds that a figure is on the right side of a limit. **Pass**: the one-sided 95 % bound that faces the limit is
on the right side; a figure that is really on the wrong side passes at most 5 % of the time. **Fail**: the opposite
bound is on the wrong side, so the breach is proven with the same certainty. **Inconclusive**: neither, or the figure
has no value. For a comparison the figure is the improvement and the limit is -margin: being worse by less than the
margin was declared harmless by the project, so harm means worse by more than the margin, never merely "worse than 0".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.gates.entities import CheckResult, Finding
from plimsoll.gates.uncertain import LEVEL, Uncertain

ALPHA = 1 - LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A figure must be at least (or at most) a limit, shown by its bound or by its bare value."""

    limit: float
    at_least: bool = True
    by_bound: bool = True
    strict: bool = False
    """Whether the bound must lie beyond the limit: equal is not enough for a comparison."""

    def facing(self, figure: Uncertain) -> float:
        """The bound that must clear the limit."""
        if not self.by_bound:
            return figure.value
        return figure.lower(LEVEL) if self.at_least else figure.upper(LEVEL)

    def opposite(self, figure: Uncertain) -> float:
        """The bound that proves a breach when it does not even reach the limit."""
        if not self.by_bound:
            return figure.value
        return figure.upper(LEVEL) if self.at_least else figure.lower(LEVEL)

    def cleared_by(self, bound: float) -> bool:
        """Whether a facing bound clears the limit."""
        return not self.missed_by(bound) and not (self.strict and bound == self.limit)

    def missed_by(self, bound: float) -> bool:
        """Whether a bound does not even reach the limit."""
        return bound < self.limit if self.at_least else bound > self.limit

    def p_value(self, figure: Uncertain) -> float:
        """Of the hypothesis that the requirement is met; 0 or 1 when only the value counts."""
        if not self.by_bound:
            return float(not self.missed_by(figure.value))
        return figure.p_at_least(self.limit) if self.at_least else figure.p_at_most(self.limit)


def finding_of(requirement: Requirement, figure: Uncertain) -> Finding:
    """What one figure says about one requirement."""
    if requirement.cleared_by(requirement.facing(figure)):
        return Finding.PASS
    return Finding.FAIL if requirement.missed_by(requirement.opposite(figure)) else Finding.INCONCLUSIVE


def findings_of_slices(requirement: Requirement, figures: Sequence[Uncertain]) -> tuple[tuple[Finding, float], ...]:
    """Finding and Holm-adjusted p-value of each slice of one family.

    Fail needs the adjusted p-value below 5 %: among any number of unharmed slices, one fails by chance at most 5 % of
    the time. Pass needs no adjustment: the gate passes only when every slice does, and such an intersection of tests
    holds its level by itself (Berger 1982, Technometrics 24).
    """
    adjusted = holm([requirement.p_value(figure) for figure in figures])
    return tuple(
        (_in_family(finding_of(requirement, figure), p_value), p_value)
        for figure, p_value in zip(figures, adjusted, strict=True)
    )


def _in_family(alone: Finding, adjusted: float) -> Finding:
    return Finding.INCONCLUSIVE if alone is Finding.FAIL and adjusted >= ALPHA else alone


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the given order: rejecting those below alpha errs at all with probability alpha at most.

    Source: Holm 1979, Scandinavian Journal of Statistics 6; the i-th smallest of m is multiplied by m - i + 1, made
    monotone, at most 1.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return tuple(adjusted)


def verdict_finding(checks: Sequence[CheckResult]) -> Finding:
    """Over the blocking checks: one fail fails all, else one inconclusive leaves all open. Nothing proven is no pass."""
    found = {check.finding for check in checks if check.blocking}
    if Finding.FAIL in found:
        return Finding.FAIL
    return Finding.PASS if found == {Finding.PASS} else Finding.INCONCLUSIVE
