"""`plimsoll run`, `logs`, `runs`, `verdict`, `release`, `releases`, `reproduce`, `approve`, `trace`: from code to a signed bundle."""

from __future__ import annotations

import json
import shutil
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json, Limit
from plimsoll.edge.output import moment, paint, run, say, show_table
from plimsoll.release.logs_command import logs
from plimsoll.release.reproduce_command import reproduce

BECAUSE_WIDTH = 60
FINDING_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}
FINDING_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(logs)
    app.command("run")(run_pipeline)
    for command in (cancel, runs, verdict, compare, release, releases, reproduce, approve, trace):
        app.command()(command)


def run_pipeline(
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would run, and why.")] = False,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="NAME=VALUE for this run.")
    ] = None,
    rehash: Annotated[bool, typer.Option("--rehash", help="Read all data again, also what looks unchanged.")] = False,
    executor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the steps run: local or ray.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the pipeline, then hold the model against the gates."""
    params = dict(_parameter(text) for text in param or [])
    if plan:
        run("runs.plan", as_json=as_json, show=_show_plan, params=params, rehash=rehash)
    else:
        run(
            "runs.create",
            as_json=as_json,
            show=_show_run,
            code=_finding_code,
            params=params,
            rehash=rehash,
            executor=executor,
        )


def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")] = "latest", as_json: Json = False
) -> None:
    """End a run that is under way; its finished steps are kept."""
    run("runs.cancel", as_json=as_json, show=_show_cancelled, run=run_id)


def runs(limit: Limit = 20, as_json: Json = False) -> None:
    """List runs with their verdicts."""
    run("runs.list", as_json=as_json, show=_show_runs, limit=limit)


def verdict(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")] = "latest", as_json: Json = False
) -> None:
    """Show a run with its verdict and the evidence."""
    run("runs.show", as_json=as_json, show=_show_run, code=_finding_code, run=run_id)


def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, or releases such as fraud@1.")],
    everything: Annotated[bool, typer.Option("--all", help="Show also what does not differ.")] = False,
    as_json: Json = False,
) -> None:
    """Compare runs: parameters, metrics, gates, data, code."""
    from plimsoll.release.compare_text import show_comparison

    run("runs.compare", as_json=as_json, show=show_comparison, runs=names, everything=everything)


def release(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")] = "latest",
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Accept code that no commit holds; the release records it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Freeze a passing run into a signed bundle."""
    run("releases.create", as_json=as_json, show=_show_release, run=run_id, allow_dirty=allow_dirty)


def releases(limit: Limit = 20, as_json: Json = False) -> None:
    """List releases."""
    run("releases.list", as_json=as_json, show=_show_releases, limit=limit)


def approve(
    name: Annotated[str, typer.Argument(metavar="RELEASE", help="A release, such as fraud@1.")],
    environment: Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment it may live in.")],
    comment: Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="Why.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take your yes back; what runs stays.")] = False,
    as_json: Json = False,
) -> None:
    """Say yes to a release in an environment; its authors cannot."""
    if withdraw:
        gone = f"your yes to {name} for {environment} is withdrawn; what was deployed with it stays"
        run(
            "approvals.withdraw",
            as_json=as_json,
            show=lambda _: say(gone),
            release=name,
            environment=environment,
        )
        return
    run(
        "approvals.create",
        as_json=as_json,
        show=_show_approval,
        release=name,
        environment=environment,
        comment=comment,
    )


def trace(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A prediction id, a release or a run.")],
    as_json: Json = False,
) -> None:
    """Follow a prediction back to code, data, verdict and approver."""
    run("trace.show", as_json=as_json, show=_show_trace, subject=subject)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _finding_code(report: dict[str, Any]) -> int:
    verdict = report["verdict"]
    return FINDING_CODES[verdict["finding"]] if verdict else 0


def _show_cancelled(cancelled: dict[str, Any]) -> None:
    say(f"{cancelled['id']} ends within a second; what it finished is kept")


def _show_plan(steps: list[dict[str, Any]]) -> None:
    show_table(("step", "plan"), [(step["step"], step["because"]) for step in steps])


def _show_run(report: dict[str, Any]) -> None:
    record = report["run"]
    show_table(
        ("step", "state", "seconds", "why"),
        [(step["step"], step["state"], f"{step['seconds']:.2f}", step["because"]) for step in record["steps"]],
    )
    say()
    say(f"{record['id']} is {record['state']}")
    if report["verdict"]:
        _show_verdict(report["verdict"])


def _show_verdict(document: dict[str, Any]) -> None:
    from pydantic import TypeAdapter

    from plimsoll.gates.entities import Verdict
    from plimsoll.gates.report import WIDTH, verdict_text

    width = shutil.get_terminal_size((WIDTH, 24)).columns
    say(verdict_text(TypeAdapter(Verdict).validate_python(document), width=width))


def _show_runs(summaries: list[dict[str, Any]]) -> None:
    if not summaries:
        say("No runs yet. `plimsoll run` makes the first.")
        return
    because = any(item["run"]["because"] for item in summaries)
    show_table(
        ("run", "state", "started", "by", "verdict", "release", *(("because",) if because else ())),
        [
            (
                item["run"]["id"],
                item["run"]["state"],
                moment(item["run"]["started_at"]),
                item["run"]["created_by"],
                paint(item["finding"], FINDING_COLOURS[item["finding"]]) if item["finding"] else "",
                item["release"] or "",
                *((_short(item["run"]["because"]),) if because else ()),
            )
            for item in summaries
        ],
    )


def _short(text: str) -> str:
    return text if len(text) <= BECAUSE_WIDTH else f"{text[: BECAUSE_WIDTH - 1]}…"


def _show_release(document: dict[str, Any]) -> None:
    say(f"{paint(document['name'], 'bold')} is released: {document['digest']}")
    say(f"  authors: {', '.join(document['authors'])} (they cannot approve it)")
    if document["because"]:
        say(f"  because: {document['because']}")
    say(f"  served: {document['compile_note']}")
    if document["dirty"]:
        say(f"  made where files differ from the commit: {', '.join(document['dirty'])}")


def _show_releases(documents: list[dict[str, Any]]) -> None:
    if not documents:
        say("No releases yet. `plimsoll release` makes one of the latest run that passed its gates.")
        return
    show_table(
        ("release", "digest", "created", "by", "run", "served as"),
        [
            (
                item["name"],
                item["digest"][:12],
                moment(item["created_at"]),
                item["created_by"],
                item["run"],
                item["compiled"] or "worker",
            )
            for item in documents
        ],
    )


def _show_approval(document: dict[str, Any]) -> None:
    say(f"{document['person']} approved {document['release']} for {document['environment']}")


def _show_trace(document: dict[str, Any]) -> None:
    for link in document["links"]:
        say(f"{paint(link['kind'].ljust(10), 'bold')}  {link['name']}")
        for name, value in link["facts"]:
            if value not in ("", [], {}, None):
                say(f"{'':12}{name}: {_fact(value)}")


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)
