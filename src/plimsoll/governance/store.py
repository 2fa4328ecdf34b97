"""Rows of people, logins, grants, tokens, approvals and audit events, and the entities they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from plimsoll.edge.context import Caller, Grant, Role
from plimsoll.governance.chain import Line
from plimsoll.governance.entities import Approval, AuditEvent, Head, Person, Token
from plimsoll.ledger.engine import Row, Transaction


def add_person(transaction: Transaction, person: Person) -> bool:
    """False when the name is taken."""
    touched = transaction.execute(
        "INSERT INTO people (name, email, kind, added_by, added_at) VALUES (:name, :email, :kind, :added_by, :added_at) "
        "ON CONFLICT DO NOTHING",
        **asdict(person),
    )
    return touched == 1


def find_person(transaction: Transaction, name: str) -> Person | None:
    row = transaction.one("SELECT * FROM people WHERE name = :name", name=name)
    return None if row is None else Person(**row)


def everybody(transaction: Transaction) -> tuple[Person, ...]:
    return tuple(Person(**row) for row in transaction.all("SELECT * FROM people ORDER BY name"))


def person_of_login(transaction: Transaction, login: str) -> str | None:
    row = transaction.one("SELECT person FROM logins WHERE login = :login", login=login)
    return None if row is None else str(row["person"])


def add_login(transaction: Transaction, *, login: str, person: str) -> None:
    transaction.execute("INSERT INTO logins (login, person) VALUES (:login, :person)", login=login, person=person)


def add_grant(transaction: Transaction, *, person: str, grant: Grant, by: str, at: str) -> bool:
    """False when the person holds it already."""
    touched = transaction.execute(
        """
        INSERT INTO grants (person, role, project, environment, granted_by, granted_at)
        VALUES (:person, :role, :project, :environment, :granted_by, :granted_at) ON CONFLICT DO NOTHING
        """,
        person=person,
        role=str(grant.role),
        project=grant.project,
        environment=grant.environment,
        granted_by=by,
        granted_at=at,
    )
    return touched == 1


def remove_grant(transaction: Transaction, *, person: str, grant: Grant) -> bool:
    """False when the person does not hold it."""
    touched = transaction.execute(
        """
        DELETE FROM grants
        WHERE person = :person AND role = :role AND project = :project AND environment = :environment
        """,
        person=person,
        role=str(grant.role),
        project=grant.project,
        environment=grant.environment,
    )
    return touched == 1


def admins_everywhere(transaction: Transaction) -> int:
    """How many people hold the role admin in every project and environment."""
    row = transaction.one(
        "SELECT COUNT(*) AS admins FROM grants WHERE role = :role AND project = '*' AND environment = '*'",
        role=str(Role.ADMIN),
    )
    return int(row["admins"]) if row else 0


def callers(transaction: Transaction, people: Iterable[Person]) -> tuple[Caller, ...]:
    """People together with the roles that they hold now."""
    grants: dict[str, list[Grant]] = {}
    for row in transaction.all(
        "SELECT person, role, project, environment FROM grants ORDER BY role, project, environment"
    ):
        grant = Grant(role=Role(row["role"]), project=row["project"], environment=row["environment"])
        grants.setdefault(row["person"], []).append(grant)
    return tuple(
        Caller(name=person.name, email=person.email, grants=tuple(grants.get(person.name, ()))) for person in people
    )


def caller(transaction: Transaction, person: Person) -> Caller:
    """One person together with the roles that they hold now."""
    rows = transaction.all("SELECT role, project, environment FROM grants WHERE person = :person", person=person.name)
    grants = tuple(
        Grant(role=Role(row["role"]), project=row["project"], environment=row["environment"]) for row in rows
    )
    return Caller(name=person.name, email=person.email, grants=grants)


def add_token(transaction: Transaction, token: Token, *, secret_digest: str) -> None:
    transaction.execute(
        """
        INSERT INTO tokens (id, person, secret_digest, created_by, created_at)
        VALUES (:id, :person, :secret_digest, :created_by, :created_at)
        """,
        id=token.id,
        person=token.person,
        secret_digest=secret_digest,
        created_by=token.created_by,
        created_at=token.created_at,
    )


def live_token(transaction: Transaction, identifier: str) -> tuple[str, str] | None:
    """Person and secret digest of a token that was not revoked."""
    row = transaction.one(
        "SELECT person, secret_digest FROM tokens WHERE id = :id AND revoked_at IS NULL", id=identifier
    )
    return None if row is None else (str(row["person"]), str(row["secret_digest"]))


def find_token(transaction: Transaction, identifier: str) -> Token | None:
    row = transaction.one("SELECT * FROM tokens WHERE id = :id", id=identifier)
    return None if row is None else _token(row)


def tokens(transaction: Transaction) -> tuple[Token, ...]:
    return tuple(_token(row) for row in transaction.all("SELECT * FROM tokens ORDER BY created_at, id"))


def revoke_token(transaction: Transaction, identifier: str, *, by: str, at: str) -> bool:
    """False when there is none, or it was revoked before."""
    touched = transaction.execute(
        "UPDATE tokens SET revoked_by = :by, revoked_at = :at WHERE id = :id AND revoked_at IS NULL",
        id=identifier,
        by=by,
        at=at,
    )
    return touched == 1


def save_approval(transaction: Transaction, approval: Approval) -> None:
    """Write a yes; one person has at most one for a release in an environment, the latest."""
    transaction.execute(
        """
        INSERT INTO approvals (id, project, release, digest, environment, person, comment, approved_at)
        VALUES (:id, :project, :release, :digest, :environment, :person, :comment, :approved_at)
        ON CONFLICT (person, digest, environment) DO UPDATE SET id = excluded.id, comment = excluded.comment,
            approved_at = excluded.approved_at, withdrawn_at = NULL
        """,
        **asdict(approval),
    )


def withdraw_approval(transaction: Transaction, *, person: str, digest: str, environment: str, at: str) -> bool:
    """False when there is none."""
    touched = transaction.execute(
        """
        UPDATE approvals SET withdrawn_at = :at
        WHERE person = :person AND digest = :digest AND environment = :environment AND withdrawn_at IS NULL
        """,
        person=person,
        digest=digest,
        environment=environment,
        at=at,
    )
    return touched == 1


def approvals(transaction: Transaction, *, digest: str) -> tuple[Approval, ...]:
    """Every standing yes to a release, in any environment, oldest first."""
    rows = transaction.all(
        """
        SELECT id, project, release, digest, environment, person, comment, approved_at FROM approvals
        WHERE digest = :digest AND withdrawn_at IS NULL ORDER BY approved_at, id
        """,
        digest=digest,
    )
    return tuple(Approval(**row) for row in rows)


def advance_chain(transaction: Transaction) -> Head | None:
    """Take the next number of the chain; returns the end before it. Others wait here until this transaction ends."""
    rows = transaction.all(
        "UPDATE audit_tail SET number = number + 1 WHERE id = 1 RETURNING number - 1 AS number, hash"
    )
    return Head(number=int(rows[0]["number"]), hash=str(rows[0]["hash"])) if rows else None


def hold_chain(transaction: Transaction) -> None:
    """Make others that append wait until this transaction ends, without appending."""
    transaction.execute("UPDATE audit_tail SET number = number WHERE id = 1")


def append_line(transaction: Transaction, line: Line) -> None:
    transaction.execute(
        """
        INSERT INTO audit_events (number, at, actor, action, subject, detail, previous, hash)
        VALUES (:number, :at, :actor, :action, :subject, :detail, :previous, :hash)
        """,
        **asdict(line),
    )
    transaction.execute("UPDATE audit_tail SET hash = :hash WHERE id = 1", hash=line.hash)


def whole_chain(transaction: Transaction) -> tuple[list[Line], Head]:
    """Every line and the ledger's own position, seen at one moment: one statement, so that no append comes between."""
    rows = transaction.all(
        """
        SELECT 0 AS is_tail, number, at, actor, action, subject, detail, previous, hash FROM audit_events
        UNION ALL
        SELECT 1 AS is_tail, number, '' AS at, '' AS actor, '' AS action, '' AS subject, '' AS detail, '' AS previous, hash
        FROM audit_tail
        ORDER BY is_tail, number
        """
    )
    tail = Head(number=0, hash="")
    lines = []
    for row in rows:
        if row.pop("is_tail"):
            tail = Head(number=int(row["number"]), hash=str(row["hash"]))
        else:
            lines.append(Line(**row))
    return lines, tail


