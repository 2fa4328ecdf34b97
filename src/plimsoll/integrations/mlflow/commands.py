"""`plimsoll mlflow`: show the releases in MLflow's registry as they are."""

from __future__ import annotations

from typing import Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import run, say, show_table


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command("mlflow")
    def publish(as_json: Json = False) -> None:
        """Bring MLflow's model registry up to date, and show it."""
        run("mlflow.publish", as_json=as_json, show=_show)


def _show(published: Any) -> None:
    rows = [
        (release, version, "champion" if version == published["champion"] else "")
        for release, version in published["versions"].items()
    ]
    show_table(("release", f"version of {published['model']}", "alias"), rows)
    for sentence in published["changed"] or ("nothing was to be done",):
        say(sentence)
