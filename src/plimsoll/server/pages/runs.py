"""Runs: the list, one run with its graph as it goes on, and the verdict on its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from plimsoll.edge.spans import Span, scale_of, span_plot
from plimsoll.gates.wording import figure
from plimsoll.server.errors import NoVerdictYet
from plimsoll.server.pages.drawings import drawn, worded
from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.wording import tone

SHOWN, MOST = 50, 1000
POINTS = 300
"""Of a curve, in a drawing."""
PLOTS = 24
"""Drawings on a page; `--json` and the API have the rest."""


def listed(visit: Visit) -> int:
    """How many rows were asked for."""
    asked = visit.query.get("limit", "")
    return min(max(int(asked), 1), MOST) if asked.isdecimal() and len(asked) < 9 else SHOWN


def _gather_list(visit: Visit) -> dict[str, Any]:
    limit = listed(visit)
    runs = visit.ask("runs.list", limit=limit)
    return {"runs": runs, "more": min(limit * 2, MOST) if len(runs) == limit < MOST else 0}


def _gather_run(visit: Visit) -> dict[str, Any]:
    report = visit.ask("runs.show", run=visit.path["run"])
    run = report["run"]
    graph = visit.ask("runs.graph", run=run["id"])
    failed = [step["name"] for step in graph["steps"] if step["state"] == "failed"]
    logs = [visit.ask("runs.log", run=run["id"], step=name) for name in failed]
    logged, _ = visit.try_to_ask("metrics.show", run=run["id"], most=POINTS)
    release = next((item for item in visit.ask("releases.list", limit=MOST) if item["run"] == run["id"]), None)
    return {
        "run": run,
        "verdict": report["verdict"],
        "graph_of_run": graph,
        "logs": {log["step"]: log for log in logs},
        "release": release,
        "tally": tally(report["verdict"]),
        "refusal": visit.refusal("runs.cancel"),
        "plots": plots_of(logged["curves"]) if logged else [],
        "logged": logged,
    }


def plots_of(curves: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A drawing of each curve of one run."""
    return [
        drawn(
            curve["metric"],
            f"{curve['source']}, {curve['points']:,} points, last {worded(curve['last'])}, "
            f"from {worded(curve['least'])} to {worded(curve['most'])}",
            [(curve["metric"], list(zip(curve["steps"], curve["values"], strict=True)))],
        )
        for curve in curves[:PLOTS]
    ]


def _gather_verdict(visit: Visit) -> dict[str, Any]:
    report = visit.ask("runs.show", run=visit.path["run"])
    verdict = report["verdict"]
    if verdict is None:
        raise NoVerdictYet(run=visit.path["run"])
    return {
        "run": report["run"],
        "verdict": verdict,
        "rules": rules_of(verdict),
        "tally": tally(verdict),
    }


def rules_of(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A verdict's rules, each with its checks drawn on one scale."""
    grouped = groupby(verdict["checks"], key=lambda one: one["rule"])
    return [_rule(rule, list(checks)) for rule, checks in grouped]


def tally(verdict: Mapping[str, Any] | None) -> dict[str, int]:
    """How many checks that count ended how, and how many are only reported."""
    counts = dict.fromkeys(("pass", "fail", "inconclusive", "reported"), 0)
    for check in () if verdict is None else verdict["checks"]:
        counts[check["finding"] if check["blocking"] else "reported"] += 1
    return counts


def _rule(rule: str, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """One rule with its checks, each drawn on the rule's one scale."""
    spans = [_span(check) for check in checks]
    known = [span for span in spans if span is not None]
    limit = next((check["limit"] for check in checks if check["limit"] is not None), None)
    compared = any(check["difference"] for check in checks)
    drawn = [""] * len(checks)
    if known and limit is not None:
        scale = scale_of(known, limit=limit, zero=compared)
        drawn = [
            ""
            if span is None
            else span_plot(
                span,
                scale=scale,
                limit=limit,
                at_least=check["at_least"],
                zero=compared,
                tone=tone(check["finding"]),
                title=f"{figure(span.value)}, 95 % interval {figure(span.low)} to {figure(span.high)}, "
                f"limit {figure(limit)}",
            )
            for span, check in zip(spans, checks, strict=True)
        ]
    rows = [
        {"check": check, "span": span, "plot": Markup(plot)}  # noqa: S704 - escaped where it is drawn
        for check, span, plot in zip(checks, spans, drawn, strict=True)
    ]
    return {"rule": rule, "rows": rows, "limit": limit, "compared": compared}


def _span(check: Mapping[str, Any]) -> Span | None:
    """What a check is decided on: the difference where something is compared, else the candidate's own figure."""
    found = check["difference"] or check["candidate"]
    if found is None or None in (found["value"], found["low"], found["high"]):
        return None
    return Span(value=found["value"], low=found["low"], high=found["high"])


PAGES = (
    Page(path="/runs", template="runs.html", gather=_gather_list),
    Page(path="/runs/{run}", template="run.html", gather=_gather_run),
    Page(path="/runs/{run}/verdict", template="verdict.html", gather=_gather_verdict, live=False),
)
