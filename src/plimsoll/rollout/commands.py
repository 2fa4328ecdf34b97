"""`plimsoll deploy`, `rollback`, `status` and `stop`, and `plimsoll rollout`: what runs where, and how it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.options import Json
from plimsoll.edge.output import ProgressLines, finish, moment, paint, reported, run, say, show_table
from plimsoll.rollout.errors import ReportNotWritten
from plimsoll.rollout.rollouts import Strategy
from plimsoll.rollout.screen import WIDTH, where
from plimsoll.rollout.watching import (
    GOES_ON,
    exit_code,
    follow,
    place_of_interest,
    place_of_order,
    rollout_is_over,
    show_rollout,
    wait_for_order,
    wait_until_followed,
    wait_until_live,
    wait_until_stopped,
)
from plimsoll.rollout.wording import wrapped

Environment = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment's name.")]
TheEnvironment = Annotated[
    str, typer.Option("--env", "-e", metavar="ENV", help="Default: the only one with a rollout under way.")
]
AnyEnvironment = Annotated[
    str, typer.Option("--env", "-e", metavar="ENV", help="Default: where a rollout is under way, else the latest.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Seconds to wait until it is live.")]
COLOURS = {"live": "green", "starting": "yellow", "stopping": "yellow", "stopped": "dim", "unavailable": "red"}
ORDERS = {
    "pause": "Stop the course where it is; harm is still watched for.",
    "resume": "Go on after a pause, or give a held stage its time again.",
    "promote": "Make the candidate live now, without further evidence.",
    "abort": "Take the candidate back now.",
}


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    for command in (deploy, rollback, status, stop):
        app.command()(command)
    group = typer.Typer(help="Watch a rollout, order it about, report on it.", invoke_without_command=True)
    group.callback()(rollout)
    for name, about in ORDERS.items():
        group.command(name, help=about)(_order(name))
    group.command()(report)
    group.command("list")(list_rollouts)
    app.add_typer(group, name="rollout")


def deploy(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release, such as fraud@1.")],
    environment: Environment,
    strategy: Annotated[
        Strategy | None,
        typer.Option("--strategy", metavar="NAME", help="In place of the environment's own: " + ", ".join(Strategy)),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done; change nothing.")] = False,
    watch: Annotated[bool, typer.Option("--follow", help="Watch the stages until the rollout ends.")] = False,
    why: Why = "",
    timeout_s: Timeout = 60.0,
    as_json: Json = False,
) -> None:
    """Roll a release out in an environment, if its policy allows."""
    given: dict[str, Any] = {"release": release, "environment": environment, "strategy": strategy, "why": why}
    if plan:
        run("deployments.plan", as_json=as_json, show=_show_plan, code=lambda plan: bool(plan["refusals"]), **given)
        return
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            view = ask("deployments.create", progress, **given)
            view = wait_until_live(view, progress, release=release, timeout_s=timeout_s)
        if watch and not rollout_is_over(view):
            rollout = follow(environment, view["rollout"]["id"], quiet=as_json)
            finish(rollout, as_json=as_json, show=lambda _: None, code=exit_code(rollout))
            return
        finish(view, as_json=as_json, show=_show_deployed)


def rollback(
    environment: Environment,
    release: Annotated[
        str, typer.Option("--to", metavar="RELEASE", help="An earlier release; default: the one before.")
    ] = "",
    why: Why = "",
    timeout_s: Timeout = 60.0,
    as_json: Json = False,
) -> None:
    """Take an environment back to the release before, at once."""
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            view = ask("deployments.rollback", progress, environment=environment, release=release, why=why)
            view = wait_for_order(view, progress, timeout_s=timeout_s)
        finish(view, as_json=as_json, show=_show_deployed)


def status(as_json: Json = False) -> None:
    """Show what runs where, since when and by whom."""
    run("deployments.list", as_json=as_json, show=_show_status)


def stop(environment: Environment, why: Why = "", as_json: Json = False) -> None:
    """End what an environment runs; `deploy` starts it again."""
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            view = ask("deployments.stop", progress, environment=environment, why=why)
            view = wait_until_stopped(view, progress, timeout_s=30.0)
        finish(view, as_json=as_json, show=lambda view: say(f"{view['environment']} is stopped"))


def rollout(
    context: typer.Context,
    environment: AnyEnvironment = "",
    once: Annotated[bool, typer.Option("--once", help="Show how it stands now, and leave.")] = False,
    as_json: Json = False,
) -> None:
    if context.invoked_subcommand is not None:  # what stands before a subcommand is meant for it
        given = {"environment": environment, "as_json": as_json}
        context.default_map = {context.invoked_subcommand: given}
        return
    with reported(as_json=as_json):
        place = place_of_interest(environment)
        with ProgressLines() as progress:
            view = ask("rollouts.show", progress, environment=place)
        if not (once or as_json):
            view = follow(place, view["id"], quiet=False)
        finish(view, as_json=as_json, show=show_rollout if once else lambda _: None, code=exit_code(view))


def report(
    environment: AnyEnvironment = "",
    rollout: Annotated[str, typer.Argument(metavar="ROLLOUT", help="A rollout's id; default: the latest.")] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots there instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """How a rollout went, why it ended, and what it cost the callers."""
    with reported(as_json=as_json):
        format = "html" if html else "text"
        with ProgressLines() as progress:
            place = place_of_interest(environment)
            found = ask("rollouts.report", progress, environment=place, rollout=rollout, format=format)
        if html is not None:
            _write(html, found["text"])
            found = {"rollout": found["rollout"], "file": str(html)}
            finish(found, as_json=as_json, show=lambda found: say(f"The report of {found['rollout']} is in {html}"))
            return
        finish(found, as_json=as_json, show=lambda found: say(found["text"]))


def list_rollouts(environment: AnyEnvironment = "", as_json: Json = False) -> None:
    """The latest rollouts of an environment, newest first."""
    with reported(as_json=as_json):
        place = place_of_interest(environment)
        run("rollouts.list", as_json=as_json, show=_show_rollouts, environment=place)


def _order(name: str) -> Callable[..., None]:
    def order(environment: TheEnvironment = "", why: Why = "", as_json: Json = False) -> None:
        with reported(as_json=as_json):
            with ProgressLines() as progress:
                place = place_of_order(environment)
                view = ask("rollouts.order", progress, environment=place, order=name, why=why)
                view = wait_until_followed(view, progress)
            finish(view, as_json=as_json, show=_show_followed)

    return order


def _write(file: Path, text: str) -> None:
    """Raises ReportNotWritten."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportNotWritten(file=str(file), problem=error.strerror or str(error)) from error


