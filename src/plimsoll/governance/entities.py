"""The nouns of governance: people, their tokens and approvals, and the events of the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

PersonKind = Literal["person", "service"]
"""Only a person can approve."""


class Action(StrEnum):
    """Everything that can happen: the closed list of what an audit event may say."""

    PERSON_ADDED = "person_added"
    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    TOKEN_CREATED = "token_created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of an event
    DATA_VERSION_RECORDED = "data_version_recorded"
    RUN_STARTED = "run_started"
    RUN_CANCELLED = "run_cancelled"
    RUN_ENDED = "run_ended"
    SWEEP_STARTED = "sweep_started"
    SWEEP_CANCELLED = "sweep_cancelled"
    SWEEP_ENDED = "sweep_ended"
    METRICS_LOGGED = "metrics_logged"
    VERDICT_REACHED = "verdict_reached"
    RELEASE_CREATED = "release_created"
    RELEASE_REPRODUCED = "release_reproduced"
    RELEASE_APPROVED = "release_approved"
    APPROVAL_WITHDRAWN = "approval_withdrawn"
    DEPLOYMENT_CHANGED = "deployment_changed"
    ROLLOUT_STARTED = "rollout_started"
    ROLLOUT_ORDERED = "rollout_ordered"
    ROLLOUT_CHANGED = "rollout_changed"
    ALERT_OPENED = "alert_opened"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_RESOLVED = "alert_resolved"
    RETRAINING_REQUESTED = "retraining_requested"
    RETRAINING_STARTED = "retraining_started"
    RETRAINING_CHANGED = "retraining_changed"
    RETRAINING_ENDED = "retraining_ended"
    STORAGE_COLLECTED = "storage_collected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone, or a program, that can be named in the ledger. The name is a slug and never changes hands."""

    name: str
    email: str
    kind: PersonKind
    added_by: str
    added_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A credential as the ledger knows it: never its secret."""

    id: str
    person: str
    created_by: str
    created_at: str
    revoked_by: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's recorded yes to one release, by digest, in one environment."""

    id: str
    project: str
    release: str
    digest: str
    environment: str
    person: str
    comment: str
    approved_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalStanding:
    """What one environment asks for before a release may come there, what it has, and whether the asker may say yes."""

    environment: str
    wanted: tuple[str, ...]
    """Each rule in words; empty when nobody has to approve."""
    lacking: tuple[str, ...]
    """What each unmet rule still lacks; empty when the approvals suffice."""
    approvals: tuple[Approval, ...]
    """Every standing yes, oldest first."""
    refusal: str
    """Why the asker's own yes would be refused; empty when it would count."""
    given: bool
    """Whether the asker said yes already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the record of who did what, when; `hash` covers all the rest and so every line before."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain at one moment; kept signed, outside the ledger."""

    number: int
    hash: str


class Tampering(StrEnum):
    """What verification can find wrong with the chain or with its signed heads."""

    CHANGED_ROW = "changed_row"
    MISSING_ROW = "missing_row"
    TRUNCATED_TAIL = "truncated_tail"
    RECOMPUTED = "recomputed"
    CHANGED_POSITION = "changed_position"
    BAD_HEAD = "bad_head"
    HEADS_MISSING = "heads_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """One piece of tampering: its kind, the event (or line of the heads' file) it concerns, and the evidence."""

    kind: Tampering
    number: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What `audit verify` checked and what it found; `ok` exactly when there are no findings."""

    ok: bool
    events: int
    heads: int
    last: Head | None
    """The end of the chain as it is now."""
    unsigned: int
    """Events after the last signed head: a process ended between its commit and its signature."""
    findings: tuple[AuditFinding, ...] = ()
