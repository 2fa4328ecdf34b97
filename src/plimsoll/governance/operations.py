"""Who may do what, who said yes to what, and the record of both; used by every area that changes something.

`record` belongs into the transaction of every change. `approve` and `require_approvals` are what releases and
deployments stand on; `authenticate` and `local_caller` say on whose behalf anything happens at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plimsoll.edge.context import Caller, Context, Grant, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.governance import store
from plimsoll.governance.approvals import Rule, emails_of, in_words, is_author, unmet
from plimsoll.governance.chain import seal, verify
from plimsoll.governance.entities import (
    Action,
    Approval,
    ApprovalStanding,
    AuditEvent,
    AuditReport,
    Head,
    Person,
    Token,
)
from plimsoll.governance.errors import (
    ApprovalMissing,
    BadEmail,
    BadName,
    BadToken,
    GrantMissing,
    LastAdmin,
    NotAPerson,
    NotApproved,
    OwnWork,
    PersonExists,
    PersonMissing,
    PositionMissing,
    TokenMissing,
    UnknownLogin,
)
from plimsoll.governance.heads import append_head, read_heads
from plimsoll.governance.local import login_name, slug, suggested_person
from plimsoll.governance.requests import (
    AuditRequest,
    NewPerson,
    NewToken,
    PersonView,
    RoleChange,
    TokenName,
    TokenRequest,
)
from plimsoll.governance.tokens import digest_of, fits, make_token, split_token
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.clock import Clock, to_text
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.ids import new_id
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, Transaction


def authenticate(database: Database, token: str) -> Caller:
    """The caller behind a token, with the roles held now. Raises BadToken."""
    identifier, secret = split_token(token)
    with database.read() as transaction:
        found = store.live_token(transaction, identifier)
        if found is None or not fits(secret, found[1]):
            raise BadToken
        return store.caller(transaction, _person(transaction, found[0]))


def caller_named(database: Database, name: str) -> Caller:
    """Somebody with the roles held now, for sessions that were authenticated before. Raises PersonMissing."""
    with database.read() as transaction:
        return store.caller(transaction, _person(transaction, name))


def local_caller(database: Database, workspace: Workspace, clock: Clock) -> Caller:
    """Who works on this machine without a token; the first one ever becomes an admin.

    The ledger remembers the operating system's login, so that changing git's user.name makes nobody else.
    Raises UnknownLogin when the ledger has people, but not this one.
    """
    login = login_name(database.url)
    with database.read() as transaction:
        known = store.person_of_login(transaction, login)
        if known is not None:
            return store.caller(transaction, _person(transaction, known))
    return _first_person(database, workspace, clock, login=login)


def record(
    context: Context, transaction: Transaction, *, action: Action, subject: str, detail: Mapping[str, Any]
) -> None:
    """Append an event to the audit chain in this transaction; once it is durable, its signed head is kept.

    detail: JSON-ready. Raises PositionMissing, and after the commit HeadNotWritten.
    """
    _append(
        transaction,
        context.workspace,
        at=to_text(context.clock.now()),
        actor=context.caller.name,
        action=action,
        subject=subject,
        detail=detail,
    )


def approve(
    context: Context,
    transaction: Transaction,
    *,
    project: str,
    release: str,
    digest: str,
    environment: str,
    authors: tuple[str, ...],
    comment: str,
) -> Approval:
    """Record the caller's yes to a release in an environment; saying it again replaces the comment.

    authors: people's names, or e-mails of committers whom the ledger does not know.
    Raises NotAPerson for a service, OwnWork for an author.
    """
    person = _approver(context, transaction, release=release, environment=environment, authors=authors)
    now = context.clock.now()
    approval = Approval(
        id=new_id("approval", at=now),
        project=project,
        release=release,
        digest=digest,
        environment=environment,
        person=person.name,
        comment=comment,
        approved_at=to_text(now),
    )
    store.save_approval(transaction, approval)
    detail = {"digest": digest, "environment": environment, "comment": comment}
    record(context, transaction, action=Action.RELEASE_APPROVED, subject=release, detail=detail)
    return approval


def withdraw(context: Context, transaction: Transaction, *, release: str, digest: str, environment: str) -> None:
    """Take the caller's yes back; what was deployed with it stays. Raises ApprovalMissing."""
    gone = store.withdraw_approval(
        transaction,
        person=context.caller.name,
        digest=digest,
        environment=environment,
        at=to_text(context.clock.now()),
    )
    if not gone:
        raise ApprovalMissing(person=context.caller.name, release=release, environment=environment)
    detail = {"digest": digest, "environment": environment}
    record(context, transaction, action=Action.APPROVAL_WITHDRAWN, subject=release, detail=detail)


