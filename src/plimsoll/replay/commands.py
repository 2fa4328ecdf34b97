"""`plimsoll replay`: recorded days through the real parts, in seconds."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import ProgressLines, finish, reported, say
from plimsoll.kernel.durations import parse_duration
from plimsoll.project.find import PROJECT_FILE, find_project

SESSION = "plimsoll.replay.session"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command()
    def replay(
        files: Annotated[
            str, typer.Argument(metavar="FILE", help="Recorded rows: a Parquet or CSV file, or a glob in quotes.")
        ],
        environment: Annotated[
            str, typer.Option("--env", "-e", metavar="ENV", help="Where they are sent; default: the last environment.")
        ] = "",
        speed: Annotated[
            str, typer.Option("--speed", metavar="N", help="Replayed seconds a second at most, such as 3600; or max.")
        ] = "max",
        time: Annotated[
            str, typer.Option("--time", metavar="COLUMN", help="The rows' time; default: `time:` of a dataset.")
        ] = "",
        label: Annotated[
            str,
            typer.Option("--label", metavar="COLUMN", help="The truth; default: the model's label, if it is there."),
        ] = "",
        label_delay: Annotated[
            str, typer.Option("--label-delay", metavar="TIME", help="How long after its row a label arrives.")
        ] = "0s",
        label_every: Annotated[
            str,
            typer.Option("--label-every", metavar="TIME", help="Let labels come in batches, such as 1d: at midnight."),
        ] = "0s",
        feed: Annotated[
            str, typer.Option("--feed", metavar="DATASET", help="Append rows to it, day by day, once they have labels.")
        ] = "",
        run_time: Annotated[
            str, typer.Option("--run-time", metavar="TIME", help="How long a triggered run takes; default: an instant.")
        ] = "0s",
        approve_as: Annotated[
            str, typer.Option("--approve-as", metavar="NAME", help="Add a person, in the replay only, who approves.")
        ] = "",
        batch: Annotated[
            int, typer.Option("--batch", min=1, max=10_000, metavar="ROWS", help="Most rows of a moment in a request.")
        ] = 1,
        connections: Annotated[
            int, typer.Option("--connections", min=1, max=64, metavar="N", help="Requests of one moment at once.")
        ] = 4,
        into: Annotated[
            Path | None,
            typer.Option("--into", metavar="DIR", help="The replay's folder; default: in .plimsoll/replays."),
        ] = None,
        html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")] = None,
        as_json: Json = False,
    ) -> None:
        """Replay recorded rows through the real parts, in a copy.

        The same command goes on with a replay that was ended, and tells again what came of one that is over.
        """
        wanted = {
            "environment": environment,
            "time": time,
            "label": label,
            "label_delay_s": _seconds(label_delay, "--label-delay"),
            "label_every_s": _seconds(label_every, "--label-every"),
            "feed": feed,
            "run_time_s": _seconds(run_time, "--run-time"),
            "approve_as": approve_as,
            "batch": batch,
        }
        fastest = _speed(speed)
        with reported(as_json=as_json), ProgressLines() as progress:
            root = find_project(Path.cwd())
            session, load = import_module(SESSION), import_module("plimsoll.project.load")
            project = load.load_project(root / PROJECT_FILE)
            settings = session.settings_of(project, str(Path(files).absolute()), wanted)
            found = session.replay(
                root,
                (into or root / ".plimsoll" / "replays" / _name(files)).absolute(),
                settings,
                speed=fastest,
                connections=connections,
                say=progress,
                tell=lambda line: progress.beside(line, quiet=as_json),
            )
            if html is not None:
                html.write_text(import_module("plimsoll.replay.page").replay_html(found), encoding="utf-8")
        finish(found, as_json=as_json, show=_show, code=1 if found["failed"] else 0)


def _show(found: dict[str, Any]) -> None:
    say()
    import_module("plimsoll.replay.report").show(found)
    sys.stdout.flush()


def _name(files: str) -> str:
    """A folder's name from what is replayed."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(files).stem).strip("-.") or "replay"


def _seconds(text: str, option: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise typer.BadParameter(f"{text!r} is neither max nor a number above 0", param_hint="--speed")
    return speed
