"""How runs, plans, verdicts and releases read in a terminal: what the commands print, as text."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from plimsoll.edge.output import moment, say, show_table


def run_text(record: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> str:
    def show() -> None:
        show_table(
            ("step", "state", "seconds", "why"),
            [(one["step"], one["state"], f"{one['seconds']:.2f}", one["because"]) for one in record["steps"]],
        )
        say()
        say(f"{record['id']} is {record['state']}")

    shown = said(show)
    return shown if verdict is None else f"{shown}\n{verdict_text(verdict)}"


def verdict_text(document: Mapping[str, Any]) -> str:
    from pydantic import TypeAdapter

    from plimsoll.gates import entities, report

    return report.verdict_text(TypeAdapter(entities.Verdict).validate_python(document))


def plan_text(steps: Sequence[Mapping[str, Any]]) -> str:
    return said(lambda: show_table(("step", "plan"), [(step["step"], step["because"]) for step in steps]))


def comparison_text(document: Mapping[str, Any]) -> str:
    from plimsoll.release.compare_text import show_comparison

    return said(lambda: show_comparison(dict(document)))


def releases_text(documents: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            one["name"],
            one["digest"][:12],
            moment(one["created_at"]),
            one["created_by"],
            one["run"],
            one["compiled"] or "worker",
        )
        for one in documents
    ]
    return said(lambda: show_table(("release", "digest", "created", "by", "run", "served as"), rows))


def versions_text(documents: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            one["version"]["dataset"],
            one["version"]["digest"][:12],
            moment(one["recorded_at"]),
            f"{one['version']['rows']:,}",
            len(one["version"]["columns"]),
            ", ".join(one["releases"]),
            ", ".join(one["environments"]),
        )
        for one in documents
    ]
    return said(lambda: show_table(("dataset", "version", "recorded", "rows", "columns", "releases", "live in"), rows))


def said(show: Callable[[], None]) -> str:
    """What a command would print, without its last line break."""
    stream = io.StringIO()
    with redirect_stdout(stream):
        show()
    return stream.getvalue().removesuffix("\n")
