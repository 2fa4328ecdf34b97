"""What becomes of alerts when something is judged: opened once, seen again while it holds, ended when it is gone.

Pure: alerts and findings in, alerts out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plimsoll.monitor.entities import Alert, AlertState, Concern, Span

MONITOR = "plimsoll:monitor"
"""Who resolves an alert that is no longer seen."""
CLEAR: Mapping[Span, int] = {Span.WINDOW: 3, Span.DAY: 2, Span.WEEK: 1}
"""How many spans in a row must not show an alert for it to end."""
_LENGTH = {Span.WINDOW: 0, Span.DAY: 1, Span.WEEK: 2}

Key = tuple[Concern, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that should not be, as one judgement showed it."""

    concern: Concern
    subject: str
    sentence: str
    evidence: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return self.concern, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judgement of one span looked at, and what it showed."""

    span: Span
    end: str
    """When the span ended."""
    findings: tuple[Finding, ...]
    looked_at: frozenset[Key]
    """Everything that could be judged, found or not: what could not says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose alerts they are."""

    project: str
    environment: str
    release: str
    digest: str


def follow(alerts: Sequence[Alert], judged: Judged, of: Subject, *, identify: Callable[[], str]) -> tuple[Alert, ...]:
    """The alerts that change, as they are now. alerts: those of this release that are not resolved."""
    found = {finding.key: finding for finding in judged.findings}
    known = {(alert.concern, alert.subject): alert for alert in alerts}
    seen = [_seen(alert, found[key], judged) for key, alert in known.items() if key in found]
    gone = [
        _not_seen(alert, judged)
        for key, alert in known.items()
        if key not in found and key in judged.looked_at and alert.span is judged.span
    ]
    new = [_opened(finding, judged, of, identify()) for key, finding in found.items() if key not in known]
    return (*new, *seen, *gone)


def supersede(alerts: Sequence[Alert], *, live: str, at: str) -> tuple[Alert, ...]:
    """The alerts of a release that is live no longer: nothing more will be seen of them."""
    return tuple(resolve(alert, by=MONITOR, at=at, why=f"{live} is live now.") for alert in alerts)


def acknowledge(alert: Alert, *, by: str, at: str, why: str) -> Alert:
    """Somebody knows of it and sees to it."""
    return replace(alert, state=AlertState.ACKNOWLEDGED, acknowledged_by=by, acknowledged_at=at, why=why)


def resolve(alert: Alert, *, by: str, at: str, why: str) -> Alert:
    return replace(alert, state=AlertState.RESOLVED, resolved_by=by, resolved_at=at, why=why)


def _opened(finding: Finding, judged: Judged, of: Subject, identifier: str) -> Alert:
    return Alert(
        id=identifier,
        project=of.project,
        environment=of.environment,
        release=of.release,
        digest=of.digest,
        concern=finding.concern,
        subject=finding.subject,
        state=AlertState.OPEN,
        sentence=finding.sentence,
        evidence=finding.evidence,
        span=judged.span,
        opened_at=judged.end,
        seen_at=judged.end,
        times=1,
    )


def _seen(alert: Alert, finding: Finding, judged: Judged) -> Alert:
    """Seen again: the longer span keeps the word, for it sees what a shorter one cannot."""
    if _LENGTH[judged.span] < _LENGTH[alert.span]:
        return replace(alert, seen_at=judged.end, times=alert.times + 1, clear=0)
    return replace(
        alert,
        sentence=finding.sentence,
        evidence=finding.evidence,
        span=judged.span,
        seen_at=judged.end,
        times=alert.times + 1,
        clear=0,
    )


def _not_seen(alert: Alert, judged: Judged) -> Alert:
    clear = alert.clear + 1
    counted = replace(alert, clear=clear)
    if clear < CLEAR[judged.span]:
        return counted
    spans = f"the last {clear} {judged.span}s" if clear > 1 else f"the last {judged.span}"
    return resolve(counted, by=MONITOR, at=judged.end, why=f"Not seen in {spans}.")
