"""`plimsoll data`: the recorded versions of the project's datasets, where they were used, and how two differ."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, moment, paint, reported, run, say, show_table
from plimsoll.kernel.sizes import size_text

_SHOWN = 5
_COLOURS = {"drift": "red", "no drift": "green", "too few rows": "yellow"}
_HEADINGS = ("column", "PSI", "drift above", "verdict", "before", "after")


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.add_typer(_data(), name="data")


def _data() -> typer.Typer:
    group = typer.Typer(help="Versions of data: list, show, compare; rules for new data.", invoke_without_command=True)
    group.callback()(data)
    group.command()(show)
    group.command()(diff)
    group.command()(infer)
    return group


def data(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="DATASET", help="This dataset's only.")] = None,
    as_json: Json = False,
) -> None:
    """List the recorded versions of the datasets, and where each was used."""
    if context.invoked_subcommand is None:
        run("data.versions", as_json=as_json, show=_show_versions, dataset=dataset)


def show(
    name: Annotated[str, typer.Argument(metavar="DATASET[@DIGEST]", help="A version; the newest without a digest.")],
    as_json: Json = False,
) -> None:
    """Show a version: files, columns, where it was used."""
    run("data.show", as_json=as_json, show=_show_version, version=name)


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="DATASET@DIGEST, a dataset, a release or a run.")],
    after: Annotated[str, typer.Argument(metavar="[B]", help="Likewise; without it the two newest versions.")] = "",
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="DATASET", help="Of a release or a run: which of its datasets.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Say how two versions differ: files, columns, values."""
    run("data.diff", as_json=as_json, show=_show_diff, before=before, after=after, dataset=dataset)


def infer(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A file, a glob in quotes, or a folder.")],
    as_json: Json = False,
) -> None:
    """Propose `columns:` from rows that are taken to be good."""
    with reported(as_json=as_json):
        from plimsoll.data.infer import infer as look

        finish(asdict(look(path, root=Path.cwd())), as_json=as_json, show=_show_proposal)


def _show_proposal(found: dict[str, Any]) -> None:
    import yaml

    def flow(value: Any) -> str:
        return (
            yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
            .strip()
            .removesuffix("\n...")
        )

    say("columns:")
    for column in found["columns"]:
        say(f"  {flow(column['column'])}: {flow(column['rules'])}  {paint('# ' + _seen(column), 'dim')}")


def _seen(column: dict[str, Any]) -> str:
    """What a proposal rests on, in one line of a comment."""
    nulls = f"{column['nulls']:,} missing, " if column["nulls"] else ""
    if column["low"] is None:
        return f"{nulls}no value"
    low, high = (f"{end:.6g}" if isinstance(end, float) else str(end) for end in (column["low"], column["high"]))
    span = f"{low} to {high}".encode("unicode_escape").decode()
    return f"{nulls}{column['distinct']:,} different, {span if len(span) <= 80 else span[:77] + '...'}"


def _show_versions(result: list[dict[str, Any]]) -> None:
    if not result:
        say("No data version is recorded yet: `plimsoll run` records them.")
        return
    show_table(
        ("dataset", "version", "files", "size", "rows", "columns", "recorded", "by", "runs", "releases", "live in"),
        [
            (
                item["version"]["dataset"],
                item["version"]["digest"][:12],
                len(item["version"]["files"]),
                size_text(sum(file["size"] for file in item["version"]["files"])),
                item["version"]["rows"],
                len(item["version"]["columns"]),
                moment(item["recorded_at"]),
                item["recorded_by"],
                len(item["runs"]),
                _listed(item["releases"]),
                ", ".join(item["environments"]),
            )
            for item in result
        ],
    )


def _show_version(item: dict[str, Any]) -> None:
    version = item["version"]
    size = size_text(sum(file["size"] for file in version["files"]))
    say(f"{paint(version['dataset'], 'bold')}@{version['digest']}")
    say(f"  {version['format']}, {size}, {version['rows']:,} rows")
    say(f"  recorded {moment(item['recorded_at'])} by {item['recorded_by']}")
    say(f"  runs: {_listed(item['runs']) or 'none'}")
    say(f"  releases: {_listed(item['releases']) or 'none'}")
    say(f"  live in: {', '.join(item['environments']) or 'no environment'}")
    say()
    show_table(
        ("file", "size", "digest"),
        [(file["path"], size_text(file["size"]), file["digest"][:12]) for file in version["files"]],
    )
    say()
    show_table(("column", "type"), version["columns"])


def _show_diff(result: dict[str, Any]) -> None:
    for word in ("before", "after"):
        side = result[word]
        say(
            f"{word.ljust(6)}  {side['dataset']}@{side['digest'][:12]}  {side['rows']:,} rows, {size_text(side['size'])}"
        )
    if result["same"]:
        say("the same version: nothing differs")
        return
    say()
    for what in ("files", "columns"):
        lines = _changes(result[what])
        say(paint(what, "bold") + ("" if lines else ": the same"))
        for line in lines:
            say(f"  {line}")
    say()
    if result["distributions"]:
        show_table(
            _HEADINGS,
            [
                (
                    one["column"],
                    "" if one["psi"] is None else f"{one['psi']:.3f}",
                    "" if one["critical"] is None else f"{one['critical']:.3f}",
                    paint(one["verdict"], _COLOURS[one["verdict"]]),
                    one["shape_before"],
                    one["shape_after"],
                )
                for one in result["distributions"]
            ],
        )
        say()
    say(paint(result["told"], "bold"))
    for line in result["reasons"]:
        say(f"  {line}")
    for one in result["left_out"]:
        say(f"  not compared: {one['column']} ({one['because']})")


def _changes(changes: dict[str, Any]) -> list[str]:
    return [
        *(f"+ {name}" for name in changes["added"]),
        *(f"- {name}" for name in changes["removed"]),
        *(f"~ {one['name']}: {one['before']} -> {one['after']}" for one in changes["changed"]),
    ]


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
