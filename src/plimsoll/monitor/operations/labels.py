"""Taking labels and outcomes: checked together, then appended durably. They are data, as predictions are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from plimsoll.capture.labels import Label, LabelWriter
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.kernel.ids import millisecond_of
from plimsoll.monitor.errors import BadLabels
from plimsoll.monitor.requests import LabelItem, LabelsRequest, LabelsTaken
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project

_NAMED = 5


@operation(
    "labels.add", "POST", "/labels/{environment}", role=Role.DEVELOPER, request=LabelsRequest, response=LabelsTaken
)
def add_labels(context: Context, request: LabelsRequest) -> LabelsTaken:
    """Write down labels and outcomes of predictions, all of them or none; a later one counts instead of an earlier."""
    find_environment(load_project(context.workspace.project_file), request.environment)
    now = context.clock.now()
    problems = [
        f"number {number}: {problem}" for number, item in enumerate(request.labels, start=1) for problem in _wrong(item)
    ]
    if problems:
        more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        listing = "; ".join(problems[:_NAMED]) + more
        raise BadLabels(count=len(problems), total=len(request.labels), listing=listing)
    labels = [_label(item, now=now) for item in request.labels]
    if labels:
        writer = label_writer(context.workspace.labels(request.environment))
        writer.append(labels, received=now, by=context.caller.name)
    return LabelsTaken(environment=request.environment, taken=len(labels))


@lru_cache(maxsize=64)
def label_writer(folder: Path) -> LabelWriter:
    """The writer of an environment's labels, one in a process."""
    return LabelWriter(folder)


def _wrong(item: LabelItem) -> Iterator[str]:
    try:
        millisecond_of(item.prediction)
    except ValueError:
        yield f"{item.prediction!r} is no prediction's id"
    if item.row < 0:
        yield f"row {item.row} is below 0"
    if item.label is None and not item.outcomes:
        yield "it has neither a label nor outcomes"
    figures = [*item.outcomes.values(), *([item.label] if isinstance(item.label, float) else [])]
    if not all(math.isfinite(figure) for figure in figures):
        yield "it holds a number that is not finite"
    if item.at:
        try:
            datetime.fromisoformat(item.at)
        except ValueError:
            yield f"{item.at!r} is no moment such as 2026-03-01T12:00:00Z"


def _label(item: LabelItem, *, now: datetime) -> Label:
    at = datetime.fromisoformat(item.at) if item.at else now
    return Label(
        prediction=item.prediction,
        row=item.row,
        label=item.label,
        outcomes=item.outcomes,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
    )