def require_approvals(
    transaction: Transaction,
    *,
    project: str,
    release: str,
    digest: str,
    environment: str,
    authors: tuple[str, ...],
    rules: Sequence[Rule],
) -> None:
    """Raises NotApproved, naming all that is missing, unless every rule of the environment is met now."""
    approvals = approvals_of(transaction, release=release, digest=digest, environment=environment)
    everyone = store.callers(transaction, store.everybody(transaction))
    yes = {approval.person for approval in approvals}
    lacks = unmet(
        rules,
        [person for person in everyone if person.name in yes],
        project=project,
        environment=environment,
        authors=authors,
        emails=emails_of(authors, everyone),
    )
    if lacks:
        raise NotApproved(
            release=release, environment=environment, missing="; ".join(lacks), authors=", ".join(authors)
        )


def approval_standing(
    context: Context,
    transaction: Transaction,
    *,
    project: str,
    release: str,
    digest: str,
    environment: str,
    authors: tuple[str, ...],
    rules: Sequence[Rule],
) -> ApprovalStanding:
    """How a release stands in one environment, and whether the caller could say yes to it there."""
    approvals = approvals_of(transaction, release=release, digest=digest, environment=environment)
    place = {"project": project, "release": release, "digest": digest, "environment": environment}
    lacking: tuple[str, ...] = ()
    try:
        require_approvals(transaction, **place, authors=authors, rules=rules)
    except NotApproved as error:
        lacking = tuple(error.facts["missing"].split("; "))
    refusal = ""
    try:
        context.caller.require(Role.APPROVER, operation="approvals.create", project=project, environment=environment)
        _approver(context, transaction, release=release, environment=environment, authors=authors)
    except PlimsollError as error:
        refusal = str(error)
    return ApprovalStanding(
        environment=environment,
        wanted=tuple(in_words(rule) for rule in rules),
        lacking=lacking,
        approvals=approvals,
        refusal=refusal,
        given=any(approval.person == context.caller.name for approval in approvals),
    )


def approvals_of(transaction: Transaction, *, release: str, digest: str, environment: str) -> tuple[Approval, ...]:
    """Every standing yes to a release in one environment, oldest first."""
    found = store.approvals(transaction, digest=digest)
    return tuple(item for item in found if item.release == release and item.environment == environment)


def approvals_of_release(context: Context, *, digest: str) -> tuple[Approval, ...]:
    """Every standing yes to a release, in any environment, oldest first."""
    with context.database.read() as transaction:
        return store.approvals(transaction, digest=digest)


def events_about(context: Context, *, subject: str) -> tuple[AuditEvent, ...]:
    """What the audit chain holds about a subject, oldest first."""
    with context.database.read() as transaction:
        return store.events_about(transaction, subject=subject)


def people_with_email(database: Database, email: str) -> tuple[str, ...]:
    """Names of the people who have this e-mail, whatever its case."""
    with database.read() as transaction:
        people = store.everybody(transaction)
    return tuple(person.name for person in people if email and person.email.casefold() == email.casefold())


@operation("people.list", "GET", "/people", role=Role.VIEWER, request=Everything, response=tuple[PersonView, ...])
def list_people(context: Context, _request: Everything) -> tuple[PersonView, ...]:
    """Everybody, with the roles that they hold."""
    with context.database.read() as transaction:
        people = store.everybody(transaction)
        grants = {caller.name: caller.grants for caller in store.callers(transaction, people)}
    return tuple(_view(person, grants[person.name]) for person in people)


@operation("people.add", "POST", "/people", role=Role.ADMIN, request=NewPerson, response=NewToken)
def add_person(context: Context, request: NewPerson) -> NewToken:
    """Add a person or service, with a role if one is named, and make a first token that is shown this once."""
    _require_admin_of(context, "people.add", project=request.project, place=request.place)
    _check_name(request.person)
    if request.email and request.email.count("@") != 1:
        raise BadEmail(email=request.email)
    at = to_text(context.clock.now())
    person = Person(
        name=request.person, email=request.email, kind=request.kind, added_by=context.caller.name, added_at=at
    )
    with context.database.write() as transaction:
        if not store.add_person(transaction, person):
            raise PersonExists(name=request.person)
        detail = {"email": request.email, "kind": request.kind}
        record(context, transaction, action=Action.PERSON_ADDED, subject=person.name, detail=detail)
        if request.role is not None:
            grant = Grant(role=request.role, project=request.project, environment=request.place)
            _grant(context, transaction, person=person.name, grant=grant)
        return _make_token(context, transaction, person=person.name)


