"""The nouns of gates: an interval, what one check found, and the verdict over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """The three ends of a check and of a verdict; only `pass` allows a release."""

    PASS = "pass"  # noqa: S105 - the name of a finding
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its confidence bounds, and the number of rows that carry it.

    `low` and `high` are the two-sided 95 % interval, for reading. Rules are held against one side only, so against
    `lower` or `upper`, the one-sided 95 % bounds (together a 90 % interval).
    """

    value: float
    low: float
    high: float
    lower: float
    upper: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one rule found, overall or in one slice."""

    rule: str
    """The rule in words, such as `roc_auc >= 0.92 (lower 95 % bound)`."""
    finding: Finding
    because: str
    """One sentence with the figures that decided."""
    metric: str
    slice: str | None = None
    candidate: Estimate | None = None
    reference: Estimate | None = None
    limit: float | None = None
    """What the figure is held against: a value of the candidate's, or of the difference (minus the margin)."""
    at_least: bool = True
    """Whether the figure shall be the limit or more; else the limit or less."""
    difference: Estimate | None = None
    """Improvement of the candidate over the reference: positive is better, whatever the metric's direction."""
    p_value: float | None = None
    """Of the hypothesis that the rule holds, one-sided; Holm-adjusted among the slices of a rule. Small: fail."""
    blocking: bool = True
    """False for slices that are only reported."""
    detectable: float | None = None
    """The smallest shortfall that this many rows would have found with 80 % power (one-sided, 5 %)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """What a candidate is compared with: a live release, or a stated baseline when there is none."""

    environment: str
    release: str | None
    """Release name such as `fraud@3`; None for the baseline."""
    digest: str | None
    """The release's digest; None for the baseline."""
    baseline: str | None
    """`majority class`, `mean`, `last value`: set when there is no live release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The finding over all checks, with the evidence. Immutable; `id` is the digest of the rest."""

    id: str
    run: str
    finding: Finding
    checks: tuple[CheckResult, ...]
    champions: tuple[Champion, ...]
    holdout: str
    """Artifact digest of the holdout rows."""
    rows: int
    decided_at: str
    notes: tuple[str, ...] = ()
    """What was left out or assumed, in sentences: values of a slice column that were not looked at, for example."""
