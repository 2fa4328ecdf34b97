"""The commands init and schema. They work on files in front of the person, so they need no server."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, paint, reported, say


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(init)
    app.command()(schema)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    name: Annotated[str | None, typer.Option("--name", help="The project's name; default: the folder's.")] = None,
    no_git: Annotated[bool, typer.Option("--no-git", help="Make no repository and no commit.")] = False,
    as_json: Json = False,
) -> None:
    """Make a new project that runs and passes its tests as it is."""
    from dataclasses import asdict

    from plimsoll.project.scaffold import make_project

    with reported(as_json=as_json):
        made = asdict(make_project(folder, name=name, with_git=not no_git))
        finish(made, as_json=as_json, show=lambda made: _show_made(made, folder))


def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of plimsoll.yaml, for editors."""
    import json

    from plimsoll.project.schema import project_schema

    with reported(as_json=as_json):
        finish(project_schema(), as_json=as_json, show=lambda schema: say(json.dumps(schema, indent=2)))


def _show_made(made: dict[str, Any], folder: Path) -> None:
    say(f"{paint(made['project'], 'bold')} is ready in {folder}")
    say()
    for file in made["files"]:
        say(f"  {file}")
    say()
    say(f"git: {made['git']}")
    for package in made["missing"]:
        say(f"{paint(package + ' is missing', 'yellow')}: the project needs it; pip install 'plimsoll-ml[sklearn]'")
    say()
    say("Next:")
    for command in ([f"cd {quote(str(folder))}"] if str(folder) != "." else []) + [
        "pytest",
        "plimsoll run",
        "plimsoll release",
    ]:
        say(f"  {command}")
