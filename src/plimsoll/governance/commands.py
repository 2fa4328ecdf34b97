"""`plimsoll people`, `tokens` and `audit`: who may do what, and the record of what they did."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from plimsoll.edge.context import Role
from plimsoll.edge.options import Json, Limit
from plimsoll.edge.output import moment, paint, run, say, show_table

DETAIL_WIDTH = 90
Name = Annotated[str, typer.Argument(metavar="NAME", help="Their name: lower-case letters, digits and dashes.")]
RoleName = Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, developer, approver, operator or admin.")]
Project = Annotated[str, typer.Option("--in", metavar="PROJECT", help="Only in this project.")]
Environment = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="Only in this environment.")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.add_typer(_people(), name="people")
    app.add_typer(_tokens(), name="tokens")
    app.add_typer(_audit(), name="audit")


def _people() -> typer.Typer:
    group = typer.Typer(help="Who there is and what they may do.", invoke_without_command=True)

    @group.callback()
    def people(context: typer.Context, as_json: Json = False) -> None:
        if context.invoked_subcommand is None:
            run("people.list", as_json=as_json, show=_show_people)

    @group.command("list")
    def list_people(as_json: Json = False) -> None:
        """List everybody with their roles."""
        run("people.list", as_json=as_json, show=_show_people)

    @group.command()
    def add(
        name: Name,
        role: Annotated[Role | None, typer.Option("--role", metavar="ROLE", help="A role to grant at once.")] = None,
        email: Annotated[
            str, typer.Option("--email", metavar="ADDRESS", help="As git knows it: authors are recognised by it.")
        ] = "",
        service: Annotated[bool, typer.Option("--service", help="A program: it can never approve.")] = False,
        project: Project = "*",
        environment: Environment = "*",
        as_json: Json = False,
    ) -> None:
        """Add somebody; prints their first token, once."""
        run(
            "people.add",
            as_json=as_json,
            show=_show_token,
            person=name,
            email=email,
            kind="service" if service else "person",
            role=role,
            project=project,
            place=environment,
        )

    @group.command()
    def grant(
        name: Name, role: RoleName, project: Project = "*", environment: Environment = "*", as_json: Json = False
    ) -> None:
        """Give somebody a role."""
        run(
            "people.grant",
            as_json=as_json,
            show=_show_person,
            person=name,
            role=role,
            project=project,
            place=environment,
        )

    @group.command()
    def revoke(
        name: Name, role: RoleName, project: Project = "*", environment: Environment = "*", as_json: Json = False
    ) -> None:
        """Take a role away."""
        run(
            "people.revoke",
            as_json=as_json,
            show=_show_person,
            person=name,
            role=role,
            project=project,
            place=environment,
        )

    return group


def _tokens() -> typer.Typer:
    group = typer.Typer(help="Tokens for the HTTP API and for acting as somebody.", invoke_without_command=True)

    @group.callback()
    def tokens(context: typer.Context, as_json: Json = False) -> None:
        if context.invoked_subcommand is None:
            run("tokens.list", as_json=as_json, show=_show_tokens)

    @group.command("list")
    def list_tokens(as_json: Json = False) -> None:
        """List tokens, never their secrets."""
        run("tokens.list", as_json=as_json, show=_show_tokens)

    @group.command()
    def create(
        person: Annotated[str, typer.Option("--for", metavar="NAME", help="Somebody else; needs an admin.")] = "",
        as_json: Json = False,
    ) -> None:
        """Make a token and print it, once."""
        run("tokens.create", as_json=as_json, show=_show_token, person=person)

    @group.command()
    def revoke(
        token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id: the part between the underscores.")],
        as_json: Json = False,
    ) -> None:
        """End a token at once."""
        run("tokens.revoke", as_json=as_json, show=_show_revoked, token=token)

    return group


def _audit() -> typer.Typer:
    group = typer.Typer(help="The signed record of who did what, and whether it is whole.", invoke_without_command=True)

    @group.callback()
    def audit(context: typer.Context, as_json: Json = False) -> None:
        if context.invoked_subcommand is None:
            run("audit.list", as_json=as_json, show=_show_events, limit=20)

    @group.command("list")
    def list_audit(
        limit: Limit = 20,
        subject: Annotated[
            str, typer.Option("--about", metavar="SUBJECT", help="Only events about this release, run or person.")
        ] = "",
        action: Annotated[
            str, typer.Option("--action", metavar="ACTION", help="Only events of this kind, such as release_created.")
        ] = "",
        before: Annotated[
            int, typer.Option("--before", min=0, metavar="NUMBER", help="Only events before this number.")
        ] = 0,
        as_json: Json = False,
    ) -> None:
        """List events, latest first."""
        given: dict[str, Any] = {"limit": limit, "subject": subject, "action": action or None, "before": before}
        run("audit.list", as_json=as_json, show=_show_events, **given)

    @group.command()
    def verify(as_json: Json = False) -> None:
        """Check the whole record; ends with 1 when somebody tampered with it."""
        run("audit.verify", as_json=as_json, show=_show_report, code=lambda report: 0 if report["ok"] else 1)

    return group


def _show_people(people: list[dict[str, Any]]) -> None:
    rows = [(person["name"], person["kind"], person["email"], _grants(person)) for person in people]
    show_table(("name", "kind", "e-mail", "roles"), rows)


def _show_person(person: dict[str, Any]) -> None:
    say(f"{person['name']} holds {_grants(person) or 'no role'}")


def _grants(person: dict[str, Any]) -> str:
    return ", ".join(
        grant["role"]
        + (f" in project {grant['project']}" if grant["project"] != "*" else "")
        + (f" in {grant['environment']}" if grant["environment"] != "*" else "")
        for grant in person["grants"]
    )


def _show_token(token: dict[str, Any]) -> None:
    say(f"{token['person']} can act with this token. It is shown this once; keep it like a password:")
    say()
    say(f"  export PLIMSOLL_TOKEN={token['token']}")


def _show_tokens(tokens: list[dict[str, Any]]) -> None:
    rows = [
        (
            token["id"],
            token["person"],
            moment(token["created_at"]),
            token["created_by"],
            moment(token["revoked_at"] or ""),
        )
        for token in tokens
    ]
    show_table(("id", "person", "created", "by", "revoked"), rows)


def _show_revoked(token: dict[str, Any]) -> None:
    say(f"token {token['id']} of {token['person']} is revoked")


def _show_events(events: list[dict[str, Any]]) -> None:
    rows = [
        (
            event["number"],
            moment(event["at"]),
            event["actor"],
            event["action"],
            event["subject"],
            _detail(event["detail"]),
        )
        for event in events
    ]
    show_table(("number", "at", "who", "what", "about", "detail"), rows)


def _detail(detail: dict[str, Any]) -> str:
    shown = ", ".join(f"{key} {_brief(value)}" for key, value in detail.items() if value not in ("", None, [], {}))
    return shown if len(shown) <= DETAIL_WIDTH else shown[: DETAIL_WIDTH - 1] + "…"


def _brief(value: Any) -> str:
    """A value in a few words: digests by their beginning, lists and mappings by their members."""
    if isinstance(value, dict):
        return " ".join(f"{key} {_brief(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(map(_brief, value))
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b", r"\1", str(value))


def _show_report(report: dict[str, Any]) -> None:
    say(f"checked {report['events']} events, the links between them, and {report['heads']} signed heads")
    for finding in report["findings"]:
        say(f"  {paint(finding['kind'].replace('_', ' '), 'red')}: {finding['because']}")
    if report["unsigned"]:
        say(
            f"  {paint('warning', 'yellow')}: the last {report['unsigned']} events have no signed head: "
            "a process ended right after its change; the next change signs them too"
        )
    if report["ok"]:
        end = f", up to event {report['last']['number']} ({report['last']['hash'][:16]})" if report["last"] else ""
        say(f"{paint('the record is whole', 'green')}{end}")
    else:
        say(paint("the record was tampered with", "red"))
