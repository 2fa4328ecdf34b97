"""Counts for people and Prometheus: a few counters, gauges and one histogram, in the text exposition format 0.0.4.

They start at zero with the door; durable counts are another thing. Request ids never become labels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Requests:
    """Counts of one release in one role: answers by status, and how long they took, in seconds."""

    __slots__ = ("_buckets", "_seconds", "_statuses", "labels")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = dict(labels)
        self._statuses: dict[int, int] = {}
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        """One more answer."""
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def counter_lines(self) -> Iterable[str]:
        """`plimsoll_requests_total` by status."""
        for status, count in sorted(self._statuses.items()):
            yield sample("plimsoll_requests_total", {**self.labels, "status": str(status)}, count)

    def histogram_lines(self) -> Iterable[str]:
        """`plimsoll_request_seconds` with cumulative buckets, sum and count."""
        total = 0
        for bound, count in zip((*BOUNDS_S, float("inf")), self._buckets, strict=True):
            total += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield sample("plimsoll_request_seconds_bucket", {**self.labels, "le": edge}, total)
        yield sample("plimsoll_request_seconds_sum", self.labels, self._seconds)
        yield sample("plimsoll_request_seconds_count", self.labels, total)


class Tally:
    """All that a door counts for people."""

    def __init__(self, *, model: str, environment: str) -> None:
        self.labels = {"model": model, "environment": environment}
        self.fallbacks: Counter[str] = Counter()
        """By the version that failed."""
        self.late: Counter[str] = Counter()
        self.copies_shed = 0
        self._requests: dict[tuple[str, str], Requests] = {}

    def requests(self, version: str, role: str) -> Requests:
        """The counts of one version in one role, kept while the door lives; version and role empty: of no release."""
        found = self._requests.get((version, role))
        if found is None:
            labels = {"model": self.labels["model"], "version": version, "environment": self.labels["environment"]}
            found = self._requests[version, role] = Requests({**labels, "role": role})
        return found

    def families(self) -> Iterable[str]:
        """Each metric with its lines."""
        requests = list(self._requests.values())
        about = "Answers to inference requests by status; those of role shadow are copies, and nobody got them."
        yield family(
            "plimsoll_requests_total", "counter", about, (line for item in requests for line in item.counter_lines())
        )
        about = "Time from a request's last byte to its answer."
        lines = (line for item in requests for line in item.histogram_lines())
        yield family("plimsoll_request_seconds", "histogram", about, lines)
        about = "Requests that the champion answered in the stead of a candidate of that version."
        yield self._by_version("plimsoll_fallbacks_total", about, self.fallbacks)
        about = "Attempts of a candidate of that version that passed the deadline."
        yield self._by_version("plimsoll_candidate_late_total", about, self.late)
        line = sample("plimsoll_copies_shed_total", self.labels, self.copies_shed)
        yield family("plimsoll_copies_shed_total", "counter", "Copies not made: too many were in flight.", [line])

    def _by_version(self, name: str, about: str, counts: Mapping[str, int]) -> str:
        lines = [sample(name, {**self.labels, "version": version}, count) for version, count in sorted(counts.items())]
        return family(name, "counter", about, lines)


def family(name: str, kind: str, about: str, lines: Iterable[str]) -> str:
    """One metric with its help and type; `name` is without the endings of histograms."""
    return "".join([f"# HELP {name} {about}\n# TYPE {name} {kind}\n", *(f"{line}\n" for line in lines)])


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """One line: name, labels, value."""
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    number = repr(float(value)) if isinstance(value, float) else str(value)
    return f"{name}{{{inside}}} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
