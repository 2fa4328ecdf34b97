"""Holds a candidate's predictions against the gates: every rule of every gate becomes CheckResults. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from plimsoll.bundle.entities import Task
from plimsoll.gates import wording
from plimsoll.gates.baseline import ALWAYS_POSITIVE, always_positive
from plimsoll.gates.cases import Cases
from plimsoll.gates.decide import Requirement, finding_of, findings_of_slices
from plimsoll.gates.entities import Champion, CheckResult, Estimate, Finding
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.grouped import Grouping, grouped_estimate, grouped_improvement
from plimsoll.gates.intervals import estimate
from plimsoll.gates.metrics import Metric, find_metric
from plimsoll.gates.paired import improvement
from plimsoll.gates.ranks import Mask
from plimsoll.gates.reasons import because_of
from plimsoll.gates.uncertain import LEVEL, StudentT, Uncertain, detectable
from plimsoll.project.entities import Gate

_TWO_SIDED = (1 + LEVEL) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A group of holdout rows: as `model.slices` names it, and the name that one of its values has."""

    source: str
    name: str
    rows: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is compared with in one environment, and its predictions for the holdout."""

    champion: Champion
    cases: Cases
    same_scorer: bool = False
    """Whether the champion's scorer is the candidate's, byte for byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that gates look at. Every Cases and every slice is over the same rows in the same order."""

    task: Task
    candidate: Cases
    references: Mapping[str, Reference]
    slices: tuple[Slice, ...]
    seed: int
    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    """By the column that a gate's `group` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One requirement of a gate on a metric: of the candidate's own figure, or of its improvement over a reference."""

    text: str
    metric: Metric
    requirement: Requirement
    reference: Reference | None = None
    grouping: Grouping | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What one rule is decided on in one place: the figure, or why there is none."""

    figure: Uncertain | None
    reason: str
    support: int
    candidate: Estimate | None
    reference: Estimate | None


def check_gate(gate: Gate, evidence: Evidence) -> tuple[CheckResult, ...]:
    """Every rule of one gate, overall or in each of its slices. Raises MetricNotForTask."""
    rules = _rules(gate, evidence)
    if not gate.slices:
        return tuple(_check(rule, _measure(rule, evidence.candidate, None, evidence.seed)) for rule in rules)
    slices = [part for part in evidence.slices if gate.slices == "all" or part.source in gate.slices]
    return tuple(check for rule in rules for check in _check_slices(rule, gate, slices, evidence))


def _rules(gate: Gate, evidence: Evidence) -> Iterator[_Rule]:
    metric = find_metric(gate.metric, evidence.task)
    by_bound = gate.on == "bound"
    grouping = evidence.groupings[gate.group] if gate.group else None
    by_group = f", by {gate.group}" if gate.group else ""
    if gate.min is not None:
        how = "lower 95 % bound" if by_bound else "value"
        yield _Rule(
            text=f"{metric.name} >= {wording.limit(gate.min)} ({how}){by_group}",
            metric=metric,
            grouping=grouping,
            requirement=Requirement(limit=gate.min, by_bound=by_bound),
        )
    if gate.max is not None:
        how = "upper 95 % bound" if by_bound else "value"
        yield _Rule(
            text=f"{metric.name} <= {wording.limit(gate.max)} ({how}){by_group}",
            metric=metric,
            grouping=grouping,
            requirement=Requirement(limit=gate.max, at_least=False, by_bound=by_bound),
        )
    if gate.against is not None:
        reference = _reference_for(metric, evidence.references[gate.against])
        margin = gate.margin or 0.0
        yield _Rule(
            text=f"{metric.name} against {_named(reference.champion)}, margin {wording.limit(margin)}{by_group}",
            metric=metric,
            grouping=grouping,
            requirement=Requirement(limit=-margin, strict=True),
            reference=reference,
        )


def _reference_for(metric: Metric, reference: Reference) -> Reference:
    """A majority of negatives decides nobody positive, and then precision has no value: it gets its own constant."""
    if reference.champion.release is None and metric.name == "precision":
        champion = Champion(
            environment=reference.champion.environment, release=None, digest=None, baseline=ALWAYS_POSITIVE
        )
        return Reference(champion=champion, cases=always_positive(reference.cases))
    return reference


def _named(champion: Champion) -> str:
    return f"{champion.release} ({champion.environment})" if champion.release else f"baseline {champion.baseline}"


def _check_slices(rule: _Rule, gate: Gate, slices: list[Slice], evidence: Evidence) -> Iterator[CheckResult]:
    """Slices that block and slices that are only reported are two families, each with its own Holm adjustment."""
    measured = [_measure(rule, evidence.candidate, part, evidence.seed) for part in slices]
    blocks = [gate.required or found.support >= gate.min_rows for found in measured]
    decided: dict[int, tuple[Finding, float, int]] = {}
    for family in (True, False):
        members = [
            (place, found.figure)
            for place, found in enumerate(measured)
            if blocks[place] is family and found.figure is not None
        ]
        findings = findings_of_slices(rule.requirement, [figure for _, figure in members])
        for (place, _), (finding, adjusted) in zip(members, findings, strict=True):
            decided[place] = (finding, adjusted, len(members))
    for place, part in enumerate(slices):
        min_rows = None if blocks[place] else gate.min_rows
        yield _check(rule, measured[place], part=part, decided=decided.get(place), min_rows=min_rows)
    if not any(blocks):
        yield CheckResult(
            rule=rule.text,
            metric=rule.metric.name,
            finding=Finding.INCONCLUSIVE,
            because=(
                f"None of the {len(slices)} slices has min_rows {gate.min_rows:,} {rule.metric.unit}, so nothing was shown. "
                "Hold out more rows, or lower min_rows."
            ),
        )


