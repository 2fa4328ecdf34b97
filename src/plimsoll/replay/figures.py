"""How the answers of a replay did, week by week and altogether: what callers got, held against what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.bundle.entities import ScorerSpec, Task
from plimsoll.bundle.spec import read_spec
from plimsoll.capture.entities import CapturedPrediction
from plimsoll.capture.reader import read_predictions
from plimsoll.gates.cases import Cases
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.metrics import find_metric
from plimsoll.kernel.clock import EPOCH, from_text
from plimsoll.kernel.workspace import Workspace
from plimsoll.monitor.performance import label_numbers
from plimsoll.project.entities import Project
from plimsoll.replay.entities import Figures, Sent, Week
from plimsoll.replay.moments import DAY
from plimsoll.replay.recorded import read_labels

DEFAULT_METRICS: Mapping[Task, str] = {
    "binary_classification": "accuracy",
    "multiclass_classification": "accuracy",
    "regression": "rmse",
}
BEGINNING, END = EPOCH - DAY, datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One answered row with its label."""

    at: datetime
    truth: float
    decision: float
    probabilities: tuple[float, ...]


def figures_of(
    project: Project, workspace: Workspace, *, environment: str, rows: Path, label: str, sent: Sequence[Sent]
) -> Figures | None:
    """The project's metric on what callers got; None without labels or answers."""
    assert project.model is not None
    spec = _spec(workspace, environment)
    if not label or spec is None:
        return None
    labels = {number: value for number, _, value in read_labels(rows, label, after=BEGINNING, until=END)}
    firsts = {one.prediction: one.first for one in sent if one.prediction}
    found = list(_scored(read_predictions(workspace.capture(environment)), spec, firsts, labels))
    found.sort(key=lambda one: one.at)
    quality = project.monitor.quality
    name = quality.metric if quality is not None else DEFAULT_METRICS[project.model.task]
    if not found:
        return None
    return Figures(
        metric=name,
        rows=len(found),
        value=_value(name, spec, found),
        weeks=tuple(_by_span(name, spec, found, timedelta(weeks=1))),
        days=tuple(_by_span(name, spec, found, DAY)),
    )


def _spec(workspace: Workspace, environment: str) -> ScorerSpec | None:
    """What a release of the environment predicts; all of a replay predict the same."""
    folders = sorted((workspace.environment(environment) / "releases").glob("*/scorer"))
    return read_spec(folders[0]) if folders else None


def _scored(
    predictions: Iterable[CapturedPrediction], spec: ScorerSpec, firsts: Mapping[str, int], labels: Mapping[int, Any]
) -> Iterable[Scored]:
    """Answers to callers with their labels; a label that is no class of the model's, and no number, is none."""
    numbers = label_numbers(spec.classes)
    for item in predictions:
        first = firsts.get(item.id)
        if first is None or item.status != 200:
            continue
        at = from_text(item.at)
        decisions = item.outputs.get("decision") or item.outputs.get("prediction") or ()
        for row, decision in enumerate(decisions):
            truth = _number(labels.get(first + row), numbers)
            if truth is not None:
                decided = _number(decision, numbers)
                yield Scored(
                    at=at,
                    truth=truth,
                    decision=-1.0 if decided is None else decided,
                    probabilities=_probabilities(item.outputs, row),
                )


def _number(value: Any, numbers: Mapping[str, int]) -> float | None:
    if value is None:
        return None
    if numbers:
        return numbers.get(str(value))
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _probabilities(outputs: Mapping[str, Any], row: int) -> tuple[float, ...]:
    if "score" in outputs:
        score = float(outputs["score"][row])
        return (1.0 - score, score)
    return tuple(outputs["probabilities"][row]) if "probabilities" in outputs else ()


def _by_span(name: str, spec: ScorerSpec, found: Sequence[Scored], span: timedelta) -> Iterable[Week]:
    groups: dict[datetime, list[Scored]] = {}
    for one in found:
        midnight = one.at.replace(hour=0, minute=0, second=0, microsecond=0)
        begin = midnight - timedelta(days=midnight.weekday()) if span > DAY else midnight
        groups.setdefault(begin, []).append(one)
    for begin, rows in groups.items():
        yield Week(begin=begin, rows=len(rows), value=_value(name, spec, rows))


def _value(name: str, spec: ScorerSpec, found: Sequence[Scored]) -> float | None:
    try:
        return float(find_metric(name, spec.task).value(_cases(spec, found)))
    except UndefinedMetric:
        return None


def _cases(spec: ScorerSpec, found: Sequence[Scored]) -> Cases:
    kind = np.intp if spec.classes else np.float64
    return Cases(
        truth=np.array([one.truth for one in found], dtype=kind),
        decision=np.array([one.decision for one in found], dtype=kind),
        probabilities=np.array([one.probabilities for one in found], dtype=np.float64) if spec.classes else None,
        classes=len(spec.classes),
    )
