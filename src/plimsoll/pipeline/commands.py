"""The command check. It works on files in front of the person, so it needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, paint, reported, say


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(check)


def check(as_json: Json = False) -> None:
    """Check project, code and how the steps fit; print every default."""
    from plimsoll.pipeline.check import check_project

    with reported(as_json=as_json):
        finish(check_project(Path.cwd()), as_json=as_json, show=_show_checked)


def _show_checked(checked: dict[str, Any]) -> None:
    from plimsoll.project.listing import project_text

    for line in project_text(checked).splitlines():
        text, mark, note = line.partition("  # default")
        say(text + (paint(mark + note, "dim") if mark else ""))
    say()
    say(paint("steps", "bold"))
    signatures = [f"{step['step']}({', '.join(step['takes'])})" for step in checked["steps"]]
    width = min(max(len(signature) for signature in signatures), 60)
    for step, signature in zip(checked["steps"], signatures, strict=True):
        place = paint(f"{step['file']}:{step['line']}" if step["file"] else "built in", "dim")
        say(f"  {signature.ljust(width)}  -> {', '.join(step['gives'])}  {place}")
    say()
    say(f"{paint('ok', 'green')}: {checked['file']} and its code are sound and fit together")
    say("    `plimsoll run --plan` shows what would run, and why")