def _show_deployed(view: dict[str, Any]) -> None:
    rollout = view["rollout"]
    if rollout_is_over(view):
        say(f"{paint(view['release'], 'bold')} is live in {view['environment']} at {view['address']}")
        say(f"  try: curl {view['address']}/v2/models/{view['project']}")
        return
    say(f"{paint(rollout['candidate'], 'bold')} is on its way to {view['environment']}: {rollout['sentence']}")
    say(f"  {view['release']} answers at {view['address']} meanwhile")
    say(f"  watch: plimsoll rollout --env {view['environment']}")
    say(f"  {GOES_ON}")


def _show_followed(view: dict[str, Any]) -> None:
    for turn in view["turns"]:
        told = f"{view['candidate']} in {view['environment']}: {turn['sentence']}"
        for line in wrapped(told, width=WIDTH):
            say(line)


def _show_plan(plan: dict[str, Any]) -> None:
    over = f" over {plan['champion']}" if plan["champion"] else ""
    say(f"{paint(plan['release'], 'bold')}{over} in {plan['environment']} ({plan['strategy']})")
    for number, step in enumerate(plan["steps"], 1):
        for line in wrapped(step, width=WIDTH, first=f"  {number:>2}. "):
            say(line)
    if plan["forecast"]:
        say()
        say(plan["forecast"])
    for refusal in plan["refusals"]:
        say(f"{paint('refused now', 'red')} {refusal}")


def _show_status(views: list[dict[str, Any]]) -> None:
    if not views:
        say("Nothing is deployed yet. `plimsoll deploy RELEASE --env ENVIRONMENT` makes a release live.")
        return
    show_table(
        ("environment", "state", "release", "rollout", "address", "since", "by", "problem"),
        [
            (
                view["environment"],
                paint(view["state"], COLOURS[view["state"]]),
                view["release"],
                _brief(view["rollout"]),
                view["address"],
                moment(view["changed_at"]),
                view["changed_by"],
                view["problem"],
            )
            for view in views
        ],
    )


def _show_rollouts(views: list[dict[str, Any]]) -> None:
    if not views:
        say("No rollout yet.")
        return
    rows = [
        (view["id"], view["candidate"], view["champion"] or "-", where(view), moment(view["started_at"]),
         view["started_by"], *((f"{view['touched']:,}", view["noticed"]) if view["tests"] else ("-", "-")))
        for view in views
    ]  # fmt: skip
    show_table(("rollout", "candidate", "over", "stands", "since", "by", "touched", "noticed"), rows)


def _brief(rollout: dict[str, Any] | None) -> str:
    """A rollout under way, in a few words."""
    if rollout is None or rollout["ended_at"]:
        return ""
    return f"{rollout['candidate']} {rollout['standing']} {rollout['candidate_pct']:g} %"
