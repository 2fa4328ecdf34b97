"""Writes the pages that are made from the code: docs/errors.md and docs/commands.md. Run by `make docs`.

With --check nothing is written; it leaves with 1 and names the pages that are out of date.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer.main

import plimsoll
from plimsoll.cli.main import make_app
from plimsoll.kernel.errors import EXIT_CODES, HTTP_STATUSES, PlimsollError
from plimsoll.server.errors import STATUS_OF_CODE

DOCS = Path(__file__).parent

ERRORS_INTRODUCTION = """\
# Errors

Every error has a code that stays the same, a sentence made from facts, and a way on. Words in braces are filled in.
With `--json` the same facts come as one JSON document; over HTTP with the status shown.
"""

COMMANDS_INTRODUCTION = """\
# Commands

Every command takes `--json`: then stdout holds one JSON document and nothing else. Exit codes: 0 done or pass,
1 verdict fail or data check failed, 2 bad usage or input, 3 inconclusive, 4 denied, 5 unavailable, 6 the project's own
code failed, 70 our fault.
"""


def main() -> None:
    pages = {"errors.md": errors_page(), "commands.md": commands_page()}
    if "--check" in sys.argv:
        stale = [name for name, text in pages.items() if (DOCS / name).read_text() != text]
        if stale:
            raise SystemExit(f"out of date: {', '.join(stale)}; run `make docs`")
        return
    for name, text in pages.items():
        (DOCS / name).write_text(text)


def errors_page() -> str:
    """Every error code under its own heading, with its sentence and its cure."""
    parts = [ERRORS_INTRODUCTION]
    for error in sorted(all_errors(), key=lambda error: error.code):
        lines = [f"## `{error.code}`", ""]
        summary = (inspect.getdoc(error) or "").partition("\n\n")[0].replace("\n", " ")
        if summary and inspect.getdoc(error) != inspect.getdoc(PlimsollError):
            lines += [summary, ""]
        lines += [f"> {error.text}", ""]
        if error.hint:
            lines += [f"{error.hint}", ""]
        lines += [
            f"Kind {error.kind}: exit code {EXIT_CODES[error.kind]}, HTTP {STATUS_OF_CODE.get(error.code, HTTP_STATUSES[error.kind])}.",
            "",
        ]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def commands_page() -> str:
    """Every command with its arguments and options, as --help tells them."""
    root = typer.main.get_command(make_app())
    parts = [COMMANDS_INTRODUCTION]
    for name, command in _commands(root, ("plimsoll",)):
        parts.append(f"## `{name}`\n\n{(command.help or '').strip()}\n")
        rows = [_row(parameter) for parameter in command.params if not _is_help(parameter)]
        if rows:
            parts.append("| argument or option | what it does |\n| --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def all_errors() -> set[type[PlimsollError]]:
    """Every error class of the package that people can meet."""
    for module in pkgutil.walk_packages(plimsoll.__path__, "plimsoll."):
        if ".templates" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = set(_below(PlimsollError))
    return {error for error in found if error.code != PlimsollError.code}


def _below(error: type[PlimsollError]) -> Iterator[type[PlimsollError]]:
    for child in error.__subclasses__():
        yield child
        yield from _below(child)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    subcommands = getattr(command, "commands", {})
    if not subcommands or getattr(command, "invoke_without_command", False):
        yield " ".join(path), command
    for name, child in subcommands.items():
        yield from _commands(child, (*path, name))


def _is_help(parameter: click.Parameter) -> bool:
    return parameter.name == "help"


def _row(parameter: click.Parameter) -> str:
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name or "").upper()
    else:
        name = ", ".join(parameter.opts)
    text = getattr(parameter, "help", "") or ""
    default = parameter.default
    shown = (
        "" if default in (None, False, "", ()) or parameter.required or callable(default) else f" Default: `{default}`."
    )
    return f"| `{name}` | {text}{shown} |"


if __name__ == "__main__":
    main()
