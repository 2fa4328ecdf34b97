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


def failures_of(fallbacks: Iterable[CapturedPrediction]) -> tuple[Failure, ...]:
    """The most frequent failures of a candidate, by what was answered in its stead. Those that differ in figures alone
    are of one kind.
    """
    times: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for fallback in fallbacks:
        kind = _NUMBER.sub("#", fallback.fallback_because)
        times[kind] += 1
        examples.setdefault(kind, fallback.fallback_because)
    return tuple(Failure(times=number, because=examples[kind]) for kind, number in times.most_common(MOST))
