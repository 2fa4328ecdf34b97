"""`plimsoll score`: a release's answers for whole files of rows."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import ProgressLines, finish, reported, say

SESSION = "plimsoll.batch.session"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(score)


def score(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="fraud@12, fraud@latest, an environment, or a bundle's folder.")
    ],
    files: Annotated[
        str, typer.Argument(metavar="IN", help="Rows: a Parquet or CSV file, a glob in quotes, or a folder.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where to: a .parquet, .csv or .jsonl file.")],
    keep: Annotated[
        str, typer.Option("--keep", metavar="COLUMNS", help="The rows' own columns to write, as a,b; all, or none.")
    ] = "all",
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT", help="Put before the names of the predictions' columns.")
    ] = "",
    bad_rows: Annotated[
        str, typer.Option("--bad-rows", metavar="fail|keep", help="keep: write refused rows with the reason.")
    ] = "fail",
    batch_rows: Annotated[
        int, typer.Option("--batch-rows", min=1, max=1_000_000, metavar="N", help="Rows that are asked together.")
    ] = 10_000,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=256, metavar="N", help="Processes, where needed; 0: one a core.")
    ] = 0,
    executor: Annotated[
        str, typer.Option("--executor", metavar="local|ray", help="ray: on the cluster that RAY_ADDRESS names.")
    ] = "local",
    force: Annotated[bool, typer.Option("--force", help="Replace OUT.")] = False,
    as_json: Json = False,
) -> None:
    """Score files of rows with a release: the server's answers."""
    if bad_rows not in ("fail", "keep"):
        raise typer.BadParameter(f"{bad_rows!r} is neither fail nor keep", param_hint="--bad-rows")
    if executor not in ("local", "ray"):
        raise typer.BadParameter(f"{executor!r} is neither local nor ray", param_hint="--executor")
    with reported(as_json=as_json):
        session, entities, wiring = (
            import_module(name) for name in (SESSION, "plimsoll.batch.entities", "plimsoll.server.wiring")
        )
        wanted = entities.Wanted(
            files=files,
            out=out.absolute(),
            keep=None if keep == "all" else () if keep == "none" else tuple(keep.split(",")),
            prefix=prefix,
            keep_bad=bad_rows == "keep",
            batch_rows=batch_rows,
            workers=workers or _cores(),
            executor=executor,
        )
        with ProgressLines() as progress:
            found = session.score(wiring.current_workspace(), release, wanted, force=force, say=progress)
        finish(asdict(found), as_json=as_json, show=_show)


def _show(found: dict[str, Any]) -> None:
    forms = {
        "compiled": "by its compiled form",
        "workers": f"by {found['workers']} workers",
        "ray": f"on {found['workers']} cores of Ray",
    }
    how = forms[found["form"]]
    speed = found["rows"] / max(found["seconds"], 1e-6)
    say(
        f"{found['rows']:,} rows scored with {found['release']} {how} in {found['seconds']:.1f} s ({speed:,.0f} a second)"
    )
    if found["refused"]:
        say(f"{found['refused']:,} rows were refused; their column error says why")
    say(f"written: {found['out']}, with {', '.join(found['columns'])}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
