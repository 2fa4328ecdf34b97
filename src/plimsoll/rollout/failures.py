"""Why a candidate failed, as the doors captured it beside the answers that the champion gave in its stead. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from plimsoll.capture.entities import CapturedPrediction

MOST = 5
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One kind of failure: how often, and one of them in words."""

    times: int
    because: str


def failures_of(rollout: str, predictions: Iterable[CapturedPrediction]) -> tuple[Failure, ...]:
    """The most frequent failures of a rollout's candidate. Those that differ in figures alone are of one kind."""
    times: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for prediction in predictions:
        if prediction.rollout == rollout and prediction.fallback_because:
            kind = _NUMBER.sub("#", prediction.fallback_because)
            times[kind] += 1
            examples.setdefault(kind, prediction.fallback_because)
    return tuple(Failure(times=number, because=examples[kind]) for kind, number in times.most_common(MOST))
