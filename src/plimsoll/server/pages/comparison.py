"""Runs beside each other: what went in, what was measured, and the code between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plimsoll.server.pages.drawings import drawn, worded
from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.runs import PLOTS
from plimsoll.server.pages.wording import plainly

_DIGEST = 64
_OFFERED = 50


def _gather(visit: Visit) -> dict[str, Any]:
    asked = f"{visit.query.get('runs', '')} {visit.query.get('with', '')}"
    names = list(dict.fromkeys(asked.replace(",", " ").split()))
    everything = visit.query.get("all") == "1"
    found = visit.ask("runs.compare", runs=names, everything=everything) if len(names) > 1 else None
    recent = visit.ask("runs.list", limit=_OFFERED)
    return {
        "names": names,
        "everything": everything,
        "found": found,
        "offered": [item["run"]["id"] for item in recent if item["run"]["id"] not in names],
        **told(found or {}),
    }


def told(found: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison as a page shows it: cells of metrics, tables of facts, drawings of curves; empty of nothing."""
    return {
        "metrics": [_metric(one) for one in found["metrics"]] if found else [],
        "facts": _facts(found) if found else [],
        "plots": [_plot(found["runs"], one) for one in found["metrics"][:PLOTS]] if found else [],
    }


def _facts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Tables of named facts, those that have rows."""
    tables = [
        ("Parameters", [(one["name"], [_fact(value) for value in one["values"]]) for one in found["params"]]),
        ("Gates", [(one["name"], _findings(one)) for one in found["gates"]]),
        ("Data", [(one["name"], [_fact(value) for value in one["values"]]) for one in found["data"]]),
        ("Outputs", [(one["name"], [_fact(value) for value in one["values"]]) for one in found["outputs"]]),
    ]
    return [{"heading": heading, "rows": rows} for heading, rows in tables if rows]


def _findings(check: Mapping[str, Any]) -> list[str]:
    return [
        "" if finding is None else f"{finding} {'' if value is None else worded(value)}".strip()
        for value, finding in zip(check["values"], check["findings"], strict=True)
    ]


def _metric(one: Mapping[str, Any]) -> dict[str, Any]:
    cells = [
        {
            "last": "" if last is None else worded(last),
            "change": "" if place == 0 or change is None else f"{change:+.4g}",
            "range": "" if last is None else f"{worded(least)} to {worded(most)}",
        }
        for place, (last, change, least, most) in enumerate(
            zip(one["last"], one["change"], one["least"], one["most"], strict=True)
        )
    ]
    return {"metric": one["metric"], "source": one["source"], "cells": cells}


def _plot(runs: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> dict[str, Any]:
    curves = [(run["name"], points) for run, points in zip(runs, one["curves"], strict=True) if points]
    alone = f" in {curves[0][0]} only" if len(curves) == 1 else ""
    return drawn(one["metric"], f"logged by {one['source']}{alone}", curves)


def _fact(value: Any) -> str:
    if value is None:
        return ""
    text = plainly(value)
    return text[:12] if len(text) == _DIGEST and text.isalnum() else text


PAGES = (Page(path="/compare", template="compare.html", gather=_gather, live=False),)
