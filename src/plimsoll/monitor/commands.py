"""`plimsoll monitor`, `alerts` and `label`: what is seen of live releases, and what people say about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress
from plimsoll.edge.options import Json, Limit
from plimsoll.edge.output import ProgressLines, finish, moment, paint, reported, run, say, show_table
from plimsoll.monitor.drift_command import drift

Environment = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment's name.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="An alert's id.")]
COLOURS = {"open": "red", "acknowledged": "yellow", "resolved": "dim"}
BATCH = 2_000
"""Labels sent at once."""


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(drift)
    app.command()(monitor)
    app.command()(label)
    group = typer.Typer(help="List alerts; acknowledge or resolve one.", invoke_without_command=True)
    group.callback()(alerts)
    group.command("ack")(acknowledge)
    group.command()(resolve)
    group.command()(show)
    app.add_typer(group, name="alerts")


def monitor(
    environment: Environment,
    release: Annotated[
        str, typer.Option("--release", metavar="RELEASE", help="Another release than the live one, such as fraud@1.")
    ] = "",
    windows: Annotated[int, typer.Option("--windows", "-n", min=1, max=2000, help="How many of the latest.")] = 168,
    as_json: Json = False,
) -> None:
    """Show what is seen of a live release: drift, quality, alerts."""
    run(
        "monitors.show",
        as_json=as_json,
        show=_show_monitor,
        code=lambda view: int(bool(view["alerts"])),
        environment=environment,
        release=release,
        windows=windows,
    )


def label(
    environment: Environment,
    prediction: Annotated[
        str | None, typer.Argument(metavar="PREDICTION", help="A prediction's id, as the answer carried it.")
    ] = None,
    value: Annotated[str | None, typer.Argument(metavar="LABEL", help="The truth.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Labels of many, as CSV or Parquet.")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option("--outcome", metavar="NAME=NUMBER", help="A business figure, such as revenue=12."),
    ] = None,
    row: Annotated[int, typer.Option("--row", metavar="N", help="Which row of the request, from 0.")] = 0,
    prediction_column: Annotated[
        str, typer.Option("--prediction", metavar="COLUMN", help="The file's column of ids.")
    ] = "prediction",
    label_column: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="The file's column of labels.")
    ] = "label",
    as_json: Json = False,
) -> None:
    """Say what was true of predictions, or what came of them."""
    if (file is None) == (prediction is None):
        raise typer.BadParameter("name one prediction and its label, or a --file", param_hint="PREDICTION")
    outcomes = dict(_outcome(text) for text in outcome or [])
    with reported(as_json=as_json):
        if file is None:
            one = {"prediction": prediction, "row": row, "label": _plain(value), "outcomes": outcomes}
            items: Iterator[dict[str, Any]] = iter([one])
        else:
            from plimsoll.monitor.label_files import LabelColumns, read_label_file

            items = read_label_file(file, LabelColumns(prediction=prediction_column, label=label_column))
        with ProgressLines() as progress:
            taken = _send(items, environment, progress)
        finish(
            {"environment": environment, "taken": taken},
            as_json=as_json,
            show=lambda result: say(f"{result['taken']:,} labels are written down for {environment}"),
        )


def alerts(
    context: typer.Context,
    environment: Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="Default: every environment.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List alerts, the latest first."""
    if context.invoked_subcommand is None:
        state = "all" if every else ""
        run("alerts.list", as_json=as_json, show=_show_alerts, environment=environment, state=state, limit=limit)


def show(alert: AlertId, as_json: Json = False) -> None:
    """Show an alert with its evidence."""
    run("alerts.show", as_json=as_json, show=_show_alert, alert=alert)


def acknowledge(alert: AlertId, why: Why = "", as_json: Json = False) -> None:
    """Say that you know of an alert and see to it."""
    run("alerts.acknowledge", as_json=as_json, show=_show_alert, alert=alert, why=why)


def resolve(alert: AlertId, why: Why = "", as_json: Json = False) -> None:
    """Say that an alert is over."""
    run("alerts.resolve", as_json=as_json, show=_show_alert, alert=alert, why=why)


def _show_monitor(view: dict[str, Any]) -> None:
    from plimsoll.monitor.screen import HEADINGS, heading, remarks, table_rows

    for line in heading(view):
        say(line)
    if view["columns"]:
        say()
        show_table(HEADINGS, table_rows(view))
        for line in remarks(view):
            say(line)
    for alert in view["alerts"]:
        say()
        say(f"{paint('alert', 'red')} {alert['id']} ({alert['state']}, since {moment(alert['opened_at'])})")
        say(f"  {alert['sentence']}")


def _send(items: Iterator[dict[str, Any]], environment: str, progress: ProgressLines) -> int:
    taken = 0
    while batch := list(islice(items, BATCH)):
        taken += ask("labels.add", progress, environment=environment, labels=batch)["taken"]
        if len(batch) == BATCH:
            progress(Progress(task="label", message="labels are written down", done=taken))
    return taken


def _outcome(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not NAME=NUMBER", param_hint="--outcome") from error


def _plain(text: str | None) -> Any:
    """A label as typed: a number or a truth value where it reads as one, else text."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _show_alerts(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No alerts. `plimsoll monitor` shows what is measured.")
        return
    show_table(
        ("alert", "state", "opened", "environment", "release", "about", "what was seen"),
        [
            (
                item["id"],
                paint(item["state"], COLOURS[item["state"]]),
                moment(item["opened_at"]),
                item["environment"],
                item["release"],
                f"{item['concern']} of {item['subject']}",
                item["sentence"],
            )
            for item in found
        ],
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _show_alert(item: dict[str, Any]) -> None:
    say(f"{paint(item['id'], 'bold')} is {paint(item['state'], COLOURS[item['state']])}")
    say(f"  {item['concern']} of {item['subject']}: {item['release']} in {item['environment']}")
    say(f"  {item['sentence']}")
    say(f"  opened {moment(item['opened_at'])}, last seen {moment(item['seen_at'])}, {_times(item['times'])}")
    if item["acknowledged_by"]:
        say(f"  acknowledged by {item['acknowledged_by']} {moment(item['acknowledged_at'])}")
    if item["resolved_by"]:
        say(f"  resolved by {item['resolved_by']} {moment(item['resolved_at'])}")
    if item["why"]:
        say(f"  because: {item['why']}")