@operation("people.grant", "POST", "/people/{person}/grants", role=Role.ADMIN, request=RoleChange, response=PersonView)
def grant_role(context: Context, request: RoleChange) -> PersonView:
    """Give somebody a role, everywhere or in one project and environment; giving it twice changes nothing."""
    _require_admin_of(context, "people.grant", project=request.project, place=request.place)
    with context.database.write() as transaction:
        person = _person(transaction, request.person)
        _grant(context, transaction, person=person.name, grant=_grant_of(request))
        return _view(person, store.caller(transaction, person).grants)


@operation(
    "people.revoke", "DELETE", "/people/{person}/grants", role=Role.ADMIN, request=RoleChange, response=PersonView
)
def revoke_role(context: Context, request: RoleChange) -> PersonView:
    """Take a role away; their approvals stop counting where they needed it. Not from the last admin."""
    _require_admin_of(context, "people.revoke", project=request.project, place=request.place)
    grant = _grant_of(request)
    with context.database.write() as transaction:
        store.hold_chain(transaction)  # two admins who revoke each other at the same time must see each other
        person = _person(transaction, request.person)
        if not store.remove_grant(transaction, person=person.name, grant=grant):
            raise GrantMissing(name=person.name, role=grant.role, project=grant.project, environment=grant.environment)
        if store.admins_everywhere(transaction) == 0:
            raise LastAdmin(name=person.name)
        record(context, transaction, action=Action.ROLE_REVOKED, subject=person.name, detail=_detail(grant))
        return _view(person, store.caller(transaction, person).grants)


@operation("tokens.list", "GET", "/tokens", role=Role.VIEWER, request=Everything, response=tuple[Token, ...])
def list_tokens(context: Context, _request: Everything) -> tuple[Token, ...]:
    """One's own tokens, revoked ones too; an admin sees everybody's. Secrets are never shown."""
    with context.database.read() as transaction:
        tokens = store.tokens(transaction)
    everybody = context.caller.holds(Role.ADMIN)
    return tuple(token for token in tokens if everybody or token.person == context.caller.name)


@operation("tokens.create", "POST", "/tokens", role=Role.VIEWER, request=TokenRequest, response=NewToken)
def create_token(context: Context, request: TokenRequest) -> NewToken:
    """Make a token, shown this once; for somebody else only as an admin."""
    name = request.person or context.caller.name
    if name != context.caller.name:
        context.caller.require(Role.ADMIN, operation="tokens.create for somebody else")
    with context.database.write() as transaction:
        return _make_token(context, transaction, person=_person(transaction, name).name)


@operation("tokens.revoke", "DELETE", "/tokens/{token}", role=Role.VIEWER, request=TokenName, response=Token)
def revoke_token(context: Context, request: TokenName) -> Token:
    """End a token at once; somebody else's only as an admin."""
    at = to_text(context.clock.now())
    with context.database.write() as transaction:
        token = store.find_token(transaction, request.token)
        if token is None:
            raise TokenMissing(token=request.token)
        if token.person != context.caller.name:
            context.caller.require(Role.ADMIN, operation="tokens.revoke for somebody else")
        if not store.revoke_token(transaction, token.id, by=context.caller.name, at=at):
            raise TokenMissing(token=request.token)
        record(context, transaction, action=Action.TOKEN_REVOKED, subject=token.person, detail={"token": token.id})
        revoked = store.find_token(transaction, token.id)
    assert revoked is not None
    return revoked


@operation("audit.list", "GET", "/audit", role=Role.VIEWER, request=AuditRequest, response=tuple[AuditEvent, ...])
def list_audit(context: Context, request: AuditRequest) -> tuple[AuditEvent, ...]:
    """Who did what, when: the newest events first."""
    with context.database.read() as transaction:
        return store.newest_events(
            transaction,
            limit=request.limit,
            subject=request.subject,
            action=str(request.action or ""),
            before=request.before,
        )


@operation("audit.verify", "GET", "/audit/verification", role=Role.VIEWER, request=Everything, response=AuditReport)
def verify_audit(context: Context, _request: Everything) -> AuditReport:
    """Check every event, every link between them and every signed head; name whatever was tampered with."""
    signed = read_heads(context.workspace)  # before the ledger: a head that is written meanwhile has its event by then
    with context.database.read() as transaction:
        lines, tail = store.whole_chain(transaction)
    return verify(lines, tail=tail, signed=signed)


