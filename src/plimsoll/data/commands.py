"""`plimsoll data`: the recorded versions of the project's datasets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import moment, run, say, show_table


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command("data")
    def data(
        dataset: Annotated[str | None, typer.Argument(metavar="DATASET", help="Show this dataset only.")] = None,
        as_json: Json = False,
    ) -> None:
        """List the recorded versions of the datasets."""
        run("data.list", as_json=as_json, show=_show, dataset=dataset)


def _show(result: list[dict[str, Any]]) -> None:
    if not result:
        say("No data version is recorded yet: `plimsoll run` records them.")
        return
    show_table(
        ("dataset", "version", "format", "files", "rows", "columns", "recorded", "by"),
        [
            (
                item["version"]["dataset"],
                item["version"]["digest"][:12],
                item["version"]["format"],
                len(item["version"]["files"]),
                item["version"]["rows"],
                len(item["version"]["columns"]),
                moment(item["recorded_at"]),
                item["recorded_by"],
            )
            for item in result
        ],
    )
