"""Why governance refuses; every refusal names its rule."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class BadToken(PlimsollError):
    """A token that opens nothing. One text for all reasons: it must not tell which part was right."""

    code = "governance.bad_token"
    kind = Kind.DENIED
    text = "The token is not valid: it is malformed, unknown or was revoked."
    hint = "Set PLIMSOLL_TOKEN to a token as it was printed, or ask an admin for a new one: `plimsoll tokens create`."


class UnknownLogin(PlimsollError):
    """Someone works on the ledger directly whom it does not know."""

    code = "governance.unknown_login"
    kind = Kind.DENIED
    text = "The ledger does not know the login {login}."
    hint = "Ask an admin to run `plimsoll people add NAME`, then set PLIMSOLL_TOKEN to the token that it prints."


class PersonMissing(PlimsollError):
    code = "governance.no_such_person"
    kind = Kind.MISSING
    text = "There is nobody called {name}."
    hint = "`plimsoll people` lists everybody; `plimsoll people add {name}` adds someone."


class PersonExists(PlimsollError):
    code = "governance.person_exists"
    kind = Kind.CONFLICT
    text = "There is already somebody called {name}."
    hint = "Give them a role with `plimsoll people grant {name} ROLE`, or choose another name."


class BadName(PlimsollError):
    code = "governance.bad_name"
    kind = Kind.INVALID
    text = "{name!r} is not a name for a person: it takes lower-case letters, digits and dashes, such as {example}."
    hint = "Try again with such a name; it appears in approvals and audit events and never changes."


class BadEmail(PlimsollError):
    code = "governance.bad_email"
    kind = Kind.INVALID
    text = "{email!r} is not an e-mail address."
    hint = "It is compared with the authors of commits, so write it as git knows it, or leave it out."


class GrantMissing(PlimsollError):
    code = "governance.no_such_grant"
    kind = Kind.MISSING
    text = "{name} does not hold the role {role} in project {project} and environment {environment}."
    hint = "`plimsoll people` shows who holds what, and where."


class LastAdmin(PlimsollError):
    code = "governance.last_admin"
    kind = Kind.CONFLICT
    text = "{name} is the last admin: without one, nobody could grant a role again."
    hint = "Make someone else an admin first: `plimsoll people grant NAME admin`."


class TokenMissing(PlimsollError):
    code = "governance.no_such_token"
    kind = Kind.MISSING
    text = "There is no token {token} that could be revoked."
    hint = "`plimsoll tokens` lists them by id, the part between the underscores."


class OwnWork(PlimsollError):
    code = "governance.own_work"
    kind = Kind.DENIED
    text = "{person} cannot approve {release}: {because}."
    hint = "Ask somebody else with the role approver to run `plimsoll approve {release} --env {environment}`."


class NotAPerson(PlimsollError):
    code = "governance.not_a_person"
    kind = Kind.DENIED
    text = "{person} is a service, and an approval is a person's yes."
    hint = "Ask a person with the role approver to run `plimsoll approve {release} --env {environment}`."


class NotApproved(PlimsollError):
    """A release lacks approvals that its environment asks for."""

    code = "release.not_approved"
    kind = Kind.DENIED
    text = "{release} may not live in {environment} yet: {missing}."
    hint = "Ask an approver other than its authors ({authors}) to run `plimsoll approve {release} --env {environment}`."


class ApprovalMissing(PlimsollError):
    code = "governance.no_such_approval"
    kind = Kind.MISSING
    text = "{person} has no approval of {release} for {environment} that could be withdrawn."
    hint = "`plimsoll trace {release}` shows who approved it, and where."


class PositionMissing(PlimsollError):
    code = "governance.audit_position_missing"
    kind = Kind.INTERNAL
    text = "The ledger has lost its position in the audit chain, so nothing can be recorded and nothing is changed."
    hint = "Someone has altered the ledger: `plimsoll audit verify` tells what else. Restore it from a backup."


class HeadNotWritten(PlimsollError):
    code = "governance.head_not_written"
    kind = Kind.UNAVAILABLE
    text = "The change was made and recorded, but its signed audit head could not be written to {path}: {problem}."
    hint = "Make room or correct the permissions; the next change signs this one too. Do not repeat the command."
