"""What governance's operations are asked with, and the views that they answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from plimsoll.edge.context import Grant, Role
from plimsoll.governance.entities import Action, PersonKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person and the roles that they hold."""

    name: str
    email: str
    kind: PersonKind
    grants: tuple[Grant, ...]
    added_by: str
    added_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Somebody to add; with a role, that role is granted in the place named."""

    person: str
    email: str = ""
    kind: PersonKind = "person"
    role: Role | None = None
    project: str = "*"
    place: str = "*"
    """The environment in which the role is held; `*` for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token as it is shown, this once: the ledger keeps only a digest of it."""

    id: str
    person: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChange:
    """A role to give or take away, in one project and environment or in all (`*`)."""

    person: str
    role: Role
    project: str = "*"
    place: str = "*"
    """The environment in which the role is held; `*` for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """Whose token to make; empty for one's own."""

    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenName:
    """A token's id: what stands between its underscores."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """How many events to list, latest first; with a subject or an action, only those of it."""

    limit: Annotated[int, Interval(ge=1, le=1000)] = 20
    subject: str = ""
    action: Action | None = None
    before: Annotated[int, Interval(ge=0)] = 0
    """Only events with a smaller number, for the next page; 0 begins with the latest."""
