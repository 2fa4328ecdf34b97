"""Sweeps: the list, and one with its trials and how the metric goes with each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from plimsoll.edge.scatter import Dot, scatter_chart
from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.runs import MOST, listed
from plimsoll.server.pages.wording import plainly
from plimsoll.sweep.report import compared, figure

SHORT = 10
"""A list of so many values has them side by side, numbers or not."""
ROWS = 200
"""Trials in the table; `--json` and the API have the rest."""


def _gather_list(visit: Visit) -> dict[str, Any]:
    limit = listed(visit)
    sweeps = visit.ask("sweeps.list", limit=limit)
    return {"sweeps": sweeps, "more": min(limit * 2, MOST) if len(sweeps) == limit < MOST else 0}


def _gather_sweep(visit: Visit) -> dict[str, Any]:
    report = visit.ask("sweeps.show", sweep=visit.path["sweep"])
    sweep, ranking = report["sweep"], report["ranking"]
    trials = {trial["number"]: trial for trial in sweep["trials"]}
    order = [*ranking, *(number for number in trials if number not in ranking)]
    done = [trials[number] for number in ranking]
    return {
        "sweep": sweep,
        "best": report["best"],
        "steps": report["steps"],
        "done": len(done),
        "rows": [_row(trials[number], sweep["plan"]["params"]) for number in order[:ROWS]],
        "left_out": max(len(order) - ROWS, 0),
        "plots": [_plot(name, sweep["plan"], done, report["best"]) for name in sweep["plan"]["params"]],
        "compared": ",".join(compared(report)),
        "figure": figure(report["best"]["value"]) if report["best"] else "",
        "refusal": visit.refusal("sweeps.cancel"),
    }


def _row(trial: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    values = [plainly(trial["params"].get(name)) for name in names]
    error = trial["error"].partition("\n")[0]
    return {**trial, "values": values, "figure": figure(trial["value"]), "error": error}


def _plot(
    name: str, plan: Mapping[str, Any], done: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The metric of each trial that is done against one parameter: by its place in a short list, else by number."""
    tried = plan["params"][name]
    values = [trial["params"][name] for trial in done]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if isinstance(tried, list) and len(tried) <= SHORT:
        numbers = False
    log = numbers and all(value > 0 for value in values) and _by_magnitude(tried, values)
    places = list(dict.fromkeys(plainly(value) for value in (tried if isinstance(tried, list) else values)))
    dots = [
        Dot(
            across=float(value) if numbers else float(places.index(plainly(value))),
            up=trial["value"],
            name=f"trial {trial['number']}: {name} {plainly(value)}, {plan['metric']} {figure(trial['value'])}",
            chosen=best is not None and trial["number"] == best["number"],
        )
        for trial, value in zip(done, values, strict=True)
    ]
    svg = scatter_chart(
        dots,
        title=f"{plan['metric']} of each trial against {name}",
        description="The larger dot is the best trial.",
        log=log,
        names=() if numbers else places,
    )
    return {"heading": name, "svg": Markup(svg)}  # noqa: S704 - escaped where it is drawn


def _by_magnitude(tried: Any, values: Sequence[float]) -> bool:
    if isinstance(tried, Mapping):
        return "log" in tried or "log_int" in tried
    return bool(values) and max(values) >= 20 * min(values)


PAGES = (
    Page(path="/sweeps", template="sweeps.html", gather=_gather_list),
    Page(path="/sweeps/{sweep}", template="sweep.html", gather=_gather_sweep),
)
