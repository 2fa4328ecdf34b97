"""The nouns of capture: one request and its answer, as logged, and what it was in a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Role = Literal["champion", "candidate", "shadow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPart:
    """What a prediction was in a rollout. The defaults say: in none."""

    role: Role = "champion"
    """What the release was: `champion` without a rollout too; `shadow` for a copy, whose answer nobody got."""
    rollout: str = ""
    """Id of the rollout that the request was split by; empty when by none."""
    stage: int | None = None
    propensity: float = 1.0
    """The probability with which the request was given to its arm; of a copy, with which it was made."""
    fallback_for: str = ""
    """Name of the candidate that failed, when the champion answered in its stead."""
    fallback_because: str = ""
    """Why it failed, as `code: text`."""
    pinned: bool = False
    """Whether the caller chose the release."""
    copy_of: str = ""
    """Of a copy: the id of the prediction that the caller got; empty when that one is not captured."""


OF_A_ROLLOUT = tuple(field.name for field in fields(RolloutPart))
"""What a record leaves out where the live release answers everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPrediction(RolloutPart):
    """One request to a release and the answer given. Inputs and outputs are lists, one item a row, by column name."""

    id: str
    at: str
    """When the request was received: ISO 8601 in UTC."""
    release: str
    digest: str
    """The release's digest: what the name stands for."""
    environment: str
    inputs: Mapping[str, Any]
    """As received, context columns too."""
    outputs: Mapping[str, Any]
    """Empty when the model failed."""
    status: int
    """HTTP status of the answer: 200, or 500 when the model failed on these rows."""
    latency_s: float
    """From the request's last byte to the answer, without the network."""
