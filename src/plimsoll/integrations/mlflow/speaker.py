"""The process that speaks to MLflow: takes one order a line from standard input, and answers each with one line.

Started by `hand.py`. When whoever started it is gone, killed even, runs that it began and that were not ended are
ended as killed, so that nothing stays under way for ever.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from plimsoll.integrations.mlflow import registry, runs

ORDERS: Mapping[str, Callable[..., Any]] = {
    "begin": runs.begin,
    "end": runs.end,
    "versions": registry.versions,
    "register": registry.register,
    "move_champion": registry.move_champion,
}
_LONGEST = 300


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # MLflow prints to standard output, where the answers go
    under_way: dict[str, Mapping[str, Any]] = {}
    for line in sys.stdin:
        facts = json.loads(line)
        order = facts.pop("order")
        answer = _answer(order, facts)
        if order == "begin" and "answer" in answer:
            under_way[answer["answer"]["run"]] = facts
        if order == "end" and "answer" in answer:
            under_way.pop(answer["answer"]["run"], None)
        answers.write(json.dumps(answer) + "\n")
    for run in under_way:
        _answer("end", {"begun": None, "mlflow_run": run, "status": "KILLED", "tags": {}})


def _answer(order: str, facts: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": ORDERS[order](**facts)}
    except Exception as error:  # noqa: BLE001 - the edge of this process: whatever MLflow meets is told
        return {"problem": _told(error)}


def _told(error: BaseException) -> str:
    """What is the matter, in a line: of a request that did not get through, where it went and what the system says."""
    cause = error
    while (further := cause.__cause__ or cause.__context__) is not None:
        cause = further
    if isinstance(cause, OSError) and cause.strerror:
        return f"{os.environ.get('MLFLOW_TRACKING_URI', 'MLflow')}: {cause.strerror}"
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__


if __name__ == "__main__":
    main()
