"""Latencies as counts in buckets that grow by 2 %: small, exact to merge, and all that the latency test needs.

Standard library only. What the test concludes from two histograms is in sequential.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RATIO = 1.02
LEAST_S = 1e-5
"""Bucket 0 holds everything below; bucket i > 0 holds LEAST_S * RATIO**(i - 1) up to, without, LEAST_S * RATIO**i."""

_STEP = math.log(RATIO)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many durations fell into each bucket. Empty buckets are left out, so equal counts are equal objects.

    Raises ValueError for a bucket or a count below 0.
    """

    counts: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(bucket < 0 or count < 0 for bucket, count in self.counts.items()):
            raise ValueError(f"buckets and counts go from 0 up: {dict(self.counts)}")
        kept = {bucket: self.counts[bucket] for bucket in sorted(self.counts) if self.counts[bucket]}
        object.__setattr__(self, "counts", kept)

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Histogram:
        """The histogram of these durations."""
        return cls(Counter(map(bucket_of, seconds)))

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> Histogram:
        """What `to_json` gave."""
        return cls({int(bucket): count for bucket, count in counts.items()})

    def to_json(self) -> dict[str, int]:
        """Counts by bucket, in order; the buckets are text, as keys are in JSON."""
        return {str(bucket): count for bucket, count in self.counts.items()}

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def merged(self, *others: Histogram) -> Histogram:
        """The histogram that counting all together would have made: exact, in any order."""
        together = Counter(self.counts)
        for other in others:
            together.update(other.counts)
        return Histogram(together)

    def quantile(self, share: float) -> float | None:
        """Seconds that a `share` (0 to 1) of the durations did not exceed, within 1 %; None when there are none.

        The geometric middle of the bucket that holds the duration of rank ceil(share * total); in bucket 0 its end.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, not at {share}")
        rank = max(1, math.ceil(share * self.total * (1 - 1e-12)))  # 0.07 * 100 is a little more than 7
        seen = 0
        for bucket, count in self.counts.items():
            seen += count
            if seen >= rank:
                return LEAST_S if bucket == 0 else upper_edge_s(bucket) / math.sqrt(RATIO)
        return None


def bucket_of(seconds: float) -> int:
    """The bucket of a duration; never less for a longer one. Raises ValueError for none: below 0, NaN, infinite."""
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"no duration lasts {seconds} s")
    if seconds < LEAST_S:
        return 0
    return 1 + int(math.log(seconds / LEAST_S) / _STEP)


def upper_edge_s(bucket: int) -> float:
    """Where a bucket ends, in seconds; durations in it are shorter, rounding aside."""
    return LEAST_S * RATIO**bucket


def buckets_apart(ratio: float) -> int:
    """The least k such that `ratio` times a duration of bucket i falls into bucket i + k or below. Needs ratio >= 1."""
    if not (ratio >= 1 and math.isfinite(ratio)):
        raise ValueError(f"a tolerated ratio is at least 1, not {ratio}")
    return math.ceil(math.log(ratio) / _STEP)
