"""`plimsoll gc`: what can go, what stays and why, and the removal."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.options import Json
from plimsoll.edge.output import ProgressLines, finish, reported, say, show_table
from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.sizes import size_text

_SHOWN = 12


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(gc)


def gc(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    keep_runs: Annotated[
        int, typer.Option("--keep-runs", min=1, metavar="N", help="Keep so many latest runs, whatever their age.")
    ] = 10,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Keep younger runs, such as 7d.")
    ] = "30d",
    as_json: Json = False,
) -> None:
    """Remove what nothing needs; releases are always kept."""
    wanted = {"keep_runs": keep_runs, "older_than_s": _seconds(older_than)}
    with reported(as_json=as_json):
        with ProgressLines() as progress:
            found = ask("storage.collect", progress, apply=yes and not dry_run, **wanted)
        asking = not (yes or dry_run or as_json or not found["removed"]) and sys.stdin.isatty()
        if asking:
            _show(found)
            if not typer.confirm("Remove this?"):
                say("Nothing was removed.")
                return
            with ProgressLines() as progress:
                found = ask("storage.collect", progress, apply=True, **wanted)
        finish(found, as_json=as_json, show=_show)


def _show(found: dict[str, Any]) -> None:
    say("kept:")
    show_table(("what", "how many", "size", "because"), [_row(group) for group in found["kept"]])
    for pinned in found["versions"][:_SHOWN]:
        say(f"  data {pinned['version']}: {pinned['why']}")
    if len(found["versions"]) > _SHOWN:
        say(f"  and {len(found['versions']) - _SHOWN} more data versions; --json lists all")
    say()
    if not found["removed"]:
        say("There is nothing to remove.")
        return
    say("removed:" if found["applied"] else "to be removed:")
    show_table(("what", "how many", "size", "because"), [_row(group) for group in found["removed"]])
    size = size_text(sum(group["size"] for group in found["removed"]))
    say(f"{size} were freed" if found["applied"] else f"{size} would be freed; nothing is removed without --yes")


def _row(group: dict[str, Any]) -> tuple[object, ...]:
    return group["what"], group["count"], size_text(group["size"]) if group["size"] else "", group["why"]


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--older-than") from error
