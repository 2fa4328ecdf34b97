"""The `plimsoll` command: every area's commands under one root. Nothing heavy is imported on the way to --help."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from plimsoll import __version__
from plimsoll.edge.output import EXIT_INTERNAL, fail, internal_error
from plimsoll.kernel.errors import Kind, PlimsollError

COMMANDS: dict[str, tuple[str, ...]] = {
    "plimsoll.project.commands": ("init", "schema"),
    "plimsoll.pipeline.commands": ("check",),
    "plimsoll.data.commands": ("data",),
    "plimsoll.release.commands": (
        "logs",
        "run",
        "cancel",
        "runs",
        "verdict",
        "compare",
        "release",
        "releases",
        "reproduce",
        "approve",
        "trace",
    ),
    "plimsoll.sweep.commands": ("sweep",),
    "plimsoll.governance.commands": ("people", "tokens", "audit"),
    "plimsoll.rollout.commands": ("deploy", "rollback", "status", "stop", "rollout"),
    "plimsoll.monitor.commands": ("drift", "monitor", "label", "alerts"),
    "plimsoll.retrain.commands": ("triggers", "retrain"),
    "plimsoll.storage.commands": ("gc",),
    "plimsoll.integrations.mlflow.commands": ("mlflow",),
    "plimsoll.server.commands": ("up", "login"),
    "plimsoll.batch.commands": ("score",),
    "plimsoll.replay.commands": ("replay",),
    "plimsoll.demo.commands": ("demo",),
}
"""Modules with `register(app)` -> the commands that each adds, in the order in which help shows them."""


class BadUsage(PlimsollError):
    """A command line that no command understands."""

    code = "cli.bad_usage"
    kind = Kind.INVALID
    text = "{problem}"
    hint = "`{command} --help` shows what it takes."


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """The root command with everything registered; given a command line, perhaps only the area that it names."""
    app = typer.Typer(
        name="plimsoll",
        help="Decide with evidence whether a model may be released, release it, watch it, take it back.",
        no_args_is_help=True,
        context_settings={"max_content_width": 120},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )

    @app.callback()
    def root(
        project: Annotated[
            Path | None,
            typer.Option("--project", "-C", metavar="DIR", help="Work in this folder instead of the current one."),
        ] = None,
        _version: Annotated[
            bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and leave.")
        ] = False,
    ) -> None:
        if project is not None:
            if not project.is_dir():
                raise typer.BadParameter(f"{project} is not a folder", param_hint="--project")
            os.chdir(project)

    for module in _modules_for(words):
        import_module(module).register(app)
    return app


def _modules_for(words: Sequence[str]) -> list[str]:
    """The module of the command that a line begins with; all of them when it begins with anything else."""
    return [module for module, commands in COMMANDS.items() if words and words[0] in commands] or list(COMMANDS)


def _say_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"plimsoll {__version__}\n")
        raise typer.Exit


def main() -> None:
    """Run the command line; an error that is our own fault ends with 70 and its traceback."""
    # Threads of OpenMP that wait by spinning make training ten times slower on a busy machine; children inherit this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(make_app(sys.argv[1:])(standalone_mode=False))
    except typer.TyperException as problem:
        _bad_usage(problem)
    except Exception as error:
        internal_error(error)
        raise SystemExit(EXIT_INTERNAL) from error


def _bad_usage(problem: Any) -> NoReturn:
    """Say what is wrong with the command line, as JSON when that was asked for, and leave."""
    if "--json" in sys.argv[1:]:
        place = problem.ctx.command_path if getattr(problem, "ctx", None) else "plimsoll"
        fail(BadUsage(problem=problem.format_message(), command=place), as_json=True)
    problem.show()
    raise SystemExit(problem.exit_code)
