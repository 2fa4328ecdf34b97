"""`plimsoll retrain` and `plimsoll triggers`: a run on fresh data, by hand or by itself, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.options import Json, Limit
from plimsoll.edge.output import ProgressLines, finish, moment, paint, reported, run, say, show_table
from plimsoll.retrain.following import advice, exit_code, follow

COLOURS = {
    "waiting": "yellow", "running": "yellow", "judged": "yellow", "released": "yellow", "deploying": "yellow",
    "deployed": "green", "candidate": "green", "refused": "red", "failed": "red",
}  # fmt: skip
BECAUSE_WIDTH = 60
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
Name = Annotated[str, typer.Argument(metavar="RETRAINING", help="A retraining's id.")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    group = typer.Typer(help="Run the live release's code anew, on fresh data.", invoke_without_command=True)
    group.callback()(retrain)
    group.command("list")(list_retrainings)
    group.command()(show)
    group.command()(cancel)
    app.add_typer(group, name="retrain")
    app.command()(triggers)


def retrain(
    context: typer.Context,
    environment: Annotated[
        str, typer.Option("--env", "-e", metavar="ENV", help="Whose live release; default: the last environment.")
    ] = "",
    ref: Annotated[
        str, typer.Option("--ref", metavar="REF", help="A branch, tag or commit whose code runs instead.")
    ] = "",
    why: Why = "",
    now: Annotated[bool, typer.Option("--now", help="Do not wait for a rollout under way either.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end, or only ask for it.")] = True,
    as_json: Json = False,
) -> None:
    if context.invoked_subcommand is not None:  # what stands before a subcommand is meant for it
        context.default_map = {context.invoked_subcommand: {"as_json": as_json, **({"why": why} if why else {})}}
        return
    with reported(as_json=as_json):
        given = {"environment": environment, "ref": ref, "why": why, "now": now}
        with ProgressLines() as progress:
            view = ask("retrainings.create", progress, **given)
            if wait:
                view = follow(view, progress)
        finish(view, as_json=as_json, show=_show, code=exit_code(view))


def list_retrainings(limit: Limit = 20, as_json: Json = False) -> None:
    """List retrainings, latest first."""
    run("retrainings.list", as_json=as_json, show=_show_list, limit=limit)


def show(
    retraining: Name = "latest",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; without a server, go on with it.")] = False,
    as_json: Json = False,
) -> None:
    """Show a retraining: its reasons, and what became of it."""
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            operation = "retrainings.follow" if wait else "retrainings.show"
            view = ask(operation, progress, retraining=retraining)
            if wait:
                view = follow(view, progress, fresh=False)
        finish(view, as_json=as_json, show=_show, code=exit_code(view) if wait else 0)


def cancel(retraining: Name = "latest", why: Why = "", as_json: Json = False) -> None:
    """Call a retraining off; what it deployed stays."""
    run("retrainings.cancel", as_json=as_json, show=_show, retraining=retraining, why=why)


def triggers(as_json: Json = False) -> None:
    """Show what starts runs, when it is due, what it waits for."""
    run("triggers.list", as_json=as_json, show=_show_triggers)


def _show(view: dict[str, Any]) -> None:
    stands = paint(view["standing"], COLOURS.get(view["standing"], "dim"))
    say(f"{paint(view['id'], 'bold')} in {view['environment']} is {stands}")
    say(f"  because: {view['because']}")
    for reason in view["reasons"]:
        if reason["note"]:
            say(f"  no longer: {reason['because']} ({reason['note']})")
    if view["owners"]:
        say(f"  on behalf of {', '.join(view['owners'])}, who cannot approve it")
    if view["run"]:
        say(f"  run {view['run']}{', released as ' + view['release'] if view['release'] else ''}")
    for turn in view["turns"]:
        say(f"  {moment(turn['at'])}  {turn['sentence']}")
    for line in advice(view):
        say(f"  {line}")


def _show_list(views: list[dict[str, Any]]) -> None:
    if not views:
        say("No retraining yet. `plimsoll retrain` asks for one, `plimsoll triggers` shows what does so by itself.")
        return
    show_table(
        ("retraining", "environment", "stands", "run", "release", "since", "because"),
        [
            (
                view["id"],
                view["environment"],
                paint(view["standing"], COLOURS.get(view["standing"], "dim")),
                view["run"],
                view["release"],
                moment(view["created_at"]),
                _short(view["because"]),
            )
            for view in views
        ],
    )


def _show_triggers(found: dict[str, Any]) -> None:
    if not found["triggers"]:
        say("Nothing starts a run by itself. Add `retrain` to plimsoll.yaml, or ask with `plimsoll retrain`.")
        return
    show_table(
        ("trigger", "environment", "runs", "next due", "waits for"),
        [
            (
                " ".join(part for part in (one["trigger"], one["schedule"] or one["dataset"]) if part),
                one["environment"],
                one["ref"] or "the live release",
                moment(one["next_due"]) if one["next_due"] else "",
                one["note"] or one["waits_for"],
            )
            for one in found["triggers"]
        ],
    )
    say()
    say(f"{found['begun_lately']} of {found['per_day']} runs in the last 24 hours")
    if found["rests_until"]:
        say(f"cooldown until {moment(found['rests_until'])}")
    if not found["watched"]:
        say("No server looks after them now: `plimsoll up` does.")


def _short(text: str) -> str:
    return text if len(text) <= BECAUSE_WIDTH else f"{text[: BECAUSE_WIDTH - 1]}…"
