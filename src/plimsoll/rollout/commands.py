"""`plimsoll deploy`, `status` and `stop`: what runs where."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress
from plimsoll.edge.options import Json
from plimsoll.edge.output import ProgressLines, finish, moment, paint, reported, run, say, show_table
from plimsoll.rollout.errors import NotLive

Environment = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment's name.")]
COLOURS = {"live": "green", "starting": "yellow", "stopping": "yellow", "stopped": "dim", "unavailable": "red"}


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command()
    def deploy(
        release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release, such as fraud@1.")],
        environment: Environment,
        timeout_s: Annotated[
            float, typer.Option("--timeout", metavar="SECONDS", help="Seconds to wait until it is live.")
        ] = 60.0,
        as_json: Json = False,
    ) -> None:
        """Make a release live in an environment, if its policy allows."""
        with reported(as_json=as_json):
            with ProgressLines() as progress:
                view = ask("deployments.create", progress, release=release, environment=environment)
                view = _wait(view, progress, timeout_s=timeout_s)
            finish(view, as_json=as_json, show=_show_live)

    @app.command()
    def status(as_json: Json = False) -> None:
        """Show what runs where, since when and by whom."""
        run("deployments.list", as_json=as_json, show=_show_status)

    @app.command()
    def stop(environment: Environment, as_json: Json = False) -> None:
        """End what an environment runs; `deploy` starts it again."""
        with reported(as_json=as_json):
            with ProgressLines() as progress:
                view = ask("deployments.stop", progress, environment=environment)
                view = _wait(view, progress, timeout_s=30.0)
            finish(view, as_json=as_json, show=lambda view: say(f"{view['environment']} is stopped"))


def _wait(view: dict[str, Any], progress: ProgressLines, *, timeout_s: float) -> dict[str, Any]:
    """Ask until the environment is what was wanted. Raises NotLive."""
    wanted = view["digest"]
    deadline = time.monotonic() + timeout_s
    while view["state"] not in ("live", "stopped") and view["digest"] == wanted:
        if time.monotonic() > deadline:
            raise NotLive(
                release=view["release"],
                environment=view["environment"],
                seconds=timeout_s,
                problem=view["problem"] or "its processes are still starting",
            )
        progress(Progress(task=view["environment"], message=view["problem"] or f"{view['release']} is {view['state']}"))
        time.sleep(0.1)
        view = ask("deployments.show", progress, environment=view["environment"])
    return view


def _show_live(view: dict[str, Any]) -> None:
    say(f"{paint(view['release'], 'bold')} is live in {view['environment']} at {view['address']}")
    say(f"  try: curl {view['address']}/v2/models/{view['project']}")


def _show_status(views: list[dict[str, Any]]) -> None:
    if not views:
        say("Nothing is deployed yet. `plimsoll deploy RELEASE --env ENVIRONMENT` makes a release live.")
        return
    show_table(
        ("environment", "state", "release", "address", "since", "by", "problem"),
        [
            (
                view["environment"],
                paint(view["state"], COLOURS[view["state"]]),
                view["release"],
                view["address"],
                moment(view["changed_at"]),
                view["changed_by"],
                view["problem"],
            )
            for view in views
        ],
    )
