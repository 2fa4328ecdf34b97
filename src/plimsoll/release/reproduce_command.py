"""The command `reproduce`: make a release's model again, and see how that went before."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import moment, paint, run, say, show_table

COLOURS = {"identical": "green", "same predictions": "green", "within the spread": "yellow", "failed": "red"}
_MOST_CAUSES = 8


def reproduce(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="A release, such as fraud@1.")],
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=0, max=100, metavar="K", help="Runs with other seeds when the predictions differ; 0: none."
        ),
    ] = 5,
    here: Annotated[bool, typer.Option("--here", help="Use the packages installed here, not the release's.")] = False,
    past: Annotated[bool, typer.Option("--list", help="Only list earlier ones; verifies their signatures.")] = False,
    as_json: Json = False,
) -> None:
    """Make a release's model again: is it the same?"""
    if past:
        run("reproductions.list", as_json=as_json, show=_show_list, release=name)
        return
    run("releases.reproduce", as_json=as_json, show=_show, code=_code, release=name, seeds=seeds, here=here)


def _code(signed: dict[str, Any]) -> int:
    return 1 if signed["reproduction"]["grade"] == "failed" else 0


def _show(signed: dict[str, Any]) -> None:
    made = signed["reproduction"]
    show_table(
        ("step", "the second time", "because"),
        [(item["step"], item["match"], "; ".join(item["because"])) for item in made["evidence"]["steps"]],
    )
    say()
    say(f"{paint(made['release'], 'bold')}: {paint(made['grade'], COLOURS[made['grade']])}")
    say(f"  {made['because']}")
    if made["difference"]:
        say(f"  first difference: {made['difference']}")
    if made["surroundings"] and (made["difference"] or made["grade"] != "identical"):
        _show_surroundings(made["surroundings"])
    say(f"  the run took {made['seconds']:.1f} s; the report {made['id']} is signed and kept")


def _show_surroundings(changes: list[str]) -> None:
    say("  what else differs from the release's run, and may be behind it:")
    for change in changes[:_MOST_CAUSES]:
        say(f"    {change}")
    if len(changes) > _MOST_CAUSES:
        say(f"    and {len(changes) - _MOST_CAUSES} more; --json has all of them")


def _show_list(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nobody has tried to reproduce it yet; `plimsoll reproduce` does.")
        return
    rows = [item["reproduction"] for item in found]
    show_table(
        ("reproduction", "grade", "created", "by", "packages", "first difference"),
        [
            (
                made["id"],
                paint(made["grade"], COLOURS[made["grade"]]),
                moment(made["created_at"]),
                made["created_by"],
                "here" if made["runtime"] == "here" else "the release's",
                made["difference"],
            )
            for made in rows
        ],
    )
