"""Everything an operation is given: who calls, the time, the ledger, the artifacts, and how to report progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.clock import Clock, SystemClock
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database


class Role(StrEnum):
    """What a person may do; held for every project and environment, or for one."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


class Denied(PlimsollError):
    """The caller lacks the role that an operation needs."""

    code = "governance.denied"
    kind = Kind.DENIED
    text = "{caller} may not do {operation}: it needs the role {role}{where}."
    hint = (
        "Ask an admin to run `plimsoll people grant {caller} {role}`, or act as someone who holds it (PLIMSOLL_TOKEN)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role, in one project and environment or in all of them (`*`)."""

    role: Role
    project: str = "*"
    environment: str = "*"

    def covers(self, role: Role, *, project: str | None, environment: str | None) -> bool:
        """Whether this grant gives the role there. Admin gives every role; every role gives viewer.

        Who holds a role in one environment may look at what belongs to no environment, such as runs and releases.
        """
        enough = self.role in (role, Role.ADMIN) or role is Role.VIEWER
        here = self.environment in ("*", environment) or (role is Role.VIEWER and environment is None)
        return enough and here and self.project in ("*", project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The person or service on whose behalf something happens, as authenticated."""

    name: str
    email: str = ""
    grants: tuple[Grant, ...] = ()

    def holds(self, role: Role, *, project: str | None = None, environment: str | None = None) -> bool:
        return any(grant.covers(role, project=project, environment=environment) for grant in self.grants)

    def require(
        self, role: Role, *, operation: str, project: str | None = None, environment: str | None = None
    ) -> None:
        """Raises Denied, naming the role and the place, unless the caller holds the role there."""
        if not self.holds(role, project=project, environment=environment):
            where = f" in {environment}" if environment else ""
            raise Denied(caller=self.name, operation=operation, role=str(role), where=where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of progress for people: what is going on, and how far it is when that is known."""

    task: str
    message: str
    done: int | None = None
    total: int | None = None
    stays: bool = False
    """Whether it is to stay in sight, as a warning is, when the next one comes."""


def silent(progress: Progress) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an operation works with. Plugins are made on first use by `plugin(group, name)`."""

    caller: Caller
    clock: Clock
    database: Database
    artifacts: FolderStore
    workspace: Workspace
    project: str
    """Name of the workspace's project."""
    plugin: Callable[[str, str], Any]
    progress: Callable[[Progress], None] = field(default=silent)
    machine: Clock = field(default_factory=SystemClock)
    """The machine's own clock, for what is held against the times of files; `clock` may be a replay's."""