def _approver(
    context: Context, transaction: Transaction, *, release: str, environment: str, authors: tuple[str, ...]
) -> Person:
    """The caller as somebody whose yes may count. Raises NotAPerson, OwnWork."""
    person = _person(transaction, context.caller.name)
    if person.kind != "person":
        raise NotAPerson(person=person.name, release=release, environment=environment)
    emails = emails_of(authors, store.callers(transaction, store.everybody(transaction)))
    if is_author(context.caller, authors=authors, emails=emails):
        own = person.name in authors
        because = "they are one of its authors" if own else f"one of its authors has the same e-mail, {person.email}"
        raise OwnWork(person=person.name, release=release, environment=environment, because=because)
    return person


def _append(
    transaction: Transaction,
    workspace: Workspace,
    *,
    at: str,
    actor: str,
    action: Action,
    subject: str,
    detail: Mapping[str, Any],
) -> None:
    end = store.advance_chain(transaction)
    if end is None:
        raise PositionMissing
    line = seal(
        after=end,
        at=at,
        actor=actor,
        action=str(action),
        subject=subject,
        detail=canonical_json(dict(detail)).decode(),
    )
    store.append_line(transaction, line)
    transaction.after_commit(lambda: append_head(workspace, Head(number=line.number, hash=line.hash)))


def _first_person(database: Database, workspace: Workspace, clock: Clock, *, login: str) -> Caller:
    name, email = suggested_person(workspace.root, login=login)
    at = to_text(clock.now())
    with database.write() as transaction:
        store.hold_chain(transaction)  # of two first commands at once, one is the first
        known = store.person_of_login(transaction, login)
        if known is None:
            if store.everybody(transaction):
                raise UnknownLogin(login=login)
            person = Person(name=name, email=email, kind="person", added_by=name, added_at=at)
            grant = Grant(role=Role.ADMIN)
            store.add_person(transaction, person)
            store.add_login(transaction, login=login, person=name)
            store.add_grant(transaction, person=name, grant=grant, by=name, at=at)
            first = {"at": at, "actor": name, "subject": name}
            detail = {"email": email, "kind": "person", "because": f"the first login, {login}"}
            _append(transaction, workspace, action=Action.PERSON_ADDED, detail=detail, **first)
            _append(transaction, workspace, action=Action.ROLE_GRANTED, detail=_detail(grant), **first)
        return store.caller(transaction, _person(transaction, known or name))


def _grant(context: Context, transaction: Transaction, *, person: str, grant: Grant) -> None:
    at = to_text(context.clock.now())
    if store.add_grant(transaction, person=person, grant=grant, by=context.caller.name, at=at):
        record(context, transaction, action=Action.ROLE_GRANTED, subject=person, detail=_detail(grant))


def _make_token(context: Context, transaction: Transaction, *, person: str) -> NewToken:
    text, identifier = make_token()
    token = Token(id=identifier, person=person, created_by=context.caller.name, created_at=to_text(context.clock.now()))
    store.add_token(transaction, token, secret_digest=digest_of(split_token(text)[1]))
    record(context, transaction, action=Action.TOKEN_CREATED, subject=person, detail={"token": identifier})
    return NewToken(id=identifier, person=person, token=text)


def _require_admin_of(context: Context, name: str, *, project: str, place: str) -> None:
    """An admin of one project or environment gives and takes roles there, and nowhere else."""
    context.caller.require(Role.ADMIN, operation=name, project=project, environment=place)


def _grant_of(request: RoleChange) -> Grant:
    return Grant(role=request.role, project=request.project, environment=request.place)


def _detail(grant: Grant) -> dict[str, str]:
    return {"role": str(grant.role), "project": grant.project, "environment": grant.environment}


def _check_name(name: str) -> None:
    if not name or slug(name) != name:
        raise BadName(name=name, example=slug(name) or "ada")


def _person(transaction: Transaction, name: str) -> Person:
    person = store.find_person(transaction, name)
    if person is None:
        raise PersonMissing(name=name)
    return person


def _view(person: Person, grants: tuple[Grant, ...]) -> PersonView:
    return PersonView(
        name=person.name,
        email=person.email,
        kind=person.kind,
        grants=grants,
        added_by=person.added_by,
        added_at=person.added_at,
    )
