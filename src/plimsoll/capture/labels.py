"""The stream of labels: what was true of a prediction, and what came of it, appended as it becomes known.

Nothing is ever changed: a later label of the same row counts instead of an earlier one. On disk these are segments like
those of predictions. An append is durable when it returns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from plimsoll.capture.errors import LabelsRefused
from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.clock import in_microseconds

LabelValue = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What became known of one row of a prediction."""

    prediction: str
    """The id that the answer carried."""
    row: int = 0
    """Which row of the request, from 0."""
    label: LabelValue | None = None
    """The truth; None when only outcomes became known."""
    outcomes: Mapping[str, float] = field(default_factory=dict)
    """Business figures by name, such as revenue."""
    at: datetime
    """When it became true."""


class LabelWriter:
    """Appends labels of one environment, for many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: CaptureWriter | None = None
        self._lock = threading.Lock()

    def append(self, labels: Sequence[Label], *, received: datetime, by: str) -> None:
        """Write labels down, durably. Raises LabelsRefused when the disk does not take one; those before it are kept.

        Sending them all again does no harm.
        """
        with self._lock:
            writer = self._writer = self._writer or CaptureWriter(self._folder, now_ns=time.time_ns)
            for number, label in enumerate(labels):
                if not writer.append(_record(label, received=received, by=by)):
                    raise LabelsRefused(problem=writer.problem, kept=number, total=len(labels))
            if problem := writer.sync():
                raise LabelsRefused(problem=problem, kept=0, total=len(labels))

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None


def _record(label: Label, *, received: datetime, by: str) -> dict[str, object]:
    return {
        "prediction": label.prediction,
        "row": label.row,
        "label": label.label,
        "outcomes": dict(label.outcomes),
        "at_us": in_microseconds(label.at),
        "received_us": in_microseconds(received),
        "by": by,
    }
