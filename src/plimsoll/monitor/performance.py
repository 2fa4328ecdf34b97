"""How a release did on one day's predictions: answers joined with the labels that had come by their due age.

A label counts when it came within `delay` of its prediction, the same for every row, so that a day's figure does not
depend on when one looks. Reads Parquet through DuckDB; what is made of it is the metrics' own business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.entities import Task
from plimsoll.data.engine import engine, path_list
from plimsoll.gates.cases import Cases
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.metrics import find_metric
from plimsoll.monitor.entities import Outcome

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A day's answers to callers, and the labels that were due."""

    rows: int
    cases: Cases
    """Those whose label is known."""
    outcomes: Mapping[str, Outcome]


def read_answers(
    predictions: Sequence[Path],
    labels: Sequence[Path],
    *,
    begin: datetime,
    end: datetime,
    delay: timedelta,
    classes: Sequence[Any],
) -> Answers:
    """The answers given between two moments. classes: the release's, in the order of its probabilities; () for none."""
    with engine() as connection:
        _take_answers(connection, predictions, begin=begin, end=end)
        _take_labels(connection, labels, delay=delay)
        found = connection.execute(
            """
            SELECT _decision, _score, _prediction, _probabilities, label FROM answers
            LEFT JOIN labels ON labels.prediction = _id AND labels."row" = _row AND labels.label IS NOT NULL
            ORDER BY _at, _id, _row
            """
        ).fetchall()
        outcomes = connection.execute(
            """
            SELECT name, count(*), sum(figure) FROM (
                SELECT unnest(map_keys(outcomes)) AS name, unnest(map_values(outcomes)) AS figure FROM labels
            ) GROUP BY name ORDER BY name
            """
        ).fetchall()
    return Answers(
        rows=len(found),
        cases=_cases(found, classes),
        outcomes={name: Outcome(rows=rows, total=total) for name, rows, total in outcomes},
    )


def metric_of(answers: Answers, *, metric: str, task: Task) -> float | None:
    """The metric on the labelled answers; None where they do not define it, such as a day of one class."""
    try:
        return float(find_metric(metric, task).value(answers.cases))
    except UndefinedMetric:
        return None


def label_numbers(classes: Sequence[Any]) -> dict[str, int]:
    """The ways in which a class is written as a label, each with the class's number."""
    written: dict[str, int] = {}
    for number, value in enumerate(classes):
        texts = [str(value), str(value).lower()]
        if isinstance(value, bool | int):
            texts += [str(int(value)), str(float(value))]
        if isinstance(value, float) and value.is_integer():
            texts.append(str(int(value)))
        if {0, 1} == set(classes):
            texts += [str(bool(value)), str(bool(value)).lower()]
        for text in texts:
            written.setdefault(text, number)
    return written


def _take_answers(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], *, begin: datetime, end: datetime
) -> None:
    """What callers got between two moments."""
    connection.execute(
        f"""
        CREATE TEMP TABLE answers AS
        SELECT _id, _row, _at, _decision, _score, _prediction, _probabilities
        FROM read_parquet({path_list(list(files))}, union_by_name = true)
        WHERE _at >= $begin AND _at < $end AND _role = 'champion' AND _status = 200
        """,
        {"begin": begin.replace(tzinfo=None), "end": end.replace(tzinfo=None)},  # DuckDB's timestamps are UTC
    )


def _take_labels(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], *, delay: timedelta) -> None:
    """Of each answered row the latest label, and the latest outcomes, that came within the delay."""
    connection.execute(
        'CREATE TEMP TABLE labels (prediction VARCHAR, "row" BIGINT, label VARCHAR, outcomes MAP(VARCHAR, DOUBLE))'
    )
    if not files:
        return
    connection.execute(
        f"""
        INSERT INTO labels
        SELECT prediction, "row", label, outcomes FROM (
            SELECT known.*, row_number() OVER (
                PARTITION BY prediction, known."row", label IS NULL ORDER BY received DESC
            ) AS latest
            FROM read_parquet({path_list(list(files))}) AS known
            JOIN answers ON answers._id = known.prediction AND answers._row = known."row"
            WHERE known.received <= answers._at + to_microseconds($delay_us)
        ) WHERE latest = 1
        """,
        {"delay_us": delay // timedelta(microseconds=1)},
    )


def _cases(found: Sequence[tuple[Any, ...]], classes: Sequence[Any]) -> Cases:
    """The labelled rows in the numbering of the classes; a label that is none of them is no label."""
    if not classes:
        numbers = [(prediction, _number(label)) for _, _, prediction, _, label in found]
        known = [(prediction, truth) for prediction, truth in numbers if truth is not None and prediction is not None]
        return Cases(
            truth=np.array([truth for _, truth in known], dtype=np.float64),
            decision=np.array([prediction for prediction, _ in known], dtype=np.float64),
            probabilities=None,
            classes=0,
        )
    written = label_numbers(classes)
    labelled = [row for row in found if row[4] in written]
    return Cases(
        truth=np.array([written[row[4]] for row in labelled], dtype=np.intp),
        decision=np.array([written.get(row[0], -1) for row in labelled], dtype=np.intp),
        probabilities=_probabilities(labelled, classes=len(classes)),
        classes=len(classes),
    )


def _probabilities(labelled: Sequence[tuple[Any, ...]], *, classes: int) -> NDArray[np.float64]:
    if classes == 2:
        score = np.array([row[1] for row in labelled], dtype=np.float64)
        return np.column_stack([1.0 - score, score])
    return np.array([row[3] for row in labelled], dtype=np.float64).reshape(-1, classes)


def _number(label: str | None) -> float | None:
    try:
        value = float(label) if label is not None else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None
