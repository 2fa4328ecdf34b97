"""`python -m plimsoll.demo.load URL REQUESTS.jsonl`: posts real requests to a door, and counts what came of them.

A process of its own, on the standard library alone, so that what it measures is not its own doing. It sends the
file's lines again and again over a few keep-alive connections, paced or as fast as it can, until SIGTERM, a count or
a time ends it. Requests under way are then awaited, and one JSON summary goes to stdout. With --status the same
document is kept up to date in a file while it runs; with --ids a file takes the prediction id of each answer, a line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import signal
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, TextIO

from plimsoll.demo.connection import Connection, RequestFailed

STATUS_EVERY_S = 0.25
KEPT_IDS = 5
KEPT_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send where, and when to end."""

    url: str
    bodies: tuple[bytes, ...]
    connections: int
    rate: float
    """Requests a second over all connections; 0 sends as fast as answers come."""
    count: int | None = None
    seconds: float | None = None
    timeout_s: float = 10.0


@dataclass(slots=True)
class Tally:
    """What became of the requests so far. sent = answered + failed once nothing is under way."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    releases: Counter[str] = field(default_factory=Counter)
    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    first_ids: list[str] = field(default_factory=list)
    last_id: str = ""
    ids: TextIO | None = None
    """Takes the prediction id of each answer."""

    def count_answer(self, latency_s: float, headers: dict[str, str]) -> None:
        if self.ids is not None:
            self.ids.write(headers.get("plimsoll-prediction-id", "") + "\n")
        self.answered += 1
        self.latencies_s.append(latency_s)
        self.releases[headers.get("plimsoll-release", "")] += 1
        self.last_id = headers.get("plimsoll-prediction-id", self.last_id)
        if self.last_id and len(self.first_ids) < KEPT_IDS and self.last_id not in self.first_ids:
            self.first_ids.append(self.last_id)

    def count_failure(self, reason: str) -> None:
        self.failed += 1
        self.reasons[reason] += 1

    def summary(self, *, reopened: int, seconds: float) -> dict[str, Any]:
        """The counts as a JSON document; latencies in milliseconds."""
        ordered = sorted(self.latencies_s)
        return {
            "sent": self.sent,
            "answered": self.answered,
            "failed": self.failed,
            "reopened": reopened,
            "seconds": round(seconds, 3),
            "latency_ms": {
                name: round(1000 * _quantile(ordered, share), 3)
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
            }
            if ordered
            else {},
            "releases": {name: number for name, number in self.releases.items() if name},
            "predictions": list(dict.fromkeys([*self.first_ids, *([self.last_id] if self.last_id else [])])),
            "reasons": dict(self.reasons.most_common(KEPT_REASONS)),
        }


async def generate(load: Load, *, status: Path | None = None, ids: TextIO | None = None) -> dict[str, Any]:
    """Send until the load's own end or a signal; returns the summary."""
    tally, ended = Tally(ids=ids), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    begun = time.perf_counter()
    connections = [Connection(load.url, timeout_s=load.timeout_s) for _ in range(load.connections)]

    def summary() -> dict[str, Any]:
        reopened = sum(connection.reopened for connection in connections)
        return tally.summary(reopened=reopened, seconds=time.perf_counter() - begun)

    if load.seconds is not None:
        loop.call_later(load.seconds, ended.set)
    tickets, bodies = _tickets(load), cycle(load.bodies)
    writer = asyncio.create_task(_keep_status(status, summary)) if status else None
    await asyncio.gather(*(_send(connection, tally, tickets, bodies, ended) for connection in connections))
    if writer:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
    result = summary()
    if status:
        _replace(status, result)
    return result


async def _send(
    connection: Connection, tally: Tally, tickets: Iterator[float], bodies: Iterator[bytes], ended: asyncio.Event
) -> None:
    """One connection's share: take the next ticket, wait for its time, send, count."""
    with contextlib.closing(connection):
        for due_s in tickets:
            if not await _until(due_s, ended):
                return
            tally.sent += 1
            before = time.perf_counter()
            try:
                answer = await connection.post(next(bodies))
            except RequestFailed as error:
                tally.count_failure(str(error))
                await _until(time.perf_counter() + 0.01, ended)  # a dead address must not be hammered
                continue
            if answer.status == 200:
                tally.count_answer(time.perf_counter() - before, answer.headers)
            else:
                tally.count_failure(f"HTTP {answer.status}: {answer.body[:200].decode(errors='replace')}")


def _tickets(load: Load) -> Iterator[float]:
    """When each request is due, on the clock of `perf_counter`; 0 means at once."""
    begun, number = time.perf_counter(), 0
    while load.count is None or number < load.count:
        yield begun + number / load.rate if load.rate else 0.0
        number += 1


async def _until(due_s: float, ended: asyncio.Event) -> bool:
    """Wait for a moment; False as soon as the load has ended."""
    wait_s = due_s - time.perf_counter()
    if wait_s > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), wait_s)
    return not ended.is_set()


async def _keep_status(path: Path, summary: Callable[[], dict[str, Any]]) -> None:
    while True:
        _replace(path, summary())
        await asyncio.sleep(STATUS_EVERY_S)


def _replace(path: Path, document: dict[str, Any]) -> None:
    """Write the whole file or nothing, so that a reader never sees half of it."""
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(json.dumps(document) + "\n")
    new.replace(path)


def _quantile(ordered: list[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m plimsoll.demo.load", description="Post requests and count.")
    parser.add_argument("url", help="such as http://127.0.0.1:8000/v2/models/fraud/infer")
    parser.add_argument("requests", type=Path, help="file with one JSON request body a line")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0 is as fast as possible")
    parser.add_argument("--count", type=int, help="end after this many requests")
    parser.add_argument("--seconds", type=float, help="end after this time")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for an answer")
    parser.add_argument("--status", type=Path, help="file that holds the summary so far")
    parser.add_argument("--ids", type=Path, help="file that takes the prediction id of each answer, a line")
    given = parser.parse_args()
    bodies = tuple(line for line in given.requests.read_bytes().splitlines() if line.strip())
    if not bodies:
        parser.error(f"{given.requests} holds no request")
    load = Load(
        url=given.url,
        bodies=bodies,
        connections=given.connections,
        rate=given.rate,
        count=given.count,
        seconds=given.seconds,
        timeout_s=given.timeout,
    )
    with given.ids.open("w", buffering=1) if given.ids else contextlib.nullcontext() as ids:
        summary = asyncio.run(generate(load, status=given.status, ids=ids))
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main()
