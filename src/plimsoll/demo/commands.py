"""`plimsoll demo`: plays the story on real parts and checks what each act shows."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.output import finish, reported

PLAY = "plimsoll.demo.story:play"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command()
    def demo(
        keep: Annotated[bool, typer.Option("--keep", help="Leave the server and the doors up at the end.")] = False,
        folder: Annotated[
            Path | None, typer.Option("--dir", metavar="DIR", help="A new or empty folder; default: a temporary one.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document; the story to stderr.")] = False,
    ) -> None:
        """Play seven acts on real parts, each checking what it shows."""
        module, _, function = PLAY.partition(":")
        with reported(as_json=as_json):
            result = getattr(import_module(module), function)(folder, keep=keep, quiet=as_json)
            finish(result, as_json=as_json, show=_nothing_more, code=0 if result["ok"] else 1)


def _nothing_more(_: Any) -> None:
    """The story was told while it was played."""
