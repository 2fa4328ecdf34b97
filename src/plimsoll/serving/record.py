"""Captures what was answered: one record a prediction, with the part that it had in a rollout."""

from __future__ import annotations

from typing import Any

from plimsoll.capture.entities import OF_A_ROLLOUT, RolloutPart
from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.ids import new_id
from plimsoll.serving.attempt import Attempt
from plimsoll.serving.oip import Output

ALONE = RolloutPart()
"""The live release answers everything: nothing of a rollout is written."""


class Recorder:
    """Writes the predictions of one environment to its capture."""

    def __init__(self, capture: CaptureWriter, *, environment: str) -> None:
        self.capture = capture
        self._environment = environment

    def record(self, attempt: Attempt, part: RolloutPart, *, received_us: int, latency_s: float) -> str:
        """Capture an answer, or a model's failure on these rows, under a new id; empty when it was neither."""
        if attempt.request is None or attempt.status not in (200, 500):
            return ""
        identifier = new_id("prediction", at=from_microseconds(received_us))
        request, ref = attempt.request, attempt.release.ref
        self.capture.append(
            {
                "id": identifier,
                "at_us": received_us,
                "release": ref.name,
                "digest": ref.digest,
                "environment": self._environment,
                "inputs": {**request.columns, **request.context},
                "outputs": {item.name: _by_row(item) for item in attempt.outputs},
                "status": attempt.status,
                "latency_s": round(latency_s, 6),
                **({} if part is ALONE else {name: getattr(part, name) for name in OF_A_ROLLOUT}),
            }
        )
        return identifier


def _by_row(output: Output) -> list[Any]:
    if len(output.shape) == 1:
        return output.data
    width = output.shape[1]
    return [output.data[start : start + width] for start in range(0, len(output.data), width)]
