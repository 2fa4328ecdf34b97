"""Rows of what runs logged: points in blocks, parameters, files; and the entities they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plimsoll.ledger.engine import Transaction
from plimsoll.pipeline.logbook import Logged, LoggedFile
from plimsoll.pipeline.points import Points, joined, pack, unpack

_MOST_IN_BLOCK = 10_000
_FILLED = 1_000
"""A metric's last block takes more points until it has so many: points that come in small batches fill few rows."""


def append(transaction: Transaction, *, run: str, source: str, logged: Logged) -> None:
    """Save what was logged, behind what is there. source: the step, or `@` and the person who logged it."""
    for metric, points in logged.points.items():
        _append_points(transaction, run=run, source=source, metric=metric, points=points)
    for name, value in logged.params.items():
        transaction.execute(
            """
            INSERT INTO run_logged_params (run_id, source, name, value) VALUES (:run, :source, :name, :value)
            ON CONFLICT (run_id, source, name) DO UPDATE SET value = excluded.value
            """,
            run=run,
            source=source,
            name=name,
            value=json.dumps(value),
        )
    for file in logged.files:
        transaction.execute(
            """
            INSERT INTO run_logged_files (run_id, source, name, digest, bytes)
            VALUES (:run, :source, :name, :digest, :bytes)
            ON CONFLICT (run_id, source, name) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes
            """,
            run=run,
            source=source,
            name=file.name,
            digest=file.digest,
            bytes=file.bytes,
        )


def has_logged(transaction: Transaction, *, run: str, source: str) -> bool:
    """Whether a source has logged anything to a run."""
    row = transaction.one(
        """
        SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM run_points WHERE run_id = :run AND source = :source)
            OR EXISTS (SELECT 1 FROM run_logged_params WHERE run_id = :run AND source = :source)
        """,
        run=run,
        source=source,
    )
    return row is not None


def points_of(transaction: Transaction, *, run: str, metric: str = "") -> dict[tuple[str, str], Points]:
    """(source, metric) -> its points, by name; of one metric when it is named."""
    blocks: dict[tuple[str, str], list[Points]] = {}
    for row in transaction.all(
        """
        SELECT source, metric, block FROM run_points
        WHERE run_id = :run AND (:metric = '' OR metric = :metric) ORDER BY metric, source, chunk
        """,
        run=run,
        metric=metric,
    ):
        blocks.setdefault((row["source"], row["metric"]), []).append(unpack(row["block"]))
    return {key: joined(some) for key, some in blocks.items()}


def params_of(transaction: Transaction, *, run: str) -> dict[tuple[str, str], Any]:
    """(source, name) -> the parameter's value."""
    rows = transaction.all("SELECT * FROM run_logged_params WHERE run_id = :run ORDER BY name, source", run=run)
    return {(row["source"], row["name"]): json.loads(row["value"]) for row in rows}


def files_of(transaction: Transaction, *, run: str) -> dict[tuple[str, str], LoggedFile]:
    """(source, name) -> the file."""
    rows = transaction.all("SELECT * FROM run_logged_files WHERE run_id = :run ORDER BY name, source", run=run)
    return {
        (row["source"], row["name"]): LoggedFile(name=row["name"], digest=row["digest"], bytes=row["bytes"])
        for row in rows
    }


def makers(transaction: Transaction, *, project: str, keys: Mapping[str, str]) -> dict[str, str]:
    """Step -> the run that made its outputs. keys: step -> cache key."""
    found = {}
    for step, key in keys.items():
        row = transaction.one(
            "SELECT run_id FROM step_cache WHERE project = :project AND cache_key = :cache_key",
            project=project,
            cache_key=key,
        )
        if row is not None:
            found[step] = str(row["run_id"])
    return found


def _append_points(transaction: Transaction, *, run: str, source: str, metric: str, points: Points) -> None:
    where: dict[str, Any] = {"run": run, "source": source, "metric": metric}
    last = transaction.one(
        """
        SELECT chunk, points, block FROM run_points
        WHERE run_id = :run AND source = :source AND metric = :metric ORDER BY chunk DESC LIMIT 1
        """,
        **where,
    )
    chunk = 0 if last is None else int(last["chunk"]) + 1
    if last is not None and last["points"] < _FILLED:
        chunk, points = chunk - 1, joined((unpack(last["block"]), points))
    for place in range(0, len(points), _MOST_IN_BLOCK):
        part = points.part(place, place + _MOST_IN_BLOCK)
        transaction.execute(
            """
            INSERT INTO run_points (run_id, source, metric, chunk, points, block)
            VALUES (:run, :source, :metric, :chunk, :points, :block)
            ON CONFLICT (run_id, source, metric, chunk) DO UPDATE SET points = excluded.points, block = excluded.block
            """,
            **where,
            chunk=chunk,
            points=len(part),
            block=pack(part),
        )
        chunk += 1