def newest_events(
    transaction: Transaction, *, limit: int, subject: str = "", action: str = "", before: int = 0
) -> tuple[AuditEvent, ...]:
    """Latest first; what is empty or 0 leaves nothing out."""
    wanted = {"subject = :subject": subject, "action = :action": action, "number < :before": before}
    conditions = " AND ".join(condition for condition, value in wanted.items() if value)
    rows = transaction.all(
        f"SELECT * FROM audit_events {'WHERE ' if conditions else ''}{conditions} ORDER BY number DESC LIMIT :limit",
        limit=limit,
        subject=subject,
        action=action,
        before=before,
    )
    return tuple(_event(row) for row in rows)


def events_about(transaction: Transaction, *, subject: str) -> tuple[AuditEvent, ...]:
    """Oldest first."""
    rows = transaction.all("SELECT * FROM audit_events WHERE subject = :subject ORDER BY number", subject=subject)
    return tuple(_event(row) for row in rows)


def _event(row: Row) -> AuditEvent:
    try:
        detail = json.loads(row["detail"])
    except ValueError:  # a ledger that was tampered with must still be listed
        detail = {"unreadable": row["detail"]}
    return AuditEvent(**{**row, "detail": detail})


def _token(row: Row) -> Token:
    return Token(**{name: value for name, value in row.items() if name != "secret_digest"})