def _measure(rule: _Rule, candidate: Cases, part: Slice | None, seed: int) -> _Measured:
    ours = candidate.only(part.rows) if part else candidate
    theirs = None if rule.reference is None else rule.reference.cases
    grouping = rule.grouping
    if part is not None:
        theirs = None if theirs is None else theirs.only(part.rows)
        grouping = grouping.only(np.flatnonzero(part.rows)) if grouping else None
    metric = rule.metric
    support = min(metric.support(cases) for cases in (ours, theirs) if cases is not None) if len(ours) else 0
    figure: Uncertain | None = None
    own: Uncertain | None = None
    reason = ""
    try:
        own = _own(metric, ours, grouping, seed)
        figure = own if theirs is None else _improvement(metric, ours, theirs, grouping, seed)
    except UndefinedMetric as error:
        reason = str(error)
        figure = None if rule.requirement.by_bound else _bare(metric, ours, rows=support)
    return _Measured(
        figure=figure,
        reason=reason,
        support=support,
        candidate=_estimate(own, bounded=metric.bounded) if own else None,
        reference=_estimate_of(metric, theirs, grouping, seed),
    )


def _bare(metric: Metric, cases: Cases, *, rows: int) -> Uncertain | None:
    """The value alone, for a rule that asks for no more; None when there is not even that."""
    try:
        return StudentT(value=metric.value(cases), error=0.0, freedom=1, rows=rows)
    except UndefinedMetric:
        return None


def _own(metric: Metric, cases: Cases, grouping: Grouping | None, seed: int) -> Uncertain:
    if grouping is None:
        return estimate(metric, cases, seed=seed)
    return grouped_estimate(metric, cases, grouping, seed=seed)


def _improvement(metric: Metric, ours: Cases, theirs: Cases, grouping: Grouping | None, seed: int) -> Uncertain:
    if grouping is None:
        return improvement(metric, ours, theirs, seed=seed)
    return grouped_improvement(metric, ours, theirs, grouping, seed=seed)


def _estimate_of(metric: Metric, cases: Cases | None, grouping: Grouping | None, seed: int) -> Estimate | None:
    if cases is None:
        return None
    try:
        return _estimate(_own(metric, cases, grouping, seed), bounded=metric.bounded)
    except UndefinedMetric:
        return None


def _check(
    rule: _Rule,
    found: _Measured,
    *,
    part: Slice | None = None,
    decided: tuple[Finding, float, int] | None = None,
    min_rows: int | None = None,
) -> CheckResult:
    """min_rows: given when the slice is too small to block."""
    figure = found.figure
    if figure is None:
        finding, p_value, because = Finding.INCONCLUSIVE, None, found.reason
    elif rule.reference is not None and rule.reference.same_scorer:
        finding, p_value, because = Finding.PASS, None, "The candidate is the champion: the same scorer, byte for byte."
    else:
        finding, p_value, among = decided or (finding_of(rule.requirement, figure), rule.requirement.p_value(figure), 1)
        because = because_of(
            rule.requirement,
            figure,
            finding,
            unit=rule.metric.unit,
            compared=rule.reference is not None,
            among=among,
            p=p_value,
        )
    if min_rows is not None:
        because = wording.too_small(rows=found.support, unit=rule.metric.unit, min_rows=min_rows) + " " + because
    return CheckResult(
        rule=rule.text,
        metric=rule.metric.name,
        finding=finding,
        because=because,
        slice=part.name if part else None,
        candidate=found.candidate,
        reference=found.reference,
        limit=rule.requirement.limit,
        at_least=rule.requirement.at_least,
        difference=_difference(rule, figure),
        p_value=None if p_value is None or not rule.requirement.by_bound else _steady(p_value),
        blocking=min_rows is None,
        detectable=None if figure is None else _steady(detectable(figure)),
    )


def _difference(rule: _Rule, figure: Uncertain | None) -> Estimate | None:
    return None if rule.reference is None or figure is None else _estimate(figure, bounded=False)


def _estimate(figure: Uncertain, *, bounded: bool) -> Estimate:
    def within(bound: float) -> float:
        return _steady(min(max(bound, 0.0), 1.0) if bounded else bound)

    return Estimate(
        value=_steady(figure.value),
        low=within(figure.lower(_TWO_SIDED)),
        high=within(figure.upper(_TWO_SIDED)),
        lower=within(figure.lower(LEVEL)),
        upper=within(figure.upper(LEVEL)),
        rows=figure.rows,
    )


def _steady(value: float) -> float:
    """Twelve significant digits: what the order of a summation can change is cut off, so digests do not differ."""
    return float(f"{value:.12g}")
