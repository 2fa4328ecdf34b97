"""`plimsoll up`: serve the API and the pages, and keep deployments as they shall be. `plimsoll login`: a way in."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, moment, paint, reported, say

SERVE = "plimsoll.server.up:serve"
FRESH_LINK = "plimsoll.server.login:fresh_link"
WORKSPACE = "plimsoll.server.wiring:current_workspace"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command()
    def up(
        host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="A loopback address.")] = "127.0.0.1",
        port: Annotated[
            int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="0 takes any free one.")
        ] = 7318,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, then serve.")] = False,
    ) -> None:
        """Serve the API and the pages; keep deployments running."""

        def announce(address: Any) -> None:
            finish(asdict(address), as_json=as_json, show=_show)
            sys.stdout.flush()

        with reported(as_json=as_json):
            _load(SERVE)(_load(WORKSPACE)(), host=host, port=port, announce=announce)
            if not as_json:
                say("stopped; what is deployed goes on answering")
        sys.stdout.flush()
        # A request's operation may still run in a thread; what it did is recorded, and a killed run can be resumed.
        os._exit(0)

    @app.command()
    def login(as_json: Json = False) -> None:
        """Print a link that logs a browser in, once."""
        with reported(as_json=as_json):
            link = _load(FRESH_LINK)()
            finish(link, as_json=as_json, show=_show_link)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _show(address: dict[str, Any]) -> None:
    say(f"{paint('Plimsoll is up', 'green')} for {address['project']} at {paint(address['address'], 'bold')}")
    say(f"  pages      {address['login']}")
    say("             (this link works once, within ten minutes; plimsoll login prints another)")
    say(f"  commands   export PLIMSOLL_URL={address['address']} PLIMSOLL_TOKEN=…  (plimsoll tokens create)")
    say(f"  API        {address['address']}/docs")
    say("Ctrl-C stops this server; what is deployed goes on answering.")


def _show_link(link: dict[str, Any]) -> None:
    say(link["login"])
    say(f"It logs {link['person']} in, once, until {moment(link['until'])} (UTC).")
