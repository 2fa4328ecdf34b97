"""Which release answers a request: by the traffic split, by what the request sticks to, or by a tester's pin. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from plimsoll.capture.counts import Outcome
from plimsoll.serving.entities import Traffic
from plimsoll.serving.ports import Release

BUCKETS = 1000
"""Weights are told apart to 0.1 %."""
HEADER = "header:"

R = TypeVar("R", bound=Release)


class Journal(Protocol):
    """Where outcomes are counted."""

    shed: int
    """Those that could not be kept."""

    def append(self, outcome: Outcome) -> None:
        """Keep one; never raises for what the disk does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Generic[R]):
    """A rollout at work: its candidate, loaded in this door, and where its outcomes go."""

    traffic: Traffic
    stick_to: str
    candidate: R
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes(Generic[R]):
    """Where requests go. A request reads this once and keeps it, whatever is changed meanwhile."""

    live: R | None = None
    split: Split[R] | None = None
    """None: the live release answers everything, and nothing is counted."""
    loaded: Mapping[str, R] = field(default_factory=dict)
    """By version; all that a tester may pin a request to."""

    def pinned(self, pin: str, *, model: str) -> R | None:
        """The loaded release that a pin names, as `fraud@2` or `2`."""
        name, _, version = pin.rpartition("@")
        return self.loaded.get(version) if name in ("", model) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a request was given to, and how."""

    candidate: bool
    """Whether the candidate shall answer."""
    copied: bool
    """Whether the other arm gets a copy."""
    propensity: float
    """The probability of that arm."""
    unit: int | None
    fresh: bool


def draw(traffic: Traffic, *, unit: int | None, chance: int) -> Draw:
    """The arm of a request.

    unit: hash of what sticks; None: `chance`, drawn evenly from 0 to 999, decides instead. A unit that has the
    candidate keeps it while the share grows, since it has it when its bucket is below the share. What sticks to nothing
    is compared by the same part of the ring, or the split would not be the one that is tested for.
    """
    bucket = chance if unit is None else unit % BUCKETS
    share = traffic.candidate_pct / 100
    candidate = bucket < _buckets(traffic.candidate_pct)
    return Draw(
        candidate=candidate,
        copied=traffic.copying and bucket < _buckets(traffic.shadow_pct),
        propensity=share if candidate else 1 - share,
        unit=unit,
        fresh=not traffic.split or bucket >= _buckets(traffic.drawn_pct),
    )


def unit_of(rollout: str, value: str) -> int:
    """64-bit hash of what sticks. Salted with the rollout, so that no unit always comes first."""
    return int.from_bytes(hashlib.blake2b(f"{rollout}\0{value}".encode(), digest_size=8).digest(), "big")


def sticky_value(stick_to: str, page: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What a request sticks by: a header, or the first row of a column; None when it does not have that.

    page: the parsed body, which no release has checked yet: anything may be in it.
    """
    if not stick_to:
        return None
    if stick_to.startswith(HEADER):
        wanted = stick_to.removeprefix(HEADER).lower().encode()
        return next((value.decode("latin-1") for name, value in headers if name == wanted), None)
    inputs = page.get("inputs")
    for tensor in inputs if isinstance(inputs, list) else ():
        if isinstance(tensor, dict) and tensor.get("name") == stick_to:
            return _text(tensor.get("data"))
    return None


def _text(data: Any) -> str | None:
    """The first value as text; the same for 7, 7.0 and "7", which callers send for one and the same column."""
    while isinstance(data, list) and data:
        data = data[0]
    match data:
        case str():
            return data
        case bool():
            return "true" if data else "false"
        case int() | float():
            return str(int(data)) if float(data).is_integer() else str(data)
    return None


def _buckets(percent: float) -> int:
    return round(percent * BUCKETS / 100)
