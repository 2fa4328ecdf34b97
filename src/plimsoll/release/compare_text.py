"""How a comparison of runs is shown on a terminal. It gets the operation's answer and decides nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from plimsoll.edge.curves import sparkline
from plimsoll.edge.output import moment, paint, say, show_table

_DIGEST = 64


def show_comparison(found: dict[str, Any]) -> None:
    """Every part that has rows, the runs first."""
    names = [one["name"] for one in found["runs"]]
    _show_runs(found["runs"])
    _show_facts("parameters", names, found["params"])
    _show_metrics(names, found["metrics"])
    _show_gates(names, found["gates"])
    _show_facts("data", names, found["data"])
    _show_facts("outputs", names, found["outputs"])
    _show_runtime(found["runtime"])
    _show_code(found["code"])
    for note in found["notes"]:
        say()
        say(f"{paint('note', 'yellow')}: {note}")
    if not any(found[part] for part in ("params", "metrics", "gates", "data", "outputs", "runtime", "code")):
        say()
        say("nothing differs; `--all` shows what is the same")


def _show_runs(runs: Sequence[dict[str, Any]]) -> None:
    show_table(
        ("run", "release", "state", "verdict", "started", "seconds", "commit"),
        [
            (
                one["run"],
                one["release"] or "",
                one["state"],
                one["finding"] or "",
                moment(one["started_at"]),
                f"{one['seconds']:.1f}",
                one["commit"][:12] + (" and changes" if one["dirty"] else ""),
            )
            for one in runs
        ],
    )


def _show_facts(heading: str, names: Sequence[str], facts: Sequence[dict[str, Any]]) -> None:
    if facts:
        say()
        show_table((heading, *names), [(one["name"], *map(_fact, one["values"])) for one in facts])


def _show_metrics(names: Sequence[str], metrics: Sequence[dict[str, Any]]) -> None:
    if not metrics:
        return
    say()
    rows = []
    for one in metrics:
        for place, name in enumerate(names):
            if one["last"][place] is not None:
                change = one["change"][place]
                rows.append(
                    (
                        one["metric"],
                        one["source"],
                        name,
                        _number(one["last"][place]),
                        "" if place == 0 or change is None else f"{change:+.4g}",
                        _number(one["least"][place]),
                        _number(one["most"][place]),
                        sparkline([float(value) for _, value in one["curves"][place]]),
                    )
                )
    show_table(("metric", "step", "run", "last", "change", "lowest", "highest", "course"), rows)


def _show_gates(names: Sequence[str], gates: Sequence[dict[str, Any]]) -> None:
    if gates:
        say()
        rows = []
        for one in gates:
            cells = [
                "" if finding is None else f"{finding} {_number(value)}".strip()
                for value, finding in zip(one["values"], one["findings"], strict=True)
            ]
            rows.append((one["name"], *cells))
        show_table(("gate", *names), rows)


def _show_runtime(changes: Sequence[dict[str, Any]]) -> None:
    if changes:
        say()
        rows = [(one["package"], one["was"] or "none", one["now"] or "none", one["run"]) for one in changes]
        show_table(("package", "first run", "then", "in"), rows)


def _show_code(files: Sequence[dict[str, Any]]) -> None:
    for file in files:
        say()
        say(paint(f"{file['path']}  +{file['added']} -{file['removed']}  in {file['run']}", "bold"))
        for line in file["diff"].splitlines():
            colour = {"+": "green", "-": "red", "@": "blue"}.get(line[:1])
            say(paint(line, colour) if colour else line)
        if file["cut"]:
            say("…")


def _fact(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:12] if len(text) == _DIGEST and text.isalnum() else text


def _number(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.5g}"
