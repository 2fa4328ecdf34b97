"""The payments that are sent to production all along: who sends them, how many, and what became of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from subprocess import TimeoutExpired
from typing import Any

from plimsoll.demo.requests import write_requests
from plimsoll.demo.seen import Seen, deployment_of
from plimsoll.demo.stage import Stage

REQUESTS = 500
RATE = 100
CROWD_RATE = 500
"""Requests a second more, while releases are rolled out."""
ENOUGH = 100
"""Answers that each act waits for, so that none is shorter than its load."""


def load_counts(summary: Mapping[str, Any]) -> Seen:
    """The load of the whole story: nothing may have failed."""
    reasons = "; ".join(f"{number} x {reason}" for reason, number in summary["reasons"].items())
    latency = summary["latency_ms"]
    speed = f"; half within {latency['p50']:.1f} ms, 99 % within {latency['p99']:.1f} ms" if latency else ""
    return Seen(
        expected="requests sent and answered all along, 0 failed",
        seen=f"{summary['sent']:,} sent, {summary['answered']:,} answered, {summary['failed']} failed"
        + speed
        + (f" ({reasons})" if reasons else ""),
        ok=summary["failed"] == 0 and summary["sent"] == summary["answered"] > 0,
    )


def start_load(stage: Stage, address: str) -> None:
    """Real requests from another process, from now on."""
    count = _send_latest(stage, "load", f"{address}/v2/models/fraud", rate=RATE)
    stage.telling.note(f"Another process sends {count} different payments to production, {RATE} a second, to the end.")


def change_payments(stage: Stage) -> None:
    """From now on, twice as many payments, of the latest days there are; those of before end once they are answered."""
    assert stage.load is not None
    before = stage.load
    model = f"{deployment_of(stage, 'production')['address']}/v2/models/fraud"
    _send_latest(stage, "load-now", model, rate=2 * RATE)
    stage.crowds["load"] = before
    before.send_signal(signal.SIGTERM)


def latest_prediction(stage: Stage) -> str:
    """The id of one of the last answers from production."""
    return str((stage.document(f"{stage.load_name}.json") or {})["predictions"][-1])


def _send_latest(stage: Stage, name: str, model: str, *, rate: int) -> int:
    """Start the steady load; returns of how many different payments."""
    latest = max((stage.folder / "data").glob("transactions-*.parquet"))
    requests = stage.notes / "requests.jsonl"
    count = write_requests(model, latest, requests, count=REQUESTS)
    arguments = [f"{model}/infer", str(requests), "--rate", str(rate), "--status", str(stage.notes / f"{name}.json")]
    stage.load = stage.start(name, [sys.executable, "-m", "plimsoll.demo.load", *arguments])
    stage.load_name = name
    return count


def bring_a_crowd(stage: Stage) -> None:
    """More of the same requests, so that shares of them say something soon."""
    url = f"{deployment_of(stage, 'production')['address']}/v2/models/fraud/infer"
    stage.telling.note(f"Another {CROWD_RATE} payments a second are sent to production meanwhile.")
    arguments = [url, str(stage.notes / "requests.jsonl"), "--rate", str(CROWD_RATE), "--connections", "8"]
    name = f"crowd-{len(stage.crowds) + 1}"
    stage.crowds[name] = stage.start(name, [sys.executable, "-m", "plimsoll.demo.load", *arguments])


def send_the_crowd_away(stage: Stage) -> None:
    """End what was sent more, once its requests under way are answered."""
    for crowd in stage.crowds.values():
        crowd.send_signal(signal.SIGTERM)
        with suppress(TimeoutExpired):
            crowd.wait(30)


def end_load(stage: Stage) -> Mapping[str, Any] | None:
    """End the load once its requests under way are answered; its summary, None when it never began."""
    if stage.load is None:
        return None
    stage.load.send_signal(signal.SIGTERM)
    with suppress(TimeoutExpired):
        stage.load.wait(30)
    send_the_crowd_away(stage)
    # The one that began first was there the longest: the latencies are its own.
    names = sorted({stage.load_name, *stage.crowds}, key=lambda name: (name != "load", name))
    loads = [stage.document(f"{name}.out") or stage.document(f"{name}.json") for name in names]
    known: list[Mapping[str, Any]] = [load for load in loads if load is not None]
    return reduce(_together, known) if len(known) == len(loads) else None


def wait_for_answers(stage: Stage) -> int:
    """Wait until this many more were answered, or one failed; returns how many were answered altogether."""
    assert stage.load is not None
    status_name = f"{stage.load_name}.json"
    before = (stage.document(status_name) or {}).get("answered", 0)

    def enough() -> int | None:
        status = stage.document(status_name)
        done = status is not None and (status["failed"] or status["answered"] >= before + ENOUGH)
        return status["answered"] if status is not None and done else None

    return stage.wait(f"{ENOUGH} answers from production", enough, on=stage.load)


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two loads as one, with the latencies of the first."""
    counts = {name: one[name] + other[name] for name in ("sent", "answered", "failed")}
    return {**one, **counts, "reasons": {**other["reasons"], **one["reasons"]}}
