"""The nouns of gates: an interval, what one check found, and the verdict over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """The three ends of a check and of a verdict; only `pass` allows a release."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % confidence interval, and the number of rows it stands on."""

    value: float
    low: float
    high: float
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
    difference: Estimate | None = None
    """Improvement of the candidate over the reference: positive is better, whatever the metric's direction."""
    p_value: float | None = None
    blocking: bool = True
    """False for slices that are only reported."""
    detectable: float | None = None
    """The smallest harm that this many rows would have found with 80 % power."""


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
