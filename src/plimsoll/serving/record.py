"""Captures what was answered: one record a prediction, with the part that it had in a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.capture.entities import Role
from plimsoll.capture.writer import CaptureWriter
from plimsoll.kernel.clock import from_microseconds
from plimsoll.kernel.ids import new_id
from plimsoll.serving.attempt import Attempt
from plimsoll.serving.oip import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a prediction was in a rollout; the meaning of each field is told in capture/entities.py."""

    role: Role = "champion"
    rollout: str = ""
    stage: int | None = None
    propensity: float = 1.0
    fallback_for: str = ""
    fallback_because: str = ""
    pinned: bool = False
    copy_of: str = ""

    def page(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "rollout": self.rollout,
            "stage": self.stage,
            "propensity": self.propensity,
            "fallback_for": self.fallback_for,
            "fallback_because": self.fallback_because,
            "pinned": self.pinned,
            "copy_of": self.copy_of,
        }


ALONE = Part()
"""The live release answers everything: nothing of a rollout is written."""


class Recorder:
    """Writes the predictions of one environment to its capture."""

    def __init__(self, capture: CaptureWriter, *, environment: str) -> None:
        self.capture = capture
        self._environment = environment

    def record(self, attempt: Attempt, part: Part, *, received_us: int, latency_s: float) -> str:
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
                **({} if part is ALONE else part.page()),
            }
        )
        return identifier


def _by_row(output: Output) -> list[Any]:
    if len(output.shape) == 1:
        return output.data
    width = output.shape[1]
    return [output.data[start : start + width] for start in range(0, len(output.data), width)]
