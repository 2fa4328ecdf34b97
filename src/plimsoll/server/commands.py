"""`plimsoll up`: serve the API and the pages, and keep deployments as they shall be."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Annotated, Any

import typer

from plimsoll.edge.output import finish, paint, reported, say

SERVE = "plimsoll.server.up:serve"
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
        """Serve the API and the overview; keep deployments running."""

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


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _show(address: dict[str, Any]) -> None:
    say(f"{paint('Plimsoll is up', 'green')} for {address['project']} at {paint(address['address'], 'bold')}")
    say(f"  overview   {address['login']}  (this link works once)")
    say(f"  commands   export PLIMSOLL_URL={address['address']} PLIMSOLL_TOKEN=…  (plimsoll tokens create)")
    say(f"  API        {address['address']}/docs")
    say("Ctrl-C stops this server; what is deployed goes on answering.")
