"""Which sentence explains a finding: the bound that decided, or what the rows lacked to decide."""

from __future__ import annotations

from plimsoll.gates import wording
from plimsoll.gates.decide import Requirement
from plimsoll.gates.entities import Finding
from plimsoll.gates.uncertain import PairedProportion, Uncertain, detectable


def because_of(
    requirement: Requirement, figure: Uncertain, finding: Finding, *, unit: str, compared: bool, among: int, p: float
) -> str:
    """compared: the figure is an improvement over a reference. among, p: slices in the family, adjusted p-value."""
    if not requirement.by_bound:
        return wording.value_held(value=figure.value, wanted=requirement.limit, met=finding is Finding.PASS)
    if compared:
        said = _comparison(requirement, figure, finding, unit=unit, among=among, p=p)
    else:
        said = _limit(requirement, figure, finding, unit=unit)
    if among > 1 and finding is Finding.FAIL:
        said += f" Holm-adjusted p {wording.p_value(p)} among {among} slices."
    if compared and isinstance(figure, PairedProportion):
        said += (
            f" {figure.lost:,} rows lost, {figure.gained:,} gained (exact McNemar p {wording.p_value(figure.mcnemar)})."
        )
    return said


def _limit(requirement: Requirement, figure: Uncertain, finding: Finding, *, unit: str) -> str:
    wanted, facing, opposite = requirement.limit, requirement.facing(figure), requirement.opposite(figure)
    sides = ("lower", "upper") if requirement.at_least else ("upper", "lower")
    if finding is Finding.PASS:
        return wording.limit_met(side=sides[0], bound=facing, wanted=wanted)
    if finding is Finding.FAIL:
        return wording.limit_broken(value=figure.value, side=sides[1], bound=opposite, wanted=wanted)
    room = 0.0 if requirement.missed_by(figure.value) else abs(figure.value - wanted)
    more = _power(requirement, figure, unit=unit, room=room)
    return wording.limit_open(value=figure.value, side=sides[0], bound=facing, wanted=wanted, more=more)


def _comparison(
    requirement: Requirement, figure: Uncertain, finding: Finding, *, unit: str, among: int, p: float
) -> str:
    margin, facing, opposite = -requirement.limit, requirement.facing(figure), requirement.opposite(figure)
    if finding is Finding.PASS:
        return wording.harmless(bound=facing, margin=margin)
    if finding is Finding.FAIL:
        return wording.harmful(value=figure.value, bound=opposite, margin=margin)
    if requirement.missed_by(opposite):
        return wording.by_chance(value=figure.value, margin=margin, adjusted=p, among=among)
    more = _power(requirement, figure, unit=unit, room=margin)
    return wording.undecided(bound=facing, margin=margin, more=more)


def _power(requirement: Requirement, figure: Uncertain, *, unit: str, room: float) -> str:
    """What the rows could show, and how many would show it: of a model as good as the reference, or of this figure."""
    reach = abs(figure.value - requirement.facing(figure))
    needed = wording.rows_needed(figure.rows, reach=reach, room=room) if room > 0 and reach > 0 else 0
    return wording.powerless(
        rows=figure.rows,
        unit=unit,
        smallest=detectable(figure),
        needed=needed if needed > figure.rows else None,
    )
