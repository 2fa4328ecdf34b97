"""`plimsoll sweep`: run the pipeline with many parameters, look at the trials, use the best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json, Limit
from plimsoll.edge.output import finish, moment, paint, reported, run, say, show_table

SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep's id.")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    group = typer.Typer(help="Try many parameters; rank the runs by a metric they log.", invoke_without_command=True)
    group.callback()(sweep)
    group.command("list")(sweeps)
    for command in (show, resume, cancel, apply):
        group.command()(command)
    app.add_typer(group, name="sweep")


def sweep(
    context: typer.Context,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUES",
            help="What to try: rate=0.01,0.1 or, by --method random or optuna, rate=log:0.001..0.3, share=uniform:0..1, "
            "depth=int:2..8, trees=log_int:10..1000.",
        ),
    ] = None,
    maximize: Annotated[
        str | None, typer.Option("--maximize", metavar="METRIC", help="The logged metric that should be high.")
    ] = None,
    minimize: Annotated[
        str | None, typer.Option("--minimize", metavar="METRIC", help="The logged metric that should be low.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="STEP", help="The step that logs it, where several do.")
    ] = None,
    take: Annotated[
        str | None, typer.Option("--take", metavar="WHICH", help="A curve's value that counts: last or best.")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", metavar="METHOD", help="grid, random or optuna.")] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", metavar="N", help="How many, of random and optuna; default: 20.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed, the same trials.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", metavar="N", help="Trials at the same time; default: 1.")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", metavar="N", help="Failed trials to accept; default: 5.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try many parameters; rank the runs by a metric they log. What no option says stands under `sweep:`."""
    if context.invoked_subcommand is not None:
        return
    run(
        "sweeps.create",
        as_json=as_json,
        show=_show_report,
        params=dict(_tried(text) for text in param) if param else None,
        maximize=maximize,
        minimize=minimize,
        step=step,
        take=take,
        method=method,
        trials=trials,
        seed=seed,
        jobs=jobs,
        max_failures=max_failures,
    )


def sweeps(limit: Limit = 20, as_json: Json = False) -> None:
    """List sweeps."""
    run("sweeps.list", as_json=as_json, show=_show_list, limit=limit)


def show(sweep_id: SweepId = "latest", as_json: Json = False) -> None:
    """Show a sweep's trials, best first, and what to do with them."""
    run("sweeps.show", as_json=as_json, show=_show_report, sweep=sweep_id)


def resume(sweep_id: SweepId = "latest", as_json: Json = False) -> None:
    """Go on with a sweep that was killed, cancelled or given up."""
    run("sweeps.resume", as_json=as_json, show=_show_report, sweep=sweep_id)


def cancel(sweep_id: SweepId = "latest", as_json: Json = False) -> None:
    """End a sweep that is under way; trials that are done are kept."""
    run("sweeps.cancel", as_json=as_json, show=_show_cancelled, sweep=sweep_id)


def apply(
    sweep_id: SweepId = "latest",
    trial: Annotated[int | None, typer.Option("--trial", metavar="N", help="Another trial than the best.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Write a trial's parameters into plimsoll.yaml; comments and all else stay as they are."""
    from plimsoll.sweep.file import apply_trial

    with reported(as_json=as_json):
        finish(apply_trial(Path.cwd(), sweep=sweep_id, trial=trial, plan=plan), as_json=as_json, show=_show_applied)


def _tried(text: str) -> tuple[str, Any]:
    from plimsoll.sweep.tried import tried

    try:
        return tried(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUES", param_hint="--param") from error


def _show_report(report: dict[str, Any]) -> None:
    from plimsoll.sweep.report import closing_lines, trial_rows

    if report["sweep"]["trials"]:
        show_table(*trial_rows(report))
        say()
    for line in closing_lines(report):
        say(line)


def _show_list(summaries: list[dict[str, Any]]) -> None:
    if not summaries:
        say("No sweeps yet. `plimsoll sweep` begins one; docs/sweeps.md explains what it tries.")
        return
    from plimsoll.sweep.report import figure

    show_table(
        ("sweep", "state", "started", "by", "goal", "method", "done", "of", "failed", "best"),
        [
            (
                one["id"],
                one["state"],
                moment(one["started_at"]),
                one["created_by"],
                one["goal"],
                one["method"],
                one["done"],
                one["trials"],
                one["failed"],
                figure(one["best"]),
            )
            for one in summaries
        ],
    )


def _show_cancelled(cancelled: dict[str, Any]) -> None:
    say(f"{cancelled['id']} ends within a second; trials that are done are kept")


def _show_applied(applied: dict[str, Any]) -> None:
    for line in applied["diff"].splitlines():
        say(paint(line, {"+": "green", "-": "red"}.get(line[:1], "dim")))
    did = "would be written into" if applied["plan"] else "are written into" if applied["diff"] else "stand already in"
    say(f"the parameters of trial {applied['trial']} of {applied['sweep']} {did} {applied['file']}")
