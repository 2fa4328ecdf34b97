"""A sweep for people, as lines of text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_COMPARED = 3


def trial_rows(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: the trials that are done, best first, then the others by number."""
    sweep = report["sweep"]
    plan, trials = sweep["plan"], {trial["number"]: trial for trial in sweep["trials"]}
    order = [*report["ranking"], *(number for number in trials if number not in report["ranking"])]
    headings = ["trial", plan["metric"], *plan["params"], "state", "seconds", "run"]
    return headings, [_row(trials[number], plan["params"]) for number in order]


def closing_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What came out, how much was shared, and what to do with it."""
    sweep, best = report["sweep"], report["best"]
    done = len(report["ranking"])
    failed = sum(trial["state"] == "failed" for trial in sweep["trials"])
    failures = f", {failed} failed" if failed else ""
    yield f"{sweep['id']} is {sweep['state']}: {done} of {sweep['plan']['trials']} trials are done{failures}"
    if sweep["error"]:
        yield f"  because: {sweep['error'].splitlines()[0]}"
    for step in report["steps"]:
        yield f"  {step['step']}: ran {step['ran']} times, cached {step['cached']} times"
    if sweep["state"] in ("interrupted", "cancelled", "failed"):
        yield f"`plimsoll sweep resume {sweep['id']}` goes on"
    if best is None:
        return
    yield f"best: trial {best['number']}, {sweep['plan']['metric']} {figure(best['value'])}. Use these:"
    for name, value in best["params"].items():
        yield f"  {name}: {json.dumps(value, ensure_ascii=False)}"
    yield f"`plimsoll sweep apply {sweep['id']}` writes them into plimsoll.yaml; `plimsoll run` then judges that model"
    runs = compared(report)
    if len(runs) > 1:
        yield f"`plimsoll compare {' '.join(runs)}` shows the best beside each other"


def compared(report: Mapping[str, Any], most: int = _COMPARED) -> Sequence[str]:
    """The runs of the best trials, best first."""
    runs = {trial["number"]: trial["run"] for trial in report["sweep"]["trials"]}
    return [runs[number] for number in report["ranking"][:most]]


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _row(trial: Mapping[str, Any], names: Mapping[str, Any]) -> list[str]:
    error = trial["error"].partition("\n")[0]
    state = f"{trial['state']}: {error[:60]}" if error else trial["state"]
    values = [_said(trial["params"].get(name)) for name in names]
    return [str(trial["number"]), figure(trial["value"]), *values, state, f"{trial['seconds']:.2f}", trial["run"]]


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
